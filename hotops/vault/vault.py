"""A vault as an environment sees it: names found, values resolved, references handed out, values written."""

from __future__ import annotations

import functools
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hotops.core.options import nearest
from hotops.core.secret import Secret
from hotops.vault.document import Document, Reference
from hotops.vault.env_lines import unreadable
from hotops.vault.errors import (
    ClaimedTwice,
    NotInVault,
    StaleReference,
    Unfit,
    VaultError,
    VaultModes,
    VaultUnreadable,
)
from hotops.vault.judging import unfit
from hotops.vault.names import (
    PathMeaning,
    canonical,
    environment_of,
    key_environment,
    meaning_of,
    sibling_path,
)
from hotops.vault.reading import parse
from hotops.vault.store import OWN, Store
from hotops.vault.writing import new_text, with_value

_KEY_PATH = f"{OWN}/fingerprint.key"
_REFERENCE = re.compile(r"vault:(?P<path>[^#@]+)#(?P<key>[^#@]+)(?:@(?P<fingerprint>[0-9a-f]{16}))?")


@dataclass(frozen=True)
class Item:
    """A value of the vault by its place. `key` is the file's own or what its path implies, `name` is without the
    environment's suffix; the value itself is asked for with `Vault.value`."""

    path: str
    key: str
    name: str
    line: int
    meaning: PathMeaning
    written_key: str | None

    @property
    def place(self) -> str:
        """`supabase/database_url_prod.env:3`, for a message."""
        return f"{self.path}:{self.line}"

    def __str__(self) -> str:
        return f"{self.path}#{self.key}"


@functools.cache
def _new_key(_place: str) -> bytes:
    """The first key of a vault that has none; one in a process, so that a plan once looked at is then carried out."""
    return secrets.token_hex(32).encode()


class Vault:
    """The values that count in one environment. Files are read when it is opened; `Secret`s leave it, never texts.

    Raises VaultModes where others may read it (`fix_modes` mends that; with `any_modes` it is read all the same, to be
    told about). A file that can't be understood is kept in `unreadable` and raises when something in it is asked for.
    """

    def __init__(
        self,
        store: Store,
        environment: str,
        *,
        fix_modes: bool = False,
        any_modes: bool = False,
        may_write: bool = True,
    ) -> None:
        self.store = store
        self.environment = environment_of(environment)
        self.may_write = may_write
        self._names = frozenset({environment.lower()})
        loose = store.loose()
        if loose and fix_modes:
            store.tighten()
        elif loose and not any_modes:
            more = f" and {len(loose) - 1} more" if len(loose) > 1 else ""
            raise VaultModes(
                f"Others on this computer may read the vault {store.place}: {loose[0]}{more}.",
                remedy=f"hotops vault fix-modes ENV, or chmod -R go= {store.place}",
                details={"loose": [str(item) for item in loose]},
            )
        self.documents: dict[str, Document] = {}
        self.unreadable: dict[str, VaultUnreadable] = {}
        self._key: bytes | None = None
        #: What the documents hold, until one of them changes: a map of 200 secrets asks for it 400 times.
        self._items: list[Item] | None = None
        for path in store.paths():
            self._read(path)

    # --- finding -----------------------------------------------------------------------------------------------------

    def items(self) -> list[Item]:
        """Everything in the vault, of all environments, siblings included, in the order of the files."""
        if self._items is None:
            self._items = [item for path in sorted(self.documents) for item in self._items_of(self.documents[path])]
        return list(self._items)

    def here(self) -> list[Item]:
        """What counts in this environment: its own files, and those of no environment; no siblings."""
        return [item for item in self.items() if not item.meaning.sibling and self._counts(item)]

    def claims(self) -> dict[str, list[Item]]:
        """By name, the places that claim it in this environment. Own files come before those of all environments."""
        found: dict[str, list[Item]] = {}
        for item in self.here():
            found.setdefault(item.name, []).append(item)
        return {name: self._strongest(items) for name, items in found.items()}

    def double_claims(self) -> dict[str, list[Item]]:
        """Slots of which two files claim the same name in this environment."""
        by_slot: dict[tuple[str, str], list[Item]] = {}
        for item in self.here():
            by_slot.setdefault((item.meaning.slot, item.name), []).append(item)
        strongest = {key: self._strongest(items) for key, items in by_slot.items()}
        return {f"{slot}#{name}": items for (slot, name), items in strongest.items() if len(items) > 1}

    def find(self, term: str) -> Item:
        """The item that a term names: a name (`DATABASE_URL`), a slot (`supabase/database_url`), with or without
        `#KEY`, a path, or a reference (`vault:…@…`, whose fingerprint has to hold).

        Raises NotInVault, ClaimedTwice, StaleReference, VaultUnreadable.
        """
        reference = _REFERENCE.fullmatch(term)
        if reference:
            item = self._at(reference["path"], reference["key"])
            if reference["fingerprint"] and self.fingerprint(self.value(item)) != reference["fingerprint"]:
                raise StaleReference(
                    f"{item} was changed since the reference to it was made.", remedy="Run the whole playbook again."
                )
            return item
        path, _, key = term.removeprefix("vault:").partition("#")
        if path in self.documents or path in self.unreadable:
            return self._at(path, key or None)
        here = self.here()
        if "/" in path or key or any(item.meaning.slot == path for item in here):
            found = [item for item in here if item.meaning.slot == path and (not key or key in (item.key, item.name))]
        else:
            found = [item for item in here if path in (item.name, item.key)]
        return self._one(term, found)

    def has(self, term: str) -> bool:
        """Whether a term names something. Raises ClaimedTwice as `find` does."""
        try:
            self.find(term)
        except NotInVault:
            return False
        return True

    # --- values ------------------------------------------------------------------------------------------------------

    def value(self, item: Item | str) -> Secret:
        """The value, with what it takes in of others. Raises what `find` does, and VaultUnreadable for a circle."""
        return self._resolved(self.find(item) if isinstance(item, str) else item, ())

    def fit_value(self, item: Item | str) -> Secret:
        """The value, refused where it is a placeholder or empty. Raises Unfit, which names the place."""
        found = self.find(item) if isinstance(item, str) else item
        value = self.value(found)
        why = unfit(value)
        if why is not None:
            raise Unfit(
                f"{found.place}: {found.key} is {'empty' if why == 'empty' else 'a placeholder'}.",
                remedy="Put the real value there; a placeholder is never mirrored.",
                details={"file": found.path, "line": found.line, "key": found.key, "why": why},
            )
        return value

    def sibling(self, item: Item, which: Literal["new", "old"]) -> Secret | None:
        """The coming or the former value of an item; None where there is none."""
        for other in self.items():
            meaning = other.meaning
            if meaning.sibling == which and meaning.base_path == item.path and other.key == item.key:
                return self.value(other)
        return None

    def fingerprint(self, value: Secret) -> str:
        """The fingerprint under the vault's own key: the same on every computer that has the vault."""
        return value.fingerprint(self.key())

    def reference(self, item: Item | str) -> str:
        """`vault:<path>#<KEY>@<fingerprint>`: what travels instead of the value.

        Without the fingerprint where there is no kept key yet and none may be written: another process has another.
        """
        found = self.find(item) if isinstance(item, str) else item
        value = self.value(found)
        if not self.may_write and self.store.read(_KEY_PATH) is None:
            return f"vault:{found.path}#{found.key}"
        return f"vault:{found.path}#{found.key}@{self.fingerprint(value)}"

    def key(self) -> bytes:
        """The key of the fingerprints. Made when there is none, but kept only where the vault may be written."""
        if self._key is None:
            kept = self.store.read(_KEY_PATH)
            if kept is None and self.may_write:
                with self.store.locked():
                    kept = self.store.read(_KEY_PATH)
                    if kept is None:
                        kept = _new_key(str(self.store.place))
                        self.store.write(_KEY_PATH, kept)
            text = (kept or _new_key(str(self.store.place))).strip()
            try:
                self._key = bytes.fromhex(text.decode("ascii"))
            except ValueError:
                raise VaultError(f"{_KEY_PATH} is damaged.", remedy="Bring it back from a copy of the vault.") from None
            if len(self._key) != 32:
                raise VaultError(f"{_KEY_PATH} is damaged.", remedy="Bring it back from a copy of the vault.")
        return self._key

    # --- writing -----------------------------------------------------------------------------------------------------

    def write(self, item: Item | str, value: Secret) -> Item:
        """Write a value where its item stands; nothing else of the file changes."""
        found = self.find(item) if isinstance(item, str) else item
        return self._put(found.path, found.written_key, found.key, value)

    def add(self, path: str, key: str, value: Secret) -> Item:
        """Write a value under `key` into a file, which is made if there is none."""
        return self._put(path, key, key, value)

    def keep_sibling(self, item: Item, which: Literal["new", "old"], value: Secret) -> Item:
        """Keep a coming (`new`) or former (`old`) value beside an item, before anything is activated anywhere."""
        return self._put(sibling_path(item.path, which), item.key, item.key, value)

    def drop_sibling(self, item: Item, which: Literal["new", "old"]) -> None:
        """Remove what was kept beside an item."""
        self._refuse_unwritable()
        path = sibling_path(item.path, which)
        with self.store.locked():
            self.store.remove(path)
        self._items = None
        self.documents.pop(path, None)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes from changing the vault meanwhile."""
        with self.store.locked():
            yield

    # --- inside ------------------------------------------------------------------------------------------------------

    def _read(self, path: str) -> None:
        content = self.store.read(path)
        self._items = None
        self.documents.pop(path, None)
        self.unreadable.pop(path, None)
        if content is None:
            return
        try:
            self.documents[path] = parse(path, content)
        except VaultUnreadable as error:
            self.unreadable[path] = error

    def _items_of(self, document: Document) -> Iterator[Item]:
        meaning = meaning_of(document.path, self._names)
        for entry in document.entries:
            key = entry.key or meaning.implied_key
            name = canonical(key, meaning.environment, self._names)
            yield Item(document.path, key, name, entry.line, meaning, entry.key)

    def _counts(self, item: Item) -> bool:
        if item.meaning.environment is not None:
            return item.meaning.environment == self.environment
        return key_environment(item.key, self._names) in (None, self.environment)

    def _strongest(self, items: Iterable[Item]) -> list[Item]:
        """Those that say this environment, if any does: a file of no environment is the default of all."""
        found = list(items)
        own = [item for item in found if item.meaning.environment or item.key != item.name]
        return own or found

    def _one(self, term: str, found: list[Item]) -> Item:
        strongest = self._strongest(found)
        if len(strongest) == 1:
            return strongest[0]
        if not strongest:
            raise self._absent(term)
        places = ", ".join(item.place for item in strongest)
        raise ClaimedTwice(
            f"{term} is claimed by {places} in {self.environment}.",
            remedy="Remove or rename one, or name the one that is meant as path#KEY.",
            details={"term": term, "places": [item.place for item in strongest]},
        )

    def _at(self, path: str, key: str | None) -> Item:
        if path in self.unreadable:
            raise self.unreadable[path]
        document = self.documents.get(path)
        if document is None:
            raise self._absent(path)
        found = [item for item in self._items_of(document) if key is None or key in (item.key, item.name)]
        return self._one(f"{path}#{key}" if key else path, found)

    def _absent(self, term: str) -> NotInVault:
        here = self.here()
        known = [str(item) if "#" in term else item.meaning.slot if "/" in term else item.name for item in here]
        by_form = {name.lower(): name for name in known}
        near = by_form.get(nearest(term, by_form) or "")
        unread = "".join(f" {error.message}" for error in self.unreadable.values())
        return NotInVault(
            f"The vault {self.store.place} has no {term} for {self.environment}.{unread}",
            remedy=f"Did you mean {near}?" if near else self._to_add(term),
            details={"term": term, "nearest": near},
        )

    def _to_add(self, term: str) -> str:
        """The file and the line that would have it."""
        path, _, key = term.rpartition("#")
        place = Path(self.store.place)
        if not place.is_dir():
            return f"Add {term} there: sops {place}"
        file = place / (path or f"{key.lower()}_{self.environment}.env")
        return f"Add it, as a line {key}=… in {file} (mode 600)."

    def _resolved(self, item: Item, above: tuple[Item, ...]) -> Secret:
        if item in above:
            circle = " → ".join(str(other) for other in (*above, item))
            raise unreadable(item.path, item.line, f"the values take each other in: {circle}", "Break the circle.")
        document = self.documents[item.path]
        entry = document.entry(item.written_key)
        if entry is None:
            raise self._absent(str(item))
        if entry.literal is not None:
            return entry.literal
        texts = []
        for part in entry.parts:
            if isinstance(part, Reference):
                texts.append(self._resolved(self._taken_in(item, part.name), (*above, item)).reveal())
            else:
                texts.append(part.reveal())
        return Secret("".join(texts))

    def _taken_in(self, item: Item, name: str) -> Item:
        """What `${NAME}` in an item means: the same file's key, else the vault's."""
        document = self.documents[item.path]
        if document.form == "env" and document.entry(name) is not None:
            return self._at(item.path, name)
        try:
            return self.find(name)
        except NotInVault:
            raise unreadable(
                item.path, item.line, f"{item.key} takes in ${{{name}}}, which is nowhere in the vault",
                "Add it, or write the value in single quotes if it is meant as it stands.",
            ) from None  # fmt: skip

    def _put(self, path: str, written_key: str | None, key: str, value: Secret) -> Item:
        self._refuse_unwritable()
        with self.store.locked():
            content = self.store.read(path)  # again: a colleague's edit of another line must not be lost
            if content is None:
                text = new_text(path, written_key or key, value)
            else:
                text = with_value(parse(path, content), written_key, value)
            self.store.write(path, text.encode())
        self._read(path)
        return self._at(path, key)

    def _refuse_unwritable(self) -> None:
        if not self.may_write:
            raise VaultError("The vault was opened for reading only.", remedy="Run without --check.")

"""What was written where, by fingerprint: kept with the vault, so that a colleague and CI know the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from hotops.vault.errors import VaultUnreadable
from hotops.vault.store import OWN
from hotops.vault.vault import Vault

PATH = f"{OWN}/ledger.json"
_SCHEMA = 1


@dataclass(frozen=True)
class Mark:
    """The last write to a target that is known: the value's fingerprint, and how the store showed it then.

    `intended` is the fingerprint of a write that was begun and whose end nobody noted: it may have arrived or not.
    `removing` is that somebody asked for its removal: it may be gone already, and that is no mistake.
    `since` is when this value was written first, which is its age for rotation.
    """

    fingerprint: str = ""
    digest: str | None = None
    updated_at: float | None = None
    written_at: float | None = None
    since: float | None = None
    run: str = ""
    intended: str | None = None
    removing: bool | None = None


class Ledger:
    """The marks by target (`fly:app/NAME`, `github:env/NAME`). Every change is on the disk before it returns."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self.marks: dict[str, Mark] = self._read()

    def intend(self, fingerprints: Mapping[str, str], *, run: str) -> None:
        """Note what is about to be written, before it is."""
        self._change(
            {
                target: replace(self.marks.get(target, Mark()), intended=fingerprint, run=run)
                for target, fingerprint in fingerprints.items()
            }
        )

    def wrote(self, marks: Mapping[str, Mark]) -> None:
        """Note what was written, or proven to be there, as the store shows it."""
        kept = {}
        for target, mark in marks.items():
            known = self.marks.get(target)
            same = known is not None and known.fingerprint == mark.fingerprint and known.since is not None
            kept[target] = replace(mark, since=known.since if known is not None and same else mark.written_at)
        self._change(kept)

    def remove(self, target: str) -> None:
        """Note that a target is about to be removed, and forget what was written to it."""
        self._change({target: Mark(removing=True)})

    def _change(self, changed: Mapping[str, Mark | None]) -> None:
        if not changed:
            return
        with self._vault.locked():
            self.marks = self._read()  # another run may have written meanwhile
            for target, mark in changed.items():
                if mark is None:
                    self.marks.pop(target, None)
                else:
                    self.marks[target] = mark
            body = {
                "schema": _SCHEMA,
                "targets": {
                    target: {key: value for key, value in asdict(mark).items() if value not in (None, "")}
                    for target, mark in sorted(self.marks.items())
                },
            }
            self._vault.store.write(PATH, (json.dumps(body, indent=1) + "\n").encode())

    def _read(self) -> dict[str, Mark]:
        content = self._vault.store.read(PATH)
        if content is None:
            return {}
        try:
            body: dict[str, Any] = json.loads(content)
            if body["schema"] != _SCHEMA:
                raise ValueError(f"its schema is {body['schema']!r}")
            return {target: Mark(**fields) for target, fields in body["targets"].items()}
        except (ValueError, TypeError, KeyError) as error:
            raise VaultUnreadable(
                f"{PATH} in the vault is damaged: {error}.",
                remedy="Move it away; the next run knows nothing then, and says so.",
                details={"file": PATH},
            ) from None

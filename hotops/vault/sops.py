"""A vault in one file that SOPS reads and writes too: JSON whose values are sealed to age recipients.

The file's top level has a key for each path of the vault. Its value is a mapping of keys to values, or one text (a file
with comments, a raw token, a JSON document). `sops vault.json` edits it, and both read what the other wrote (SOPS,
aes/cipher.go and sops.go: values under AES-256-GCM with the path as additional data, a MAC over all of them).
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hotops.core.clock import SystemClock, rfc3339
from hotops.core.errors import MissingExtra
from hotops.core.secret import Secret
from hotops.core.state import write_atomically
from hotops.vault.errors import VaultError, VaultMissing, VaultUnreadable
from hotops.vault.reading import parse
from hotops.vault.store import OWN, Loose
from hotops.vault.writing import new_text, with_value

#: The release whose layout is written; files of SOPS 3.x read the same.
SOPS_VERSION = "3.11.0"
_SEALED = re.compile(
    r"ENC\[AES256_GCM,data:(?P<data>[^,]*),iv:(?P<iv>[^,]+),tag:(?P<tag>[^,]+),type:(?P<type>str|int|float|bool)\]"
)
_CLEAR_SUFFIX = "_unencrypted"

Tree = dict[str, Any]


class SopsStore:
    """The files of a vault inside one SOPS file. It is decrypted in memory only, and written whole or not at all.

    The identities come from SOPS_AGE_KEY, SOPS_AGE_KEY_FILE or SOPS' own place for them. Raises VaultMissing,
    MissingExtra, VaultUnreadable where the file is damaged or no identity opens it.
    """

    def __init__(self, file: Path) -> None:
        self.place = str(file)
        self._file = file
        #: What was opened last, and the file's state then: a vault is read path by path.
        self._known: tuple[tuple[int, int, int], tuple[Tree, Tree, bytes]] | None = None
        if not file.is_file():
            raise VaultMissing(f"There is no vault {file}.", remedy="Set `vault` in the inventory to the SOPS file.")

    def paths(self) -> list[str]:
        return sorted(path for path in self._tree() if not path.startswith(f"{OWN}/"))

    def read(self, path: str) -> bytes | None:
        held = self._tree().get(path)
        if held is None:
            return None
        return (held if isinstance(held, str) else _as_lines(path, held)).encode()

    def write(self, path: str, content: bytes) -> None:
        tree, metadata, key = self._opened()
        self._save({**tree, path: _as_held(path, content)}, metadata, key)

    def remove(self, path: str) -> None:
        tree, metadata, key = self._opened()
        if path in tree:
            self._save({name: held for name, held in tree.items() if name != path}, metadata, key)

    def loose(self) -> list[Loose]:
        """Nothing: what is in the file is sealed, and it is made to be checked in."""
        return []

    def tighten(self) -> list[Loose]:
        return []

    @contextmanager
    def locked(self) -> Iterator[None]:
        # The file itself is replaced by each write: the folder's handle outlives that.
        handle = os.open(self._file.parent, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _tree(self) -> Tree:
        return self._opened()[0]

    def _opened(self) -> tuple[Tree, Tree, bytes]:
        """The decrypted tree, the metadata and the data key."""
        about = self._file.stat()
        state = (about.st_mtime_ns, about.st_size, about.st_ino)
        if self._known is None or self._known[0] != state:
            self._known = state, self._open()
        return self._known[1]

    def _open(self) -> tuple[Tree, Tree, bytes]:
        document = self._document()
        metadata = document.pop("sops", None)
        if not isinstance(metadata, dict) or not metadata.get("age"):
            raise self._damaged("it has no age recipients of SOPS")
        for unknown in ("encrypted_regex", "unencrypted_regex", "encrypted_suffix", "mac_only_encrypted"):
            if metadata.get(unknown):
                raise self._damaged(f"it was made with SOPS' {unknown}, which leaves values open")
        key = _data_key(metadata["age"], self.place)
        summed = hashlib.sha512()
        tree = {path: self._unsealed(value, key, (path,), summed) for path, value in document.items()}
        told = _unseal(str(metadata.get("mac")), key, str(metadata.get("lastmodified")))
        if told is None or not secrets.compare_digest(told.encode(), summed.hexdigest().upper().encode()):
            raise self._damaged("its MAC does not hold: somebody changed it by hand")
        return tree, metadata, key

    def _document(self) -> Tree:
        try:
            document = json.loads(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise self._damaged("it is no JSON" if isinstance(error, ValueError) else str(error.strerror)) from None
        if not isinstance(document, dict):
            raise self._damaged("it is no JSON object")
        return document

    def _unsealed(self, value: Any, key: bytes, path: tuple[str, ...], summed: Any) -> Any:
        if isinstance(value, dict) and len(path) == 1:
            return {name: self._unsealed(item, key, (*path, name), summed) for name, item in value.items()}
        if not isinstance(value, str):
            raise self._damaged(f"{':'.join(path)} is neither a text nor a mapping of texts")
        is_clear = any(part.endswith(_CLEAR_SUFFIX) for part in path)
        text = value if is_clear else _unseal(value, key, ":".join(path) + ":")
        if text is None:
            raise self._damaged(f"{':'.join(path)} can't be opened")
        summed.update(text.encode())
        return text

    def _save(self, tree: Tree, metadata: Tree, key: bytes) -> None:
        """Write the tree with the same data key and recipients, so that whoever could read it still can."""
        summed = hashlib.sha512()
        before = self._document()
        sealed = {path: self._sealed(value, before.get(path), key, (path,), summed) for path, value in tree.items()}
        modified = rfc3339(SystemClock().now())
        about = {**metadata, "lastmodified": modified, "version": metadata.get("version") or SOPS_VERSION}
        about["mac"] = _seal(summed.hexdigest().upper(), key, modified)
        mode = stat.S_IMODE(self._file.stat().st_mode)
        text = json.dumps({**sealed, "sops": about}, ensure_ascii=False, indent="\t")
        write_atomically(self._file, text + "\n", mode=mode)

    def _sealed(self, value: Any, before: Any, key: bytes, path: tuple[str, ...], summed: Any) -> Any:
        """A value sealed; one that did not change keeps its text, so that a diff shows what did."""
        if isinstance(value, dict):
            known = before if isinstance(before, dict) else {}
            return {
                name: self._sealed(item, known.get(name), key, (*path, name), summed) for name, item in value.items()
            }
        summed.update(str(value).encode())
        if any(part.endswith(_CLEAR_SUFFIX) for part in path):
            return value
        about = ":".join(path) + ":"
        if isinstance(before, str) and _unseal(before, key, about) == value:
            return before
        return _seal(str(value), key, about)

    def _damaged(self, why: str) -> VaultUnreadable:
        return VaultUnreadable(f"{self.place}: {why}.", remedy=f"sops {self.place}", details={"file": self.place})


def make_sops_file(file: Path, recipients: list[str]) -> SopsStore:
    """An empty vault that these age recipients can open. Raises VaultError where the file is there already."""
    if file.exists():
        raise VaultError(f"{file} is there already.", remedy="Name another file.")
    pyrage = _pyrage()
    key = secrets.token_bytes(32)
    try:
        sealed = [(name, pyrage.encrypt(key, [pyrage.x25519.Recipient.from_str(name)], armored=True))
                  for name in recipients]  # fmt: skip
    except pyrage.RecipientError:
        raise VaultError("One of the recipients is none of age.", remedy="They begin with age1.") from None
    modified = rfc3339(SystemClock().now())
    about = {
        "age": [{"recipient": name, "enc": enc.decode() if isinstance(enc, bytes) else enc} for name, enc in sealed],
        "lastmodified": modified,
        "mac": _seal(hashlib.sha512().hexdigest().upper(), key, modified),
        "unencrypted_suffix": _CLEAR_SUFFIX,
        "version": SOPS_VERSION,
    }
    write_atomically(file, json.dumps({"sops": about}, indent="\t") + "\n")
    return SopsStore(file)


def _as_lines(path: str, held: dict[str, str]) -> str:
    text = ""
    for key, value in held.items():
        text = (
            with_value(parse(path, text.encode()), key, Secret(value)) if text else new_text(path, key, Secret(value))
        )
    return text


def _as_held(path: str, content: bytes) -> str | dict[str, str]:
    """A mapping where that loses nothing, so that a diff shows which key changed; else the text as it is."""
    text = content.decode()
    document = parse(path, content) if not path.startswith(f"{OWN}/") else None
    if document is None or document.form != "env" or not document.entries:
        return text
    pairs = {entry.key: entry.literal for entry in document.entries}
    held = {str(key): value.reveal() for key, value in pairs.items() if value is not None}
    has_all = len(held) == len(document.entries)
    return held if has_all and _as_lines(path, held) == text else text


def _data_key(recipients: list[dict[str, str]], place: str) -> bytes:
    pyrage = _pyrage()
    identities = [pyrage.x25519.Identity.from_str(text) for text in _identities()]
    if not identities:
        raise VaultUnreadable(
            f"There is no age identity to open {place}.",
            remedy="Set SOPS_AGE_KEY_FILE to the file that holds it.",
        )
    for recipient in recipients:
        try:
            key = pyrage.decrypt(str(recipient.get("enc")).encode(), identities)
        except pyrage.DecryptError:
            continue
        if len(key) == 32:
            return bytes(key)
    names = ", ".join(str(recipient.get("recipient")) for recipient in recipients)
    raise VaultUnreadable(
        f"No age identity that is here opens {place}; it is for {names}.",
        remedy="Set SOPS_AGE_KEY_FILE to the file with one of their identities.",
    )


def _identities() -> list[str]:
    """Identities from where SOPS looks for them (SOPS, age/keysource.go)."""
    base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    file = Path(os.environ.get("SOPS_AGE_KEY_FILE") or base / "sops/age/keys.txt")
    text = os.environ.get("SOPS_AGE_KEY", "")
    if file.is_file():
        text += "\n" + file.read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip().startswith("AGE-SECRET-KEY-1")]


def _seal(text: str, key: bytes, about: str) -> str:
    if not text:
        return ""  # SOPS leaves an empty value as it is
    iv = secrets.token_bytes(32)
    sealed = _aes(key).encrypt(iv, text.encode(), about.encode())
    data, tag = (base64.b64encode(part).decode() for part in (sealed[:-16], sealed[-16:]))
    return f"ENC[AES256_GCM,data:{data},iv:{base64.b64encode(iv).decode()},tag:{tag},type:str]"


def _unseal(sealed: str, key: bytes, about: str) -> str | None:
    """The text, None where it was not sealed with this key for this place."""
    from cryptography.exceptions import InvalidTag

    if not sealed:
        return ""
    found = _SEALED.fullmatch(sealed)
    if found is None:
        return None
    data, iv, tag = (base64.b64decode(found[part]) for part in ("data", "iv", "tag"))
    try:
        return str(_aes(key).decrypt(iv, data + tag, about.encode()), "utf-8")
    except (InvalidTag, ValueError):
        return None


def _aes(key: bytes) -> Any:
    try:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ImportError:
        raise _missing("cryptography") from None
    return AESGCM(key)


def _pyrage() -> Any:
    try:
        import pyrage
        import pyrage.x25519
    except ImportError:
        raise _missing("pyrage") from None
    return pyrage


def _missing(name: str) -> MissingExtra:
    return MissingExtra(f"A SOPS vault needs {name}, which is not installed.", remedy="pip install 'hotops[secrets]'")

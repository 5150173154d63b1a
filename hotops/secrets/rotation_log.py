"""The rotation log: which secret was rotated when and by whom, kept with the vault. Names, never values."""

from __future__ import annotations

import getpass
import json
import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Literal

from hotops.core.context import Context
from hotops.core.secret import Secret
from hotops.vault.errors import VaultUnreadable
from hotops.vault.store import OWN
from hotops.vault.vault import Vault

PATH = f"{OWN}/rotations.jsonl"
Event = Literal["begun", "proven", "ended", "left", "undone"]


@dataclass(frozen=True)
class Entry:
    """One line. `credential` is the name of what it is about, `fingerprint` the vault's keyed one of its value.

    begun: a successor is kept in the vault. proven: it is everywhere and works. ended: the old one is not valid any
    more. left: the old one is a person's to end. undone: the old one is everywhere again.
    """

    at: float
    secret: str
    event: Event
    credential: str
    fingerprint: str
    by: str
    run: str
    leaked: bool = False


class RotationLog:
    """The entries, oldest first; every new one is on the disk before `note` returns."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def entries(self, secret: str | None = None) -> list[Entry]:
        """All entries, or one secret's. Raises VaultUnreadable where a line is none."""
        return [entry for entry in self._read() if secret in (None, entry.secret)]

    def note(
        self, context: Context, secret: str, event: Event, credential: str, value: Secret, *, leaked: bool = False
    ) -> None:
        """Add an entry of this run's, unless this run noted the same already."""
        at, fingerprint = math.floor(context.clock.now()), self._vault.fingerprint(value)
        entry = Entry(at, secret, event, credential, fingerprint, getpass.getuser(), context.run, leaked)
        with self._vault.locked():
            before = self._vault.store.read(PATH) or b""
            known = [(old.secret, old.event, old.fingerprint, old.run) for old in self._read()]
            if (secret, event, fingerprint, context.run) in known:
                return
            line = json.dumps({key: value for key, value in asdict(entry).items() if value is not False})
            self._vault.store.write(PATH, before + line.encode() + b"\n")

    def _read(self) -> Iterator[Entry]:
        content = self._vault.store.read(PATH) or b""
        for number, line in enumerate(content.decode(errors="replace").splitlines(), start=1):
            try:
                yield Entry(**json.loads(line))
            except (ValueError, TypeError):
                raise VaultUnreadable(
                    f"{PATH}:{number} in the vault is no entry of the rotation log.",
                    remedy="Correct the line, or move the file away: ages are then known from the ledger alone.",
                    details={"file": PATH, "line": number},
                ) from None

"""What a backup says of itself: its parts with checksums, its tables with rows, signed, written last."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hotops.backup.errors import BackupDamaged, NoBackup
from hotops.backup.store import Store
from hotops.core.clock import basic_stamp, parse_rfc3339, rfc3339
from hotops.core.signing import SignatureInvalid, sign, verify_envelope

MANIFEST = "manifest.json"
FORMAT = 1
PAYLOAD_TYPE = "application/vnd.hotops.backup+json"
PROGRESS_TYPE = "application/vnd.hotops.backup-progress+json"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Part(_Model):
    """One object of a backup. `bytes` and `sha256` are of the object as it lies there, `plain_bytes` of its content."""

    name: str
    bytes: int
    sha256: str
    plain_bytes: int
    rows: int = 0


class Range(_Model):
    """A range of a table's pages, `first` to before `end` (None: to the end), and the parts that hold its rows."""

    first: int
    end: int | None
    rows: int
    parts: tuple[Part, ...]
    #: The snapshot in which it was read (a resumed backup keeps what has not changed since).
    snapshot: str


class Table(_Model):
    """A table's rows. `fingerprint` is the sum of its rows' hashes, in the server's own functions."""

    schema_name: str = Field(alias="schema")
    name: str
    columns: tuple[str, ...]
    where: str = ""
    rows: int
    plain_bytes: int
    fingerprint: str | None = None
    ranges: tuple[Range, ...]

    @property
    def full_name(self) -> str:
        """schema.name."""
        return f"{self.schema_name}.{self.name}"

    @property
    def parts(self) -> list[Part]:
        """All its parts, in order."""
        return [part for found in self.ranges for part in found.parts]


class Manifest(_Model):
    """A whole backup."""

    format: Literal[1] = 1
    id: str
    environment: str
    env_kind: Literal["live", "sandbox"]
    database: str
    place: str
    #: Of the snapshot: what was committed before is in it.
    taken_at: float
    finished_at: float
    server_version: str
    client_version: str
    encoding: str
    recipients: tuple[str, ...]
    schema_parts: dict[str, Part]
    tables: tuple[Table, ...]
    sequences: dict[str, tuple[int, bool]]
    #: What is not in it, and why.
    left_out: tuple[str, ...] = ()
    resumed: int = 0

    @property
    def server_major(self) -> int:
        """15 of 15.18."""
        return int(self.server_version.partition(".")[0])

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables)

    @property
    def plain_bytes(self) -> int:
        """Bytes of all rows as text."""
        return sum(table.plain_bytes for table in self.tables)

    @property
    def stored_bytes(self) -> int:
        """Bytes that it takes in the store."""
        return sum(part.bytes for part in self.parts())

    def parts(self) -> list[Part]:
        """Every object that belongs to it."""
        return [*self.schema_parts.values(), *(part for table in self.tables for part in table.parts)]

    def table(self, full_name: str) -> Table | None:
        """A table by schema.name."""
        return next((table for table in self.tables if table.full_name == full_name), None)


class Found(BaseModel):
    """A manifest, whose signature is right, and who signed it."""

    model_config = ConfigDict(frozen=True)

    manifest: Manifest
    signed_by: str
    known: bool
    prefix: str


def new_id(now: float) -> str:
    """`20260131T100000Z-3f9a2c`: sortable by time."""
    return f"{basic_stamp(now)}-{secrets.token_hex(3)}"


def folder_of(environment: str, database: str) -> str:
    """Where all backups of a database are."""
    return f"{environment}/{database}"


def seal(store: Store, prefix: str, manifest: Manifest) -> None:
    """Make the parts a backup: write its manifest, once everything else is safely there."""
    store.settle(prefix)
    envelope = sign(PAYLOAD_TYPE, manifest.model_dump(mode="json", by_alias=True))
    store.put(f"{prefix}/{MANIFEST}", json.dumps(envelope).encode() + b"\n")
    store.settle(prefix)


def read(store: Store, prefix: str) -> Found:
    """The manifest of one backup. Raises NoBackup (unfinished, or none), BackupDamaged (malformed, or another's)."""
    content = store.find(f"{prefix}/{MANIFEST}")
    if content is None:
        raise NoBackup(
            f"{store.url}/{prefix} has no manifest: it was never finished, or is not there.",
            remedy="hotops backup list shows those that are whole.",
        )
    try:
        signed = verify_envelope(json.loads(content), payload_type=PAYLOAD_TYPE)
        if signed.body.get("format", FORMAT) != FORMAT:
            raise BackupDamaged(
                f"{prefix}/{MANIFEST} is of format {signed.body['format']}, and this hotops reads {FORMAT}.",
                remedy="Use the hotops that made it, or a newer one.",
            )
        manifest = Manifest.model_validate(signed.body)
    except (ValueError, RecursionError, SignatureInvalid, ValidationError) as error:
        said = error.message if isinstance(error, SignatureInvalid) else "it is not a manifest that hotops writes"
        raise BackupDamaged(
            f"{prefix}/{MANIFEST}: {said}.", remedy="Do not trust this backup; take another one."
        ) from None
    wanted = f"{folder_of(manifest.environment, manifest.database)}/{manifest.id}"
    if wanted != prefix:
        raise BackupDamaged(
            f"{prefix}/{MANIFEST} is the manifest of {wanted}: manifests were swapped.", remedy="Take another backup."
        )
    return Found(manifest=manifest, signed_by=signed.key_id, known=signed.known, prefix=prefix)


def listed(store: Store, environment: str, database: str) -> tuple[list[Found], dict[str, str]]:
    """The whole backups of a database, newest first, and what is wrong with the other folders there, by id."""
    found: list[Found] = []
    wrong: dict[str, str] = {}
    folder = folder_of(environment, database)
    for name in store.folders(folder):
        try:
            found.append(read(store, f"{folder}/{name}"))
        except NoBackup:
            wrong[name] = "unfinished"
        except BackupDamaged as error:
            wrong[name] = error.message
    return sorted(found, key=lambda item: item.manifest.taken_at, reverse=True), wrong


def find(store: Store, environment: str, database: str, wanted: str = "newest") -> Found:
    """A backup by its id, the newest, or the newest from before a moment. Raises NoBackup, BackupDamaged."""
    moment = _moment(wanted)
    if wanted != "newest" and moment is None:
        return read(store, f"{folder_of(environment, database)}/{wanted}")
    found, wrong = listed(store, environment, database)
    if found and moment is not None:
        before = [item for item in found if item.manifest.taken_at <= moment]
        if not before:
            oldest = found[-1].manifest
            raise NoBackup(
                f"No backup of {database} is from before {wanted}: the oldest is {oldest.id} of {rfc3339(oldest.taken_at)}.",
                remedy="hotops restore points shows what else could be brought back.",
            )
        return before[0]
    if not found:
        also = f" ({len(wrong)} unfinished or damaged)" if wrong else ""
        raise NoBackup(
            f"{store.url} has no backup of {database} in {environment}{also}.",
            remedy=f"hotops backup create {environment} makes one.",
        )
    return found[0]


def _moment(text: str) -> float | None:
    """A moment, None where the text is none (an id is not: it has no separators)."""
    if "-" not in text or ":" not in text:
        return None
    try:
        return parse_rfc3339(text)
    except ValueError as error:
        raise NoBackup(f"{text} is no moment: {error}.", remedy="2026-01-31T10:00:00Z, with its time zone.") from error


def told(manifest: Manifest) -> dict[str, Any]:
    """A backup in plain data, short."""
    return {
        "id": manifest.id,
        "database": manifest.database,
        "taken_at": rfc3339(manifest.taken_at),
        "seconds": round(manifest.finished_at - manifest.taken_at, 1),
        "tables": len(manifest.tables),
        "rows": manifest.rows,
        "plain_bytes": manifest.plain_bytes,
        "stored_bytes": manifest.stored_bytes,
        "server_version": manifest.server_version,
        "recipients": list(manifest.recipients),
        "left_out": list(manifest.left_out),
        "env_kind": manifest.env_kind,
    }


def table_names(tables: Iterable[Table]) -> list[str]:
    """schema.name of each."""
    return [table.full_name for table in tables]

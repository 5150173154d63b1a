"""What a dead backup left behind: signed notes on ranges that are done, and what of it is still true."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from hotops.backup.manifest import MANIFEST, PROGRESS_TYPE, Range
from hotops.backup.ranges import PageRange, slug, sql_name
from hotops.backup.store import Store
from hotops.core.signing import SignatureInvalid, own_key_id, sign, verify_envelope


class Note(BaseModel):
    """A range that is in the store."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    backup: str
    table: str
    filenode: int
    columns: tuple[str, ...]
    recipients: tuple[str, ...]
    catalogue: str
    done: Range


class Progress:
    """The notes of one backup that is being made."""

    def __init__(self, store: Store, prefix: str, backup: str, recipients: tuple[str, ...]) -> None:
        self._store, self._prefix, self._backup, self._recipients = store, prefix, backup, recipients
        self.catalogue = ""

    def keep(self, found: PageRange, done: Range) -> None:
        """Write down that a range is there, once its parts are."""
        note = Note(
            backup=self._backup, table=found.table.full_name, filenode=found.table.filenode, columns=found.table.columns,
            recipients=self._recipients, catalogue=self.catalogue, done=done,
        )  # fmt: skip
        envelope = sign(PROGRESS_TYPE, note.model_dump(mode="json"))
        self._store.put(
            f"{self._prefix}/{note_name(found.table.full_name, found.first)}", json.dumps(envelope).encode()
        )

    def notes(self) -> dict[tuple[str, int], Note]:
        """The notes that this computer signed for this backup and whose parts are still there, whole in size."""
        sizes = self._store.sizes(self._prefix)
        found: dict[tuple[str, int], Note] = {}
        for name in sizes:
            if not name.startswith(f"{self._prefix}/notes/"):
                continue
            note = self._read(name)
            if note is None or note.backup != self._backup or note.recipients != self._recipients:
                continue
            if all(sizes.get(f"{self._prefix}/{part.name}") == part.bytes for part in note.done.parts):
                found[note.table, note.done.first] = note
        return found

    def _read(self, name: str) -> Note | None:
        """Only what this computer's own key signed: a note decides which bytes are called a backup."""
        try:
            signed = verify_envelope(json.loads(self._store.get(name)), payload_type=PROGRESS_TYPE)
            return Note.model_validate(signed.body) if signed.key_id == own_key_id() else None
        except (ValueError, SignatureInvalid, ValidationError):
            return None


def unfinished(store: Store, folder: str) -> str | None:
    """The newest backup below a folder that has notes and no manifest, by id."""
    for name in reversed(store.folders(folder)):
        inside = store.sizes(f"{folder}/{name}")
        if f"{folder}/{name}/{MANIFEST}" not in inside and any("/notes/" in path for path in inside):
            return name
    return None


def still_true(session: Any, note: Note, found: PageRange, catalogue: str) -> bool:
    """Whether a range read in a snapshot that is gone has the same row versions in the session's.

    A row version never changes: as many as then, none that the old snapshot did not see, so they are the same. The
    table's file and every definition have to be the same ones too. When in doubt it is not.
    """
    if (note.filenode, note.columns, note.catalogue) != (found.table.filenode, found.table.columns, catalogue):
        return False
    if note.done.end != found.end:
        return False
    with session.cursor() as cursor:
        # xmin is 32 bits wide; those beyond the old snapshot's end are new to it, or too old to tell: not the same.
        cursor.execute(
            f"""select count(*), count(*) filter (where not pg_visible_in_snapshot(
                  ((pg_snapshot_xmax(s.s)::text::numeric::bigint >> 32 << 32) + xmin::text::bigint)::text::xid8, s.s)),
                pg_snapshot_xmax(pg_current_snapshot())::text::bigint - pg_snapshot_xmax(min(s.s::text)::pg_snapshot)::text::bigint
                from only {sql_name(found.table)}, (select %s::pg_snapshot) s(s) {found.where}""",
            (note.done.snapshot,),
        )
        rows, new, age = cursor.fetchone()
    return rows == note.done.rows and new == 0 and (age is None or age < 1 << 30)


def note_name(table: str, first: int) -> str:
    """The note's object."""
    return f"notes/{slug(table)}.{first:010d}.json"


def work_objects(sizes: Mapping[str, int], prefix: str) -> list[str]:
    """All notes below a backup's prefix."""
    return [name for name in sizes if name.startswith(f"{prefix}/notes/")]

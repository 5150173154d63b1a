"""The operation `backup`: one whole, proven backup of a database, or none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.backup import manifest as manifests
from hotops.backup.connection import Connection
from hotops.backup.dump import Dump
from hotops.backup.errors import BackupDamaged
from hotops.backup.keys import Sealer
from hotops.backup.manifest import Manifest
from hotops.backup.programs import Programs, find_programs
from hotops.backup.progress import unfinished
from hotops.backup.sentinel import SHRINKAGE, shrunken
from hotops.backup.settings import Settings, Where, connection_of, recipients_of, settings_of
from hotops.backup.survey import Survey, survey
from hotops.core.clock import spoken_duration
from hotops.core.documented import Documented
from hotops.core.operation import Done, Fact, Operation, Plan, Step

SCREEN = "hotops_screen"


class BackupWanted(Where):
    """A backup of which database, for whom, how."""

    dsn_env: str | None = Field(
        None, description="Environment variable with a direct or session connection string; DATABASE_URL if omitted."
    )
    recipients: tuple[str, ...] = Field(
        (), description="Public age keys that the backup is sealed for, at least two; the inventory's if omitted."
    )
    workers: int = Field(3, ge=1, le=16, description="How many connections read at once.")
    fingerprints: bool = Field(
        default=True,
        description="Whether every table's rows are fingerprinted, so that a restore is proven row by row.",
    )
    shrinkage: float = Field(
        SHRINKAGE,
        gt=0,
        le=1,
        description="Share of rows that may be gone since the last backup before this one is refused.",
    )
    unless_younger_h: float | None = Field(
        None, gt=0, description="Make none where a whole backup is younger than so many hours."
    )


@dataclass(frozen=True)
class Situation:
    """What there is before."""

    settings: Settings
    connection: Connection
    programs: Programs
    seen: Survey
    last: Manifest | None
    id: str
    goes_on: bool
    young_enough: bool


class MakeBackup(Operation[BackupWanted, Situation]):
    """Back a PostgreSQL database up, whole, sealed, signed and judged by its content.

    Raises DsnRefused, ToolsMissing, PrivilegeMissing, DatabaseFailed, StoreFailed, KeysUnusable, BackupSuspicious.
    """

    name = "backup"
    Want = BackupWanted
    needs_environment = True
    docs = Documented(
        short="Make a whole, encrypted, signed backup of a PostgreSQL database",
        description=(
            "Backs a database up over a direct or session connection, in one snapshot, with several connections at once.",
            (
                "Holds all of it: rows, roles, grants, policies, triggers of C(auth) and C(storage), sequences, publications,"
                " settings, scheduled jobs, migration history."
            ),
            (
                "Sealed with age for two keys or more, signed; age, zstd, psql and pg_restore restore it"
                " (docs/backup-format.md)."
            ),
            (
                "A backup of 0 bytes, of the schema alone, with tables or many rows less than the last one is an error,"
                " and is not listed. One that was interrupted goes on where it stopped."
            ),
        ),
        returns={
            "next": {
                "description": "The command that brings rows back which the last backup has, and this one has not.",
                "returned": "when a table shrank",
                "type": "str",
            },
            "backup": {
                "description": "The backup: id, taken_at, tables, rows, bytes, what is left out.",
                "returned": "when one was made",
                "type": "dict",
                "sample": {"id": "20260131T100000Z-3f9a2c", "tables": 66, "rows": 1200345},
            },
            "kept_ranges": {
                "description": "Ranges of an interrupted attempt that were kept, since their rows are proven unchanged.",
                "returned": "when one was made",
                "type": "int",
                "sample": 0,
            },
            "seconds": {
                "description": "How long its parts took: schema, rows, content.",
                "returned": "when one was made",
                "type": "dict",
                "sample": {"schema": 1.2, "rows": 40.1},
            },
            "slowed": {
                "description": "How often it used fewer connections because the server suffered.",
                "returned": "when one was made",
                "type": "int",
                "sample": 0,
            },
        },
        examples="""
- name: The database is backed up
  hotops.core.backup:

- name: There is a backup from before this migration
  hotops.core.backup:
    dsn_env: PRODUCTION_DATABASE_URL
    unless_younger_h: 1
  register: made
""",
        see_also=("backup_verify", "restore", "backup_info"),
    )
    _gone: Sequence[str] = ()

    def observe(self) -> Situation:
        want, context = self.want, self.context
        settings = settings_of(context, want)
        Sealer(recipients_of(context, settings, want.recipients))
        connection = connection_of(context, want.dsn_env or settings.declared.dsn_env)
        with connection.open() as session:
            seen = survey(session)
        found, _wrong = manifests.listed(settings.store, settings.environment, settings.database)
        last = found[0].manifest if found else None
        begun = unfinished(settings.store, manifests.folder_of(settings.environment, settings.database))
        age_h = (context.clock.now() - last.taken_at) / 3600 if last else None
        young = want.unless_younger_h is not None and age_h is not None and age_h < want.unless_younger_h
        return Situation(
            settings, connection, find_programs(seen.server_major), seen, last,
            begun or manifests.new_id(context.clock.now()), begun is not None, young,
        )  # fmt: skip

    def plan(self, state: Situation) -> Plan:
        if state.young_enough:
            return Plan(
                why_empty=f"{state.last.id if state.last else ''} is younger than {self.want.unless_younger_h:g} h"
            )
        self._state = state
        target = f"{state.settings.store.url}/{state.settings.environment}/{state.settings.database}"
        what = f"{len(state.seen.tables)} tables, {state.seen.bytes / 1e6:.0f} MB"
        names = ["schema", "rows", *(["content"] if self.want.fingerprints else []), "manifest"]
        steps = [Step(name, target, "create", {}, {name: _WHAT[name].format(what=what)}, phase=name) for name in names]
        title = f"backup of {state.settings.database} in {state.settings.environment}" + (
            ", goes on" if state.goes_on else ""
        )
        decides = {
            "backup": state.settings.database,
            "environment": state.settings.environment,
            "store": state.settings.store.url,
        }
        return Plan(tuple(steps), title, decides)

    def prepare(self, plan: Plan) -> Fact:
        state, want = self._state, self.want
        self._dump = Dump(
            state.connection, state.programs, state.settings.store,
            Sealer(recipients_of(self.context, state.settings, want.recipients)), state.settings.environment,
            state.settings.env_kind, state.settings.database, state.id, want.workers, want.fingerprints, tell=self.context.tell_far,
            now=self.context.clock.now,
        )  # fmt: skip
        self._or_close(self._dump.begin)
        return {"backup": state.id}

    def apply(self, step: Step, done: Done) -> Fact:
        dump, last = self._dump, self._state.last
        began = self.context.clock.now()
        if step.name == "manifest":
            made = self._or_close(lambda: dump.seal(last, shrinkage=self.want.shrinkage))
            dump.close()
            self._gone = shrunken(made, last) if last else []
            return manifests.told(made)
        self._or_close({"schema": dump.schema, "rows": dump.rows, "content": dump.content}[step.name])
        return {"seconds": round(self.context.clock.now() - began, 2)}

    def verify(self, plan: Plan, done: Done) -> None:
        settings = self._state.settings
        found = manifests.read(settings.store, self._dump.prefix)
        sizes = settings.store.sizes(self._dump.prefix)
        wrong = [part.name for part in found.manifest.parts() if sizes.get(f"{found.prefix}/{part.name}") != part.bytes]
        if wrong:
            raise BackupDamaged(f"{found.manifest.id} is not whole in the store: {', '.join(wrong[:5])}.")

    def report(self, state: Situation, plan: Plan, done: Done) -> dict[str, Any]:
        if "manifest" not in done:
            return {}
        made: dict[str, Any] = dict(done["manifest"])
        took = {name: done[name]["seconds"] for name in ("schema", "rows", "content") if name in done}
        lines = [
            (
                f"{made['id']}: {made['tables']} tables, {made['rows']} rows, {int(made['plain_bytes']) / 1e6:.1f} MB, "
                f"{int(made['stored_bytes']) / 1e6:.1f} MB stored, {spoken_duration(float(made['seconds']))}"
            ),
            *(f"left out: {line}" for line in made["left_out"]),
        ]
        result: dict[str, Any] = {
            "backup": made, "kept_ranges": self._dump.resumed, "slowed": self._dump.slowed, "seconds": took, SCREEN: lines,
        }  # fmt: skip
        if self._gone and state.last is not None:
            result["next"] = self._bring_back(state, state.last.id)
            lines.append(f"Rows that {state.last.id} has are gone from {', '.join(self._gone)}.")
        return result

    def _bring_back(self, state: Situation, backup: str) -> str:
        """The command that puts the rows back into the living database, as far as it can be known here."""
        name = state.connection.database
        tables = " ".join(f"--tables {table}" for table in self._gone)
        source = self.want.dsn_env or state.settings.declared.dsn_env
        return (
            f"hotops restore {state.settings.environment} --to {backup} {tables} --overwrite {name} --confirm {name} "
            f"--target-env {source}"
        )

    def _or_close(self, action: Callable[[], Any]) -> Any:
        """No session outlives a failure."""
        try:
            return action()
        except BaseException:
            self._dump.close()
            raise


_WHAT = {
    "schema": "everything that is no row",
    "rows": "{what}",
    "content": "counted and fingerprinted in the same snapshot",
    "manifest": "judged against the last backup, signed, written last",
}

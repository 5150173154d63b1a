"""The operation `restore`: a backup into a new or an empty database, or over a living one when that is typed twice."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.backup import manifest as manifests
from hotops.backup.connection import Connection, driver
from hotops.backup.create import SCREEN
from hotops.backup.databases import create_database
from hotops.backup.errors import BackupDamaged, DatabaseFailed, RestoreRefused
from hotops.backup.load import NOTES, Load
from hotops.backup.manifest import Found
from hotops.backup.over import Over
from hotops.backup.programs import find_programs
from hotops.backup.restoring import PHASES, judged, phases_of, run_phase
from hotops.backup.settings import Settings, Where, connection_of, opener_of, settings_of
from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.documented import Documented
from hotops.core.errors import VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Step

#: A living database is overwritten only with a backup of it that is younger.
FRESH_H = 1.0
#: How far ahead of this computer the clock may be that dated a backup.
SKEW_H = 1 / 12
_EMPTIED = "the tables are emptied"


class RestoreWanted(Where):
    """Which backup, to where, how much of it."""

    to: str = Field(
        "newest",
        description="Id of the backup, newest, or a moment (2026-01-31T10:00:00Z): the newest backup of before it.",
    )
    target_env: str = Field(
        "RESTORE_URL",
        description="Environment variable with a direct or session connection string of the server that takes it:"
        " that of a hosted project (role postgres), or a PostgreSQL of your own, with the extensions of the backup.",
    )
    beside: str | None = Field(
        None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_]*$",
        description="Name of the new database, which is made beside the others of that server; DATABASE_restored_TIME if omitted.",
    )
    into: str = Field(
        "new",
        pattern="^(new|given)$",
        description="V(new): a new database is made on the server; V(given): the connection string's own, empty database.",
    )
    tables: tuple[str, ...] = Field((), description="Only these tables, as schema.name; all if empty.")
    identity_env: str | None = Field(
        None,
        description="Environment variable with an age identity, or the path of its file; HOTOPS_BACKUP_IDENTITY if omitted.",
    )
    overwrite: str | None = Field(
        None,
        description="Name of a living database whose rows are replaced; needs O(confirm) and a fresh backup of it.",
    )
    confirm: str | None = Field(None, description="The same name once more, where rows are replaced.")
    jobs: str = Field(
        "hold", pattern="^(hold|start)$", description="Whether scheduled jobs are started (V(start)) or held back."
    )
    outside: str = Field(
        "keep", pattern="^(keep|hold)$",
        description="Whether the restored database may call out, through foreign servers and event triggers (V(keep)), or is held back"
        " (V(hold)): a wrapper loses its handler there, a user mapping goes. Only a superuser can.",
    )  # fmt: skip
    roles: str = Field(
        "missing", pattern="^(missing|all)$",
        description="V(missing): roles that exist are left alone; V(all): they too become what they were (a server of its own).",
    )  # fmt: skip
    compared: bool = Field(
        default=True, description="Whether the restored database is compared with the backup row by row."
    )
    trusted_key: str | None = Field(
        None, description="Id of a key (ed25519:…) to trust, where another computer made the backup."
    )
    workers: int = Field(3, ge=1, le=16, description="How many connections write at once.")
    index_memory_mb: int = Field(256, ge=16, description="Memory of each index build on the server, in MiB.")


@dataclass(frozen=True)
class Aim:
    """What is restored, and into what."""

    settings: Settings
    found: Found
    connection: Connection
    name: str
    load: Load
    goes_on: bool
    is_done: bool


class Restore(Operation[RestoreWanted, Aim]):
    """Restore a backup, and prove every row. Raises RestoreRefused, RestoreFailed, NotAsBackedUp, BackupDamaged."""

    name = "restore"
    Want = RestoreWanted
    needs_environment = True
    docs = Documented(
        short="Restore a backup into a new database, proven row by row",
        description=(
            "Restores a backup that M(hotops.core.backup) made, whole or some tables, with several connections at once.",
            "Into a new database by default, which is then compared with the backup row by row and object by object.",
            ("Rows of a living database are replaced only where its name is given twice (O(overwrite), O(confirm)) and a"
            " backup of it is younger than an hour; its schema has to be that of the backup."),
            (
                "Into a hosted project it goes as the role V(postgres): what the platform made there stays, and what only a superuser"
                " may bring back (owners, extensions, some settings) is named in RV(problems)."
            ),
            "One that was interrupted goes on where it stopped when it is run again.",
        ),
        returns={
            "next": {
                "description": "The command that looks at the result.", "returned": "when rows were replaced", "type": "str",
            },
            "database": {"description": "The restored database.", "returned": "success", "type": "str", "sample": "shop_restored_20260131t100000z"},
            "restored": {
                "description": "The backup: id, taken_at, tables, rows.", "returned": "success", "type": "dict",
                "sample": {"id": "20260131T100000Z-3f9a2c", "rows": 1200345},
            },
            "phases": {
                "description": "Seconds that each phase took.", "returned": "when something was restored", "type": "dict",
                "sample": {"rows": 12.4, "post_data": 6.1},
            },
            "compared": {
                "description": "What was compared: tables, rows, seconds.", "returned": "success", "type": "dict",
                "sample": {"tables": 66, "rows": 1200345, "seconds": 3.1},
            },
            "held": {
                "description": "What calls out and was held back, where O(outside) is V(hold).", "returned": "success", "type": "list",
                "elements": "str", "sample": ["foreign server warehouse (postgres_fdw)"],
            },
            "problems": {
                "description": "What the role of the restore could not bring back, by reason.", "returned": "success", "type": "list",
                "elements": "str", "sample": [],
            },
            "unproven": {
                "description": "What could not be compared, and why: kinds that an older backup does not hold, large objects that the"
                " role may not read.", "returned": "success", "type": "list", "elements": "str", "sample": [],
            },
        },
        examples="""
- name: The newest backup stands beside the living database
  hotops.core.restore:
    target_env: DATABASE_URL

- name: Yesterday's orders stand in a database of their own
  hotops.core.restore:
    to: 20260131T100000Z-3f9a2c
    tables: [public.orders, public.customers]
    target_env: SCRATCH_URL
    beside: orders_of_yesterday
""",
        see_also=("backup", "backup_verify", "backup_info"),
    )  # fmt: skip

    def observe(self) -> Aim:
        want, context = self.want, self.context
        settings = settings_of(context, want)
        found = manifests.find(settings.store, settings.environment, settings.database, want.to)
        trust(found, want.trusted_key)
        opener = opener_of(context, settings, want.identity_env or settings.declared.identity_env)
        server = connection_of(context, want.target_env)
        over = want.overwrite is not None
        name = server.database if over or want.into == "given" else want.beside or _name_of(found)
        if over:
            self._confirmed(settings, found, server)
        connection = server.to(name)
        with server.open() as session:
            row = session.execute(
                "select current_setting('server_version_num')::int / 10000,"
                " exists (select from pg_database where datname = %s), (select shobj_description(oid, 'pg_database') from pg_database where datname = %s)",
                (name, name),
            ).fetchone()
        major, exists, comment = row or (0, False, "")
        if major < found.manifest.server_major:
            raise RestoreRefused(
                f"The server is PostgreSQL {major}, the backup is of {found.manifest.server_major}.",
                remedy="Restore into the same major or a newer one.",
            )
        kind = Over if over else Load
        load = kind(
            connection,
            find_programs(major),
            settings.store,
            opener,
            found,
            want.workers,
            want.tables,
            want.index_memory_mb,
            self.context.tell_far,
            quiet=want.outside == "hold",
        )
        goes_on = bool(exists) and _has_notes(connection)
        done = bool(exists) and not over and not goes_on and comment == _mark(found, want.tables)
        return Aim(settings, found, server, name, load, goes_on, done)

    def plan(self, state: Aim) -> Plan:
        want, manifest = self.want, state.found.manifest
        if state.is_done:
            return Plan(why_empty=f"{state.name} is {manifest.id} already")
        self._aim = state
        names = phases_of(tables=bool(want.tables), jobs=want.jobs == "start", compared=want.compared)
        if isinstance(state.load, Over):
            names = [name for name in names if name in ("claim", "rows", "sequences", "finish", "compare")]
        what = f"{manifest.rows} rows" if not want.tables else f"rows of {', '.join(want.tables)}"
        steps = [
            Step(
                name,
                state.load.connection.place,
                "replace" if name == "rows" and want.overwrite else "create",
                {},
                {name: what if name == "rows" else _EMPTIED if name == "claim" and want.overwrite else PHASES[name]},
                phase=name,
            )
            for name in names
        ]
        title = f"restore of {manifest.id} (of {rfc3339(manifest.taken_at)}) into {state.load.connection.place}"
        decides = {
            "restore": manifest.id,
            "into": state.load.connection.place,
            "tables": list(want.tables),
            "overwrite": want.overwrite,
        }
        return Plan(tuple(steps), title + (", goes on" if state.goes_on else ""), decides)

    def prepare(self, plan: Plan) -> Fact:
        aim = self._aim
        if self.want.overwrite is None and self.want.into == "new":
            create_database(aim.connection, aim.name)
        return {"database": aim.name}

    def apply(self, step: Step, done: Done) -> Fact:
        aim, began = self._aim, self.context.clock.now()
        compared = run_phase(aim.load, step.name, all_roles=self.want.roles == "all")
        if step.name == "finish" and not self.want.overwrite:
            _put_mark(aim.load.connection, aim.name, _mark(aim.found, self.want.tables), aim.load.problems)
        if compared is not None:
            judged(compared, jobs_held=self.want.jobs == "hold", where=aim.name)
        took: dict[str, object] = {"seconds": round(self.context.clock.now() - began, 3)}
        return took if compared is None else {**took, "tables": compared.tables, "rows": compared.rows_compared}

    def verify(self, plan: Plan, done: Done) -> None:
        """The notes are gone, so that the restore is whole; that its rows are right the last phase proved, or nobody asked."""
        if _has_notes(self._aim.load.connection):
            raise VerifyFailed(
                f"{self._aim.name} still holds the notes of a restore that did not end.",
                remedy="Run it again: it goes on.",
            )

    def report(self, state: Aim, plan: Plan, done: Done) -> dict[str, Any]:
        phases = {step.name: done[step.name]["seconds"] for step in plan.steps if step.name in done}
        told = manifests.told(state.found.manifest)
        lines = []
        if phases:
            took = sum(float(str(seconds)) for seconds in phases.values())
            rows = sum(table.rows for table in state.load.wanted())
            what = f"{', '.join(self.want.tables)} of {state.name}" if self.want.tables else state.name
            lines = [
                f"{what} is {told['id']} of {told['taken_at']}: {rows} rows in {spoken_duration(took)}",
                *(f"{name}: {seconds} s" for name, seconds in phases.items()),
                *(f"not brought back: {shortened(line)}" for line in self._problems(state)),
            ]
            lines += [f"not compared: {line}" for line in state.load.unproven]
            lines += [f"held back: {shortened(line)}" for line in state.load.held]
            if self.want.jobs == "hold" and "jobs" in state.found.manifest.schema_parts:
                lines.append("scheduled jobs are held back: jobs=start starts them")
        ending = {"next": f"hotops status {state.settings.environment}"} if self.want.overwrite else {}
        return {
            **ending, "database": state.name, "restored": told, "phases": phases, "problems": self._problems(state),
            "compared": dict(done.get("compare", {})), "held": state.load.held,
            "unproven": state.load.unproven, SCREEN: lines,
        }  # fmt: skip

    def _problems(self, state: Aim) -> list[str]:
        """What could not be brought back: as the comparison found it, else as the server refused it."""
        return [*state.load.problems, *(() if self.want.compared else state.load.refused)]

    def _confirmed(self, settings: Settings, found: Found, server: Connection) -> None:
        """Rows of a living database are replaced: its name twice, and a fresh backup of it. Raises RestoreRefused."""
        want = self.want
        if want.overwrite != server.database or want.confirm != server.database:
            raise RestoreRefused(
                f"{server.place} would lose its rows; its name has to be given twice.",
                remedy=f"-e overwrite={server.database} -e confirm={server.database} if that is the database you mean.",
            )
        known = [
            item.manifest
            for item in manifests.listed(settings.store, settings.environment, settings.database)[0]
            if item.known or item.signed_by == want.trusted_key
        ]
        now = self.context.clock.now()
        # One of the future is no proof that what is there now is kept: a clock is wrong, or somebody put it there.
        if not any(-SKEW_H <= (now - one.taken_at) / 3600 <= FRESH_H and one.place == server.place for one in known):
            raise RestoreRefused(
                f"There is no backup of {server.place} that is younger than {FRESH_H:g} h: what it holds now would be lost.",
                remedy=f"hotops backup create {settings.environment}    # first; then the same with --to {found.manifest.id}",
            )


def trust(found: Found, trusted_key: str | None) -> None:
    """Raise BackupDamaged for a backup that a key signed which nobody here knows."""
    if not found.known and found.signed_by != trusted_key:
        raise BackupDamaged(
            f"{found.manifest.id} is signed by {found.signed_by}, which this computer does not know.",
            remedy="If a colleague's computer made it, add that line to keys/evidence.pub of the state folder, or give trusted_key.",
        )


def shortened(line: str) -> str:
    """A line of a screen: the reason, and some of the names."""
    reason, _, names = line.partition(": ")
    several = names.split(", ")
    return line if len(several) <= 5 else f"{reason}: {', '.join(several[:5])} and {len(several) - 5} more"


def _name_of(found: Found) -> str:
    stem = "".join(letter if letter.isalnum() else "_" for letter in found.manifest.database.lower())
    return f"{stem}_restored_{found.manifest.id.partition('-')[0].lower()}"[:63]


def _mark(found: Found, tables: tuple[str, ...]) -> str:
    return f"hotops: restore of {found.manifest.id}" + (f", only {', '.join(tables)}" if tables else "")


def _has_notes(connection: Connection) -> bool:
    with contextlib.closing(connection.open()) as session:
        row = session.execute(f"select to_regclass('{NOTES}.done') is not null").fetchone()
    return bool(row and row[0])


def _put_mark(connection: Connection, name: str, mark: str, problems: list[str]) -> None:
    """So that the same restore, asked for again, finds that it is done."""
    from hotops.backup.fingerprint import quoted
    from hotops.backup.scripts import literal

    with contextlib.closing(connection.open()) as session:
        try:
            session.execute(f"comment on database {quoted(name)} is {literal(mark)}")
        except driver().Error as error:
            said = str(error).partition("\n")[0]
            problems.append(f"comment on the database: {said}")
        except DatabaseFailed as error:
            problems.append(error.message)

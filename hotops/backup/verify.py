"""The operation `backup_verify`: is a backup whole and unchanged, and does it really come back, row by row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.backup import manifest as manifests
from hotops.backup.connection import Connection
from hotops.backup.create import SCREEN
from hotops.backup.databases import create_database, drop_database
from hotops.backup.errors import BackupDamaged
from hotops.backup.load import Load
from hotops.backup.manifest import Found
from hotops.backup.programs import find_programs
from hotops.backup.proven import keep_proof
from hotops.backup.quick import check_parts
from hotops.backup.restore import trust
from hotops.backup.restoring import judged, phases_of, run_phase
from hotops.backup.settings import Settings, Where, connection_of, has_identity, opener_of, settings_of
from hotops.core.clock import spoken_duration
from hotops.core.documented import Documented
from hotops.core.operation import Done, Fact, Operation, Plan, Step


class VerifyWanted(Where):
    """Which backup, how thoroughly."""

    backup: str = Field("newest", description="Id of the backup, or newest.")
    mode: str = Field(
        "quick", pattern="^(quick|full)$",
        description="V(quick): signature and checksums of every part; V(full): restored into a scratch database and compared row by row.",
    )  # fmt: skip
    scratch_env: str = Field(
        "SCRATCH_URL",
        description="Environment variable with a connection string of a server that takes the scratch database (V(full)).",
    )
    identity_env: str | None = Field(
        None,
        description="Environment variable with an age identity, or the path of its file; HOTOPS_BACKUP_IDENTITY if omitted."
        " Without one V(quick) checks the parts without opening them.",
    )
    trusted_key: str | None = Field(
        None, description="Id of a key (ed25519:…) to trust, where another computer made the backup."
    )
    keep_scratch: bool = Field(default=False, description="Whether the scratch database is left there.")
    workers: int = Field(3, ge=1, le=16, description="How many parts or tables at once.")


@dataclass(frozen=True)
class Looked:
    """The backup, and what the quick look found: nothing wrong."""

    settings: Settings
    found: Found
    parts: int
    was_opened: bool
    server: Connection | None = None


class VerifyBackup(Operation[VerifyWanted, Looked]):
    """Prove a backup. Raises BackupDamaged, NotAsBackedUp, NoBackup, KeysUnusable."""

    name = "backup_verify"
    Want = VerifyWanted
    needs_environment = True
    docs = Documented(
        short="Prove that a backup is whole, and that it comes back",
        description=(
            "V(quick) checks the signature of the manifest and the checksum of every part, and that nothing else lies there.",
            (
                "V(full) also restores the backup into a scratch database, compares every table row by row with what the source held"
                " in the backup's snapshot, and every object, grant, policy, trigger, sequence and key; then removes it."
            ),
            "Everything wrong is named: the part, the table with the rows' primary keys and columns, the object.",
        ),
        returns={
            "verified": {
                "description": "The backup.",
                "returned": "success",
                "type": "dict",
                "sample": {"id": "20260131T100000Z-3f9a2c"},
            },
            "parts": {
                "description": "Parts whose checksums are right.",
                "returned": "success",
                "type": "int",
                "sample": 118,
            },
            "opened": {
                "description": "Whether each was opened with a key.",
                "returned": "success",
                "type": "bool",
                "sample": True,
            },
            "rows": {
                "description": "Rows that were compared.",
                "returned": "mode is full",
                "type": "int",
                "sample": 1200345,
            },
            "phases": {
                "description": "Seconds that each phase took.",
                "returned": "mode is full",
                "type": "dict",
                "sample": {"rows": 12.4},
            },
            "unproven": {
                "description": "What could not be compared, and why: kinds that an older backup does not hold, large objects that the"
                " role may not read.",
                "returned": "mode is full",
                "type": "list",
                "elements": "str",
                "sample": [],
            },
        },
        examples="""
- name: The newest backup is whole and unchanged
  hotops.core.backup_verify:

- name: The newest backup comes back, row by row
  hotops.core.backup_verify:
    mode: full
    scratch_env: SCRATCH_URL
""",
        notes=("A full verification is what makes a restore count as proven; drills and gates read it.",),
        see_also=("backup", "restore", "backup_info"),
    )

    def observe(self) -> Looked:
        want, context = self.want, self.context
        settings = settings_of(context, want)
        found = manifests.find(settings.store, settings.environment, settings.database, want.backup)
        trust(found, want.trusted_key)
        variable = want.identity_env or settings.declared.identity_env
        opener = (
            opener_of(context, settings, variable)
            if want.mode == "full" or has_identity(context, settings, variable)
            else None
        )
        wrong = check_parts(settings.store, found, opener, workers=want.workers)
        if wrong:
            more = f" and {len(wrong) - 4} more" if len(wrong) > 4 else ""
            raise BackupDamaged(
                f"{found.manifest.id} is damaged: {'; '.join(wrong[:4])}{more}.",
                remedy="Make another backup now, and keep this one's undamaged tables in mind: restore tables=….",
                details={"findings": wrong[:200]},
            )
        server = connection_of(context, want.scratch_env) if want.mode == "full" else None
        return Looked(settings, found, len(found.manifest.parts()), opener is not None, server)

    def plan(self, state: Looked) -> Plan:
        if state.server is None:
            return Plan(why_empty=f"{state.found.manifest.id}: {state.parts} parts are whole and unchanged")
        self._looked = state
        self._name = f"hotops_scratch_{state.found.manifest.id.rpartition('-')[2]}_{self.context.run[-6:].replace('-', '_')}".lower()
        names = ["make", *phases_of(tables=False, jobs=False, compared=True), "drop"]
        target = state.server.to(self._name).place
        steps = [
            Step(name, target, "destroy" if name == "drop" else "create", {}, {name: "scratch"}, phase=name)
            for name in names
        ]
        decides = {"verify": state.found.manifest.id, "on": state.server.place}
        return Plan(tuple(steps), f"{state.found.manifest.id} restored into a scratch database and compared", decides)

    def prepare(self, plan: Plan) -> Fact:
        state, want = self._looked, self.want
        if state.server is None:
            return {}
        with state.server.open() as session:
            row = session.execute("select current_setting('server_version_num')::int / 10000").fetchone()
        opener = opener_of(self.context, state.settings, want.identity_env or state.settings.declared.identity_env)
        self._load = Load(
            state.server.to(self._name),
            find_programs(row[0] if row else 0),
            state.settings.store,
            opener,
            state.found,
            want.workers,
            tell=self.context.tell_far,
            quiet=True,
        )
        return {"database": self._name}

    def apply(self, step: Step, done: Done) -> Fact:
        state, began = self._looked, self.context.clock.now()
        if state.server is None:
            return {}
        fact: dict[str, object] = {}
        try:
            if step.name == "make":
                create_database(state.server, self._name)
            elif step.name == "drop":
                self._drop(state.server)
            else:
                compared = run_phase(self._load, step.name)
                if compared is not None:
                    judged(compared, jobs_held=True, where=f"{state.found.manifest.id}, restored,")
                    fact = {"tables": compared.tables, "rows": compared.rows_compared}
        except BaseException:
            self._drop(state.server)
            raise
        return {**fact, "seconds": round(self.context.clock.now() - began, 3)}

    def verify(self, plan: Plan, done: Done) -> None:
        took = sum(float(str(fact.get("seconds", 0))) for fact in done.values())
        rows = int(str(done["compare"]["rows"]))
        state = self._looked
        keep_proof(state.settings.store, state.found, at=self.context.clock.now(), seconds=took, rows=rows)

    def report(self, state: Looked, plan: Plan, done: Done) -> dict[str, Any]:
        manifest = state.found.manifest
        opened = "opened, and " if state.was_opened else ""
        lines = [
            f"{manifest.id}: {state.parts} parts {opened}unchanged since {state.found.signed_by[:20]}… signed them"
        ]
        result: dict[str, Any] = {
            "verified": manifests.told(manifest),
            "parts": state.parts,
            "opened": state.was_opened,
        }
        if "compare" in done:
            phases = {step.name: done[step.name]["seconds"] for step in plan.steps}
            took = spoken_duration(sum(float(str(seconds)) for seconds in phases.values()))
            lines.append(
                f"restored and compared in {took}: {done['compare']['rows']} rows of {done['compare']['tables']} tables are as they were"
            )
            lines += [f"not compared: {line}" for line in self._load.unproven]
            result |= {"unproven": self._load.unproven, "rows": done["compare"]["rows"], "phases": phases}
        return {**result, SCREEN: lines}

    def _drop(self, server: Connection) -> None:
        if not self.want.keep_scratch:
            drop_database(server, self._name)

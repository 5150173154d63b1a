"""The operation `backup_prune`: backups that no rule keeps go, once that was confirmed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.backup import manifest as manifests
from hotops.backup.create import SCREEN
from hotops.backup.errors import RestoreRefused
from hotops.backup.manifest import MANIFEST
from hotops.backup.proven import proofs
from hotops.backup.retention import kept_for
from hotops.backup.settings import Settings, Where, database_of, settings_of
from hotops.core.documented import Documented
from hotops.core.errors import VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Step
from hotops.inventory.frozen import refuse_if_frozen
from hotops.inventory.schema import Environment

#: An unfinished backup may still be in the making for so long.
UNFINISHED_H = 24.0


class PruneWanted(Where):
    """Which database's backups; and the confirmation."""

    confirm: str | None = Field(None, description="The database's name: without it nothing is removed, only told.")


@dataclass(frozen=True)
class Store:
    """What is there, and why."""

    settings: Settings
    kept: dict[str, list[str]]
    gone: dict[str, str]


class PruneBackups(Operation[PruneWanted, Store]):
    """Remove old backups by the inventory's rule; the newest and the newest proven one stay. Raises StoreFailed, NoGo."""

    name = "backup_prune"
    Want = PruneWanted
    effect = "destroy"
    needs_environment = True
    docs = Documented(
        short="Remove old backups by a rule, after confirmation",
        description=(
            (
                "Keeps the newest backup of so many hours, days, weeks, months and years (C(backup.keep) of the inventory), the newest"
                " of all, and the newest that a full verification proved."
            ),
            "Removes the others, and attempts that are older than a day and never ended. Tells only, without O(confirm).",
        ),
        returns={
            "kept": {
                "description": "Ids of the kept backups and why each is kept.",
                "returned": "success",
                "type": "dict",
                "sample": {"20260131T100000Z-3f9a2c": ["newest", "daily"]},
            },
            "removed": {
                "description": "Ids that go, or would go, and why.",
                "returned": "success",
                "type": "dict",
                "sample": {},
            },
        },
        examples="""
- name: See what would go
  hotops.core.backup_prune:

- name: Old backups go
  hotops.core.backup_prune:
    confirm: shop
""",
        see_also=("backup", "backup_info"),
    )

    @classmethod
    def name_to_confirm(cls, want: PruneWanted, environment: Any) -> str | None:
        """The database whose backups go."""
        return database_of(environment, want)

    def observe(self) -> Store:
        settings = settings_of(self.context, self.want)
        if self.want.confirm is not None and self.want.confirm != settings.database:
            raise RestoreRefused(
                f"confirm is {self.want.confirm!r}, the backups are of {settings.database}: nothing was removed.",
                remedy=f"-e confirm={settings.database}",
            )
        found, wrong = manifests.listed(settings.store, settings.environment, settings.database)
        # Who can write into the store can put a manifest there, dated as they like: it must not push the good ones out.
        times = {item.manifest.id: item.manifest.taken_at for item in found if item.known}
        kept = kept_for(list(times.items()), settings.declared.keep)
        proven = [name for name in proofs(settings.store, settings.environment, settings.database) if name in times]
        if proven:
            kept.setdefault(max(proven, key=lambda name: times[name]), []).append("newest proven")
        gone = {name: "no rule keeps it" for name in times if name not in kept}
        kept |= {item.manifest.id: [_OF_A_STRANGER] for item in found if not item.known}
        now = self.context.clock.now()
        for name, why in wrong.items():
            if why == "unfinished" and (now - _begun(name)) / 3600 > UNFINISHED_H:
                gone[name] = "it was never finished"
        return Store(settings, kept, gone)

    def plan(self, state: Store) -> Plan:
        if state.gone and self.want.confirm is None and not self.context.check:
            return Plan(why_empty=f"{len(state.gone)} would go; confirm={state.settings.database} removes them")
        self._state = state
        where = f"{state.settings.store.url}/{state.settings.environment}/{state.settings.database}"
        steps = [
            Step(name, f"{where}/{name}", "destroy", {"backup": name}, {"backup": None}) for name in sorted(state.gone)
        ]
        return Plan(tuple(steps), f"old backups of {state.settings.database} in {state.settings.environment}")

    def prepare(self, plan: Plan) -> Fact:
        environment: Environment = self.context.environment
        refuse_if_frozen(self.context, environment, "The removal of backups")
        return {}

    def apply(self, step: Step, done: Done) -> Fact:
        settings = self._state.settings
        prefix = f"{manifests.folder_of(settings.environment, settings.database)}/{step.name}"
        # The manifest first: from then on it is no backup, whatever happens next.
        settings.store.delete([f"{prefix}/{MANIFEST}"])
        sizes = settings.store.sizes(prefix)
        settings.store.delete(list(sizes))
        return {"objects": len(sizes) + 1}

    def verify(self, plan: Plan, done: Done) -> None:
        """Nothing of what was removed is listed any more, and what a rule keeps is. Raises VerifyFailed."""
        state = self._state
        folder = manifests.folder_of(state.settings.environment, state.settings.database)
        names = {name.removeprefix(f"{folder}/") for name in state.settings.store.sizes(folder)}
        left = sorted({name.partition("/")[0] for name in names} & set(done))
        lost = sorted(name for name in state.kept if f"{name}/{MANIFEST}" not in names)
        if left or lost:
            said = [f"{name} still has objects in the store" for name in left]
            said += [f"{name} is gone, and should have stayed" for name in lost]
            raise VerifyFailed(
                f"{'; '.join(said)}.",
                remedy="Run it again." if not lost else "Make a backup now, and see who else removes backups there.",
            )

    def report(self, state: Store, plan: Plan, done: Done) -> dict[str, Any]:
        verb = "removed" if done else "would go"
        lines = [f"{name}: {', '.join(why)}" for name, why in sorted(state.kept.items(), reverse=True)]
        lines += [f"{name}: {verb}, {why}" for name, why in sorted(state.gone.items(), reverse=True)]
        if not done and state.gone:
            lines.append(f"Nothing was removed: confirm={state.settings.database} does.")
        return {"kept": state.kept, "removed": state.gone, SCREEN: lines}


#: Why a backup stays that no rule counts.
_OF_A_STRANGER = "signed by a key that this computer does not know, so no rule counts it"


def _begun(backup: str) -> float:
    from datetime import UTC, datetime

    try:
        return datetime.strptime(backup.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return float("inf")

"""The operation `restore_moment`: the platform brings a project back, in place, to a moment; all written since is lost."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.backup import manifest as manifests
from hotops.backup.create import SCREEN
from hotops.backup.errors import NoBackup, RestoreFailed, RestoreRefused
from hotops.backup.restore import FRESH_H, SKEW_H
from hotops.backup.settings import Where, settings_of
from hotops.core.clock import parse_rfc3339, rfc3339, spoken_duration
from hotops.core.documented import Documented
from hotops.core.errors import HotopsError, UsageError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Step
from hotops.core.waiting import Pace, wait_for
from hotops.supabase.client import Project, Supabase

#: How long a project may take to come back: the platform promises nothing.
RECOVERED_WITHIN_S = 3600.0


class MomentWanted(Where):
    """To which moment."""

    to: str = Field(
        description="The moment, as RFC 3339 (2026-01-31T10:00:00Z): what was committed before it is there afterwards."
    )
    overwrite: str | None = Field(None, description="Name of the project whose database goes back in place.")
    confirm: str | None = Field(None, description="The same name once more.")
    without_backup: bool = Field(
        default=False, description="Whether it goes back although no fresh backup holds what it has now."
    )


@dataclass(frozen=True)
class Window:
    """The project, and between which moments it can go."""

    name: str
    project: Project
    earliest: float
    latest: float
    backup_age_h: float | None


class RestoreMoment(Operation[MomentWanted, Window]):
    """Bring a project's database back to a moment inside the platform's window of recovery.

    Raises UsageError, NoBackup (no window, or the moment is outside of it; names the nearest backup), RestoreRefused.
    """

    name = "restore_moment"
    Want = MomentWanted
    effect = "destroy"
    needs_environment = True
    docs = Documented(
        short="Bring a project's database back to a moment, in place, by the platform",
        description=(
            "Uses the platform's recovery to a point in time, where the project has it: to the second, in place.",
            (
                "All that was written since is lost, so the project's name is given twice (O(overwrite), O(confirm)), and a backup"
                " that is younger than an hour has to hold what is there now (M(hotops.core.restore_compare) also keeps rows)."
            ),
            "Outside the window it stops, and names the nearest backup with what that would lose.",
        ),
        returns={
            "moment": {
                "description": "The moment that it went back to.",
                "returned": "success",
                "type": "str",
                "sample": "2026-01-31T10:00:00Z",
            },
            "loses_s": {
                "description": "Seconds before now whose writes are lost.",
                "returned": "success",
                "type": "float",
                "sample": 320.0,
            },
            "seconds": {
                "description": "How long the project was away.",
                "returned": "when it went back",
                "type": "float",
                "sample": 94.0,
            },
        },
        examples="""
- name: The database is as it was before the bad migration
  hotops.core.restore_moment:
    to: "2026-01-31T09:59:30Z"
    overwrite: shop
    confirm: shop

- name: What would be lost is told, and the database stays as it is
  hotops.core.restore_moment:
    to: "2026-01-31T09:59:30Z"
    overwrite: shop
    confirm: shop
  check_mode: true
""",
        see_also=("restore", "restore_points", "restore_compare"),
    )

    @property
    def supabase(self) -> Supabase:
        return self.context.client(Supabase)

    @property
    def _moment(self) -> int:
        """Moments are whole seconds there. Raises UsageError."""
        try:
            return math.floor(parse_rfc3339(self.want.to))
        except ValueError as error:
            raise UsageError(
                f"to is no moment: {error}.", remedy="to=2026-01-31T10:00:00Z, with its time zone."
            ) from error

    @classmethod
    def name_to_confirm(cls, want: MomentWanted, environment: Any) -> str | None:  # noqa: ARG003
        """The project that goes back."""
        return str(environment.supabase_project)

    def observe(self) -> Window:
        moment = self._moment
        name = self.context.environment.supabase_project
        if not name:
            raise UsageError(
                f"{self.context.environment.name} names no project.", remedy="Set supabase_project in the inventory."
            )
        project = self.supabase.find(name)
        if project is None:
            raise NoBackup(f"The token sees no project {name}.", remedy="hotops doctor says what the token may do.")
        backups = self.supabase.backups(project.ref)
        earliest, latest = backups.earliest_recoverable_at, backups.latest_recoverable_at
        if not backups.pitr_enabled or earliest is None or latest is None:
            raise NoBackup(f"{name} has no recovery to a point in time.{self._nearest(moment)}", remedy=_OWN)
        if not earliest <= moment <= latest:
            raise NoBackup(
                f"{name} can go back to moments between {rfc3339(earliest)} and {rfc3339(latest)}; {self.want.to} is none of"
                f" them.{self._nearest(moment)}",
                remedy=_OWN
                if moment < earliest
                else "Wait two minutes for the log to be archived, or take the latest.",
            )
        return Window(name, project, earliest, latest, self._age_h())

    def plan(self, state: Window) -> Plan:
        self._window = state
        moment = rfc3339(self._moment)
        if not self.context.check:
            self._confirmed(state)
        loses = spoken_duration(max(0.0, self.context.clock.now() - self._moment))
        step = Step(
            "recover", f"supabase/{state.project.ref}", "destroy",
            {"database": f"everything until {rfc3339(state.latest)}"},
            {"database": f"as of {moment}; {loses} of writes are lost"},
        )  # fmt: skip
        return Plan(
            (step,), f"{state.name} goes back to {moment}, in place", {"project": state.project.ref, "to": moment}
        )

    def apply(self, step: Step, done: Done) -> Fact:
        state, began = self._window, self.context.clock.now()
        ref = state.project.ref
        if state.project.status != "RESTORING":  # else a run that died has asked already
            self.supabase.recover_to(ref, self._moment)
        seen = wait_for(
            lambda project: project is not None and project.status in ("ACTIVE_HEALTHY", "RESTORE_FAILED"),
            lambda: self.supabase.project(ref),
            clock=self.context.clock,
            timeout_s=RECOVERED_WITHIN_S,
            what=f"Recovery of project {ref}",
            pace=Pace(0.5, 1.3, 5.0),
            describe=lambda project: project.status if project else "gone",
            remedy="Look at the project's backups in its dashboard; do not start another recovery.",
        )
        if seen is None or seen.status != "ACTIVE_HEALTHY":
            raise RestoreFailed(
                f"The platform could not bring {state.name} back: {seen.status if seen else 'gone'}.",
                remedy="Ask its support; meanwhile restore a backup of your own into another project.",
            )
        return {"seconds": round(self.context.clock.now() - began, 1)}

    def verify(self, plan: Plan, done: Done) -> None:
        rows = self.supabase.look(self._window.project.ref, "select 1 as answers")
        if rows != [{"answers": 1}]:
            raise VerifyFailed(f"{self._window.name} is back and does not answer a query.", remedy="hotops status")

    def report(self, state: Window, plan: Plan, done: Done) -> dict[str, Any]:
        moment = rfc3339(self._moment)
        loses = max(0.0, self.context.clock.now() - self._moment)
        result: dict[str, Any] = {"moment": moment, "loses_s": round(loses, 1)}
        lines = [f"{state.name}: between {rfc3339(state.earliest)} and {rfc3339(state.latest)}"]
        if "recover" in done and "seconds" in done["recover"]:
            result["seconds"] = done["recover"]["seconds"]
            lines = [f"{state.name} is as of {moment}, after {spoken_duration(float(str(result['seconds'])))}"]
            lines.append("Next: hotops restore compare tells what a backup from before holds that is not there now.")
        return {**result, SCREEN: lines}

    # --- inside -------------------------------------------------------------------------------------------------------

    def _confirmed(self, state: Window) -> None:
        want = self.want
        if want.overwrite != state.name or want.confirm != state.name:
            raise RestoreRefused(
                f"{state.name} would lose all that was written since {self.want.to}; its name has to be given twice.",
                remedy=f"overwrite={state.name} confirm={state.name} if that is the project you mean.",
            )
        healthy = state.project.status == "ACTIVE_HEALTHY"
        if healthy and not want.without_backup and (state.backup_age_h is None or state.backup_age_h > FRESH_H):
            raise RestoreRefused(
                f"No backup of {state.name} is younger than {FRESH_H:g} h: what it holds now would be lost for good.",
                remedy="Back it up first (backup.yml); without_backup=true goes on without.",
            )

    def _age_h(self) -> float | None:
        try:
            settings = settings_of(self.context, self.want)
            found, _wrong = manifests.listed(settings.store, settings.environment, settings.database)
        except HotopsError:
            return None  # no store is declared, or it does not answer: then there is no fresh backup to count on
        ages_h = [(self.context.clock.now() - item.manifest.taken_at) / 3600 for item in found if item.known]
        return min((age_h for age_h in ages_h if age_h >= -SKEW_H), default=None)

    def _nearest(self, moment: int) -> str:
        """The newest own backup of before, and what it would lose."""
        try:
            settings = settings_of(self.context, self.want)
            found, _wrong = manifests.listed(settings.store, settings.environment, settings.database)
        except HotopsError:
            return ""
        before = [item.manifest for item in found if item.manifest.taken_at <= moment]
        if not before:
            return " No backup of your own is from before."
        lost = spoken_duration(moment - before[0].taken_at)
        return f" The nearest backup is {before[0].id}: {lost} before that moment would be lost."


_OWN = "restore.yml -e to=ID brings a backup of your own back, into a new database."

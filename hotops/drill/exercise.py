"""A drill that goes on: what it works with, what was true before, and whether all is well again."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hotops.core.context import Context
from hotops.core.errors import HotopsError, UsageError
from hotops.core.parallel import map_parallel
from hotops.core.secret import Secret
from hotops.core.state import private_folder, read_json, state_dir, write_atomically
from hotops.drill import machines as fleet
from hotops.drill.data import Content, DrillData, differences
from hotops.drill.heartbeat import Heartbeat
from hotops.drill.machines import Configs, Was
from hotops.drill.record import Record
from hotops.fly.config import MachineConfig
from hotops.health.probe import Prober
from hotops.health.target import Target
from hotops.inventory.schema import App, Environment
from hotops.promote.holding import hold
from hotops.supabase.client import Project, Supabase


@dataclass
class Exercise:
    """One drill's surroundings. What has to outlive this process stands in `record`; the beats live and die with it."""

    context: Context
    environment: Environment
    apps: tuple[App, ...]
    record: Record
    heartbeat: Heartbeat | None = None
    #: A credential that leaked, and the session that a stranger has with it.
    leaked: Secret | None = field(default=None, repr=False)
    intruder: Any = field(default=None, repr=False)
    #: Whether this drill has the environment's lock; a dead drill's rollbacks and `chaos run` have it not.
    is_locked: bool = False
    _project: Project | None = field(default=None, repr=False)

    @property
    def names(self) -> list[str]:
        """The Fly apps."""
        return [app.app for app in self.apps]

    @property
    def supabase(self) -> Supabase:
        return self.context.client(Supabase)

    @property
    def project(self) -> Project:
        """The environment's Supabase project. Raises UsageError where it has none, or the token sees none."""
        if self._project is None:
            wanted = self.environment.supabase_project
            found = self.supabase.find(wanted) if wanted else None
            if found is None:
                said = (
                    f"The token sees no Supabase project {wanted!r}." if wanted else "No supabase_project is declared."
                )
                raise UsageError(said, remedy="Set supabase_project in the inventory, and check the token's rights.")
            self._project = found
        return self._project

    def hold_again(self) -> None:
        """Take the lock that an operation inside of the drill gave back when it ended."""
        if self.is_locked:
            hold(self.context, self.environment)

    def use_project(self, project: Project) -> None:
        """From now on the data are in another project: the one that was rebuilt."""
        self._project = project

    @property
    def data(self) -> DrillData:
        return DrillData(self.supabase, self.project.ref)

    # --- what was true before -----------------------------------------------------------------------------------------

    @property
    def fleet_before(self) -> list[Was]:
        """The machines that ran before the fault."""
        return [Was(**each) for each in self.record.facts.get("machines", [])]

    @property
    def content_before(self) -> Content:
        """What the tables held before the fault."""
        return {name: (rows, text) for name, (rows, text) in self.record.facts.get("content", {}).items()}

    def remember_fleet(self) -> list[Was]:
        """Keep which machines run now, and how they are configured: a lost host takes its configurations along.

        Configurations go to this computer's state folder, readable by its owner only, never into the evidence.
        """
        found = fleet.all_started(self.context, self.names)
        self.record.note(machines=[vars(each) for each in found])
        kept = {
            f"{app} {group}": config.raw for (app, group), config in fleet.configs(self.context, self.names).items()
        }
        write_atomically(self._configs_file, json.dumps(kept))
        return found

    @property
    def configs_before(self) -> Configs:
        """The configurations of before, by app and group."""
        kept = read_json(self._configs_file) or {}
        return {(name.split(" ")[0], name.split(" ")[1]): MachineConfig(raw) for name, raw in kept.items()}

    def forget_configs(self) -> None:
        """The drill is over: nothing of it stays in the state folder."""
        self._configs_file.unlink(missing_ok=True)

    @property
    def _configs_file(self) -> Path:
        return private_folder(state_dir() / "drills") / f"{self.context.run}.json"

    # --- is it well? --------------------------------------------------------------------------------------------------

    def unwell(self) -> list[str]:
        """What is wrong with the apps, a line each: a wrong answer, fewer machines than before. Empty: all is well."""
        return [*self._wrong_answers(), *self._wrong_machines()]

    def wrong_data(self) -> list[str]:
        """What the tables do not hold any more, a line each; one line where they can't be read."""
        try:
            return differences(self.content_before, self.data.content())
        except HotopsError as error:
            return [f"the database can't be read: {error.message}"]

    def _wrong_answers(self) -> list[str]:
        prober = self.context.client(Prober)
        checks = [check for app in self.apps for check in Target.of(app).checks(())]
        return [result.says for result in map_parallel(prober.probe, checks) if not result.ok]

    def _wrong_machines(self) -> list[str]:
        now = fleet.all_started(self.context, self.names)
        failing = [f"{each.app}: machine {each.id} fails its checks" for each in now if not each.well]
        lost = fleet.missing(self.fleet_before, now)
        return [*failing, *(f"{was.app}: machine {was.id} of {was.group} in {was.region} is missing" for was in lost)]


def data_loss_s(exercise: Exercise) -> float | None:
    """How much was lost, in seconds: from the newest beat that came back to the last one kept before the fault.

    None where no beats were taken or the fault never came.
    """
    fault = exercise.record.at("fault")
    if exercise.heartbeat is None or fault is None:
        return None
    last = exercise.heartbeat.last_kept_before(fault)
    newest = exercise.data.newest_beat(fault)
    if last is None:
        return None
    return max(0.0, last - newest) if newest is not None else math.inf


def named(apps: Sequence[App], name: str) -> App:
    """The app of this name or host. Raises UsageError."""
    for app in apps:
        if name in (app.app, app.host):
            return app
    raise UsageError(f"{name} is not among the apps of this drill: {', '.join(app.app for app in apps)}.")

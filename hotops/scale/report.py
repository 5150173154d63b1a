"""Memory as it is declared, as the next deploy gives it, as it runs, and as it is used; with what would be right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ApiError, ExitCode, HotopsError, WireError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.parallel import map_parallel
from hotops.core.table import aligned
from hotops.deploy.groups import groups_of
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import is_managed
from hotops.inventory.schema import App, Environment
from hotops.promote.pairs import environment_of
from hotops.scale.advice import Advice, BackTest, Used, advise, back_test, policy
from hotops.scale.deploy_size import UnreadableSize, deployed_size
from hotops.scale.keeping import fly_toml_of
from hotops.scale.prices import prices, yearly_usd
from hotops.scale.sizes import Size

_TOTAL, _FREE = "fly_instance_memory_mem_total", "fly_instance_memory_mem_available"
_OOMS = "fly_instance_exit_oom"
_MB = 1024.0 * 1024


class MemoryDrifts(HotopsError):
    """A group has another size than is declared, or the next deploy gives it another; `details` says which."""

    code = "memory_drifts"
    exit_code = ExitCode.FINDINGS


class ReportWanted(Spec):
    """What fails the task."""

    fail_on_drift: bool = Field(default=False, description="Whether a size that is not as declared fails the task.")
    advice: bool = Field(default=True, description="Whether the organisation's metrics are read for advice.")


@dataclass(frozen=True)
class Group:
    """One process group: its sizes by where they stand, and what is advised."""

    app: str
    name: str
    machines: tuple[Machine, ...]
    declared_mb: int | None
    floor_mb: int
    deploy: Size | None
    deploy_from: str
    advice: Advice
    test: BackTest
    ooms: int

    @property
    def running(self) -> list[Size]:
        """The sizes that its machines have."""
        found = {Size.of(machine.known_config.guest) for machine in self.machines}
        return sorted(found, key=lambda size: (size.cpus, size.memory_mb))

    @property
    def drift(self) -> list[str]:
        """What contradicts what."""
        said = []
        wanted = max(self.declared_mb or 0, self.floor_mb)
        for size in self.running:
            if self.declared_mb is not None and size.memory_mb != wanted:
                said.append(f"runs with {size.memory_mb} MB, declared are {wanted} MB")
            elif size.memory_mb < self.floor_mb:
                said.append(f"runs with {size.memory_mb} MB, below the floor of {self.floor_mb} MB")
        if len(self.running) > 1:
            said.append("its machines have different sizes")
        if self.deploy is not None and [self.deploy] != self.running:
            said.append(f"the next deploy gives it {self.deploy} ({self.deploy_from})")
        return said

    @property
    def saved_usd(self) -> float:
        """What the advised size saves a year; negative where it costs more."""
        if self.advice.size is None:
            return 0.0
        now = sum(yearly_usd(Size.of(m.known_config.guest), m.region) for m in self.machines)
        return now - sum(yearly_usd(self.advice.size, machine.region) for machine in self.machines)

    def as_row(self) -> dict[str, Any]:
        """It as plain data."""
        advised = self.advice.size
        return {
            "app": self.app,
            "process_group": self.name,
            "machines": len(self.machines),
            "running": [str(size) for size in self.running],
            "declared_mb": self.declared_mb,
            "floor_mb": self.floor_mb or None,
            "deploy": str(self.deploy) if self.deploy else None,
            "drift": self.drift,
            "peak_mb": None if self.advice.peak_mb is None else round(self.advice.peak_mb),
            "ooms": self.ooms,
            "advised": str(advised) if advised else None,
            "why": self.advice.why,
            "saves_usd_a_year": round(self.saved_usd, 2),
            "back_test": str(self.test),
        }


class ScaleReport(Operation[ReportWanted, list[Group]]):
    """Read machines, fly.toml or the last release, and the metrics of a week. Raises MemoryDrifts.

    Calls: an app 1 read, 1 more where no fly.toml is declared, and three queries of its metrics.
    """

    name: ClassVar[str] = "scale_report"
    Want: ClassVar[type[Spec]] = ReportWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Compare memory as declared, deployed and used, and say what would be right",
        description=(
            "For each process group: what the inventory declares, what the next deploy gives, what its machines have.",
            "Advises a size by a week of metrics: a percentile whose older samples count less, and a margin.",
            "After a memory kill it advises more, and never less than the declared floor.",
            "Says what the advice changes in a year, by a dated price table, and on how many days it would have held.",
            "A sample is taken every half hour, so that a short peak may be missed: that is what the margin is for.",
        ),
        returns={
            "groups": {
                "description": "One item for each process group.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "app": {"description": "The Fly app.", "type": "str"},
                    "process_group": {"description": "The process group.", "type": "str"},
                    "machines": {"description": "How many machines it has.", "type": "int"},
                    "running": {"description": "The sizes that they have.", "type": "list", "elements": "str"},
                    "declared_mb": {"description": "Memory that the inventory declares.", "type": "int"},
                    "floor_mb": {"description": "The declared floor.", "type": "int"},
                    "deploy": {"description": "Size that the next deploy gives; none if it leaves it.", "type": "str"},
                    "drift": {"description": "What contradicts what.", "type": "list", "elements": "str"},
                    "peak_mb": {"description": "The most that was used in the window.", "type": "int"},
                    "ooms": {"description": "Memory kills in the window.", "type": "int"},
                    "advised": {"description": "The size to have; none where too little is known.", "type": "str"},
                    "why": {"description": "What the advice is made of.", "type": "str"},
                    "saves_usd_a_year": {"description": "What it saves; negative if it costs more.", "type": "float"},
                    "back_test": {"description": "On how many days it would have held.", "type": "str"},
                },
            },
            "drifts": {
                "description": "Whether anything is not as declared.",
                "returned": "success",
                "type": "bool",
                "sample": False,
            },
            "saves_usd_a_year": {
                "description": "What all advice together saves in a year.",
                "returned": "success",
                "type": "float",
                "sample": 41.76,
            },
        },
        examples="""
- name: Red where a machine has not what is declared
  hotops.core.scale_report:
    fail_on_drift: true
  run_once: true

- name: What could be smaller, and what has to grow
  hotops.core.scale_report:
  register: memory
  run_once: true
""",
        see_also=("fly_scale", "lint"),
    )

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    def observe(self) -> list[Group]:
        environment: Environment = environment_of(self.context)
        chosen = [environment.apps[host] for host in self.context.selection or environment.apps]
        return [group for groups in map_parallel(self._groups, chosen) for group in groups]

    def report(self, state: list[Group], plan: Plan, done: Done) -> dict[str, Any]:
        rows = [group.as_row() for group in state]
        drifting = [group for group in state if group.drift]
        saved = round(sum(group.saved_usd for group in state), 2)
        screen = aligned(
            [
                [
                    f"{group.app}/{group.name}",
                    str(group.declared_mb or group.floor_mb or "-"),
                    str(group.deploy) if group.deploy else "as it is",
                    ", ".join(str(size) for size in group.running),
                    "-" if group.advice.peak_mb is None else f"{group.advice.peak_mb:.0f} MB",
                    str(group.advice.size or "-"),
                    f"{-group.saved_usd:+,.0f}" if abs(group.saved_usd) >= 1 else "-",
                ]
                for group in state
            ],
            ("group", "declared", "next deploy", "runs", "most used", "advised", "USD a year"),
        )
        screen += [f"drift: {group.app}/{group.name} {said}" for group in drifting for said in group.drift]
        screen += [f"{g.app}/{g.name}: {g.advice.why}; {g.test}" for g in state if g.advice.size]
        if abs(saved) >= 1:
            screen.append(f"All of it: {-saved:+,.2f} USD a year if all run (prices of {prices()['as_of']}).")
        result = {"groups": rows, "drifts": bool(drifting), "saves_usd_a_year": saved, "hotops_screen": screen}
        if drifting and self.want.fail_on_drift:
            names = ", ".join(f"{group.app}/{group.name}" for group in drifting)
            raise MemoryDrifts(
                f"{len(drifting)} of {len(state)} groups are not as declared: {names}.",
                remedy=f"hotops memory scale {environment_of(self.context).name} --check",
                details=result,
            )
        return result

    # --- inside -------------------------------------------------------------------------------------------------------

    def _groups(self, app: App) -> list[Group]:
        environment = environment_of(self.context)
        machines = [machine for machine in self.fly.machines.list(app.app) if is_managed(machine)]
        file = fly_toml_of(environment, app)
        config = file.data if file is not None else self._last_deploy(app.app)
        used, ooms = self._used(app, machines) if self.want.advice else ({}, {})
        now, found = self.context.clock.now(), []
        for name, members in groups_of(machines).items():
            declared = app.process_groups.get(name)
            floor = app.memory_floor_mb or 0
            sizes = [Size.of(machine.known_config.guest) for machine in members]
            largest = max(sizes, key=lambda size: size.memory_mb)
            killed = sum(ooms.get(machine.id, 0) for machine in members)
            # The group is as large as its hungriest machine needs.
            each = [used[machine.id] for machine in members if used.get(machine.id)]
            most = max(each, key=lambda samples: max(value for _, value in samples), default=())
            advice = advise(most, largest, ooms=killed, floor_mb=floor, now=now)
            try:
                deploy = deployed_size(config, name)
            except UnreadableSize:
                deploy = None
            found.append(
                Group(
                    app.app, name, tuple(members), declared.memory_mb if declared else None, floor, deploy,
                    file.path.name if file is not None else "the last deploy's configuration", advice,
                    back_test(most, largest), killed,
                )
            )  # fmt: skip
        return found

    def _last_deploy(self, app: str) -> Mapping[str, Any]:
        try:
            return self.fly.releases.definition(app)
        except (ApiError, WireError):
            return {}

    def _used(self, app: App, machines: Sequence[Machine]) -> tuple[dict[str, list[Used]], dict[str, int]]:
        """By machine, what it used in MiB over the window, and how often it was killed; nothing where refused."""
        rule, now = policy(), self.context.clock.now()
        between = {"start": now - rule.window_days * 86400.0, "end": now, "step_s": rule.step_s}
        label = f'{{app="{app.app}"}}'
        try:
            total = self.fly.metrics.query_range(app.fly_org, _TOTAL + label, **between)
            free = self.fly.metrics.query_range(app.fly_org, _FREE + label, **between)
            kills = self.fly.metrics.query(
                app.fly_org, f"sum by (instance) (increase({_OOMS}{label}[{rule.window_days}d]))"
            )
        except (ApiError, WireError):
            return {}, {}
        left = {series.labels.get("instance", ""): dict(series.points) for series in free}
        used = {
            machine: [(at, (value - left[machine][at]) / _MB) for at, value in series.points if at in left[machine]]
            for series in total
            if (machine := series.labels.get("instance", "")) in left
        }
        known = {machine.id for machine in machines}
        counted = {series.labels.get("instance", ""): round(series.points[-1][1]) for series in kills if series.points}
        return {key: found for key, found in used.items() if key in known}, counted

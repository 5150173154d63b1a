"""Scale: the size and number of an app's machines, group by group, or everything back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hotops.core.context import Context
from hotops.core.documented import Documented
from hotops.core.errors import ApiError, VerifyFailed, WireError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.groups import groups_of, size_of
from hotops.deploy.roll import PROPAGATION_S, MachineRoller, Rolling, describe_health
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.models import Machine
from hotops.fly.secrets import deployed_state
from hotops.fly.states import checks_pass, is_managed, is_started
from hotops.inventory.schema import Environment
from hotops.promote.holding import hold, let_go
from hotops.scale.keeping import file_step, fly_toml_of, undone_by_deploy, wanted_file
from hotops.scale.number import Number
from hotops.scale.sizes import Size
from hotops.scale.steps import ADD, FILE, MOVE, app_of, as_wanted, describe, group_of, is_as_wanted, steps_of
from hotops.scale.telling import added_usd, screen, told, warnings_of
from hotops.scale.toml_file import FlyToml
from hotops.scale.wanted import ScaleWant, Wish, wishes


@dataclass(frozen=True)
class Seen:
    """The managed machines of each app, and its secrets that wait for a deploy, where something is to be changed."""

    machines: Mapping[str, tuple[Machine, ...]] = field(default_factory=dict)
    staged: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    #: The declared fly.toml of each app, and the last deploy's configuration of those that are changed without one.
    files: Mapping[str, FlyToml] = field(default_factory=dict)
    deployed: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


class Scale(Operation[ScaleWant, Seen]):
    """Give the machines of apps their size and number, and prove it, or bring back what was there.

    A machine's turn is the deploy's: out of rotation, drained, updated under a lease and against its known version,
    healthy, back in. Stopped machines are updated and stay stopped, which flyctl's scaling does not keep.
    Calls of the Machines API: 1 read an app to plan, 1 write to learn its secrets version, 1 read to prove; where
    something is to be changed also 1 read of its secrets, 1 of its releases, and 1 of the last deploy's configuration
    where no fly.toml is declared; a machine as in a deploy.
    Raises: InvalidSize, ScaleRefused, LockHeld, RolledBack, NotRestored.
    """

    name: ClassVar[str] = "fly_scale"
    Want: ClassVar[type[Spec]] = ScaleWant
    effect = "write"
    undoes = True
    needs_environment = True
    docs = Documented(
        short="Give the machines of apps their memory, CPUs and number",
        description=(
            "Replaces machines whose size is not the wanted one, one process group's machines never all at once.",
            "Each leaves the rotation, drains, is updated under a lease, has to pass its checks, and comes back.",
            "A stopped machine gets its size and stays stopped.",
            "When anything fails, sizes and numbers that were there before are brought back and proven.",
            "Without options it does what the inventory declares in C(process_groups) and C(memory_floor_mb).",
            "With C(fly_toml_write) in the inventory the app's fly.toml is given the same, comments and style kept.",
            "Else the result warns of what the next deploy would undo.",
        ),
        notes=(
            "A new VM gets the secrets that were staged meanwhile; the result warns of them, also in check mode.",
            "The only running machine of a group is away for the seconds of its boot; the result warns of it.",
        ),
        returns={
            "apps": {
                "description": "By app and process group, the sizes before and after, and the machines.",
                "returned": "success",
                "type": "dict",
                "sample": {
                    "shop-production": {
                        "web": {"before": ["shared-1x 512 MB"], "after": ["shared-1x 2048 MB"], "machines": 2}
                    }
                },
            },
            "yearly_usd": {
                "description": "What the change adds to a year's bill in US dollars, by the price table, if all run.",
                "returned": "success",
                "type": "float",
                "sample": 180.0,
            },
            "warnings": {
                "description": "What scaling does besides, and what does not look well.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": ["shop-production/worker runs one machine: it is away while it is replaced."],
            },
        },
        examples="""
- name: Every app has the sizes and numbers that the inventory declares
  hotops.core.fly_scale:
  run_once: true

- name: The worker no longer runs out of memory
  hotops.core.fly_scale:
    app: shop-production
    process_group: worker
    memory_mb: 2048

- name: Two apps in one run
  hotops.core.fly_scale:
    targets:
      - app: shop-production
        process_group: web
        count: 3
      - app: shop-agent
        memory_mb: 1024
        autostop: suspend
  run_once: true
""",
        see_also=("fly_machine_info", "fly_deploy"),
    )

    def __init__(self, want: ScaleWant, context: Context) -> None:
        super().__init__(want, context)
        self.wishes = {wish.app: wish for wish in wishes(want, context)}
        self._seen = Seen()

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    def observe(self) -> Seen:
        declared = {app: fly_toml_of(self.context.environment, wish.declared) for app, wish in self.wishes.items()}
        files = {app: file for app, file in declared.items() if file is not None}
        machines = dict(zip(self.wishes, map_parallel(self._managed, self.wishes), strict=True))
        changing = [app for app, found in machines.items() if self._changes(app, found)]
        staged = dict(zip(changing, map_parallel(lambda app: self._staged(app, machines[app]), changing), strict=True))
        unknown = [app for app in changing if app not in files]
        deployed = dict(zip(unknown, map_parallel(self._last_deploy, unknown), strict=True))
        self._seen = Seen(machines, staged, files, deployed)
        return self._seen

    def plan(self, state: Seen) -> Plan:
        steps: list[Step] = []
        decided: dict[str, object] = {}
        for app, wish in self.wishes.items():
            steps += steps_of(wish, state.machines[app])
            steps += file_step(wish, state.machines[app], state.files.get(app))
            decided[app] = {
                group: {
                    "from": sorted({size_of(machine) for machine in members}),
                    "to": sorted({str(wish.size(group, Size.of(m.known_config.guest))) for m in members}),
                    "machines": [len(members), wish.of(group).count or len(members)],
                    "rest": wish.of(group).rest(),
                }
                for group, members in groups_of(state.machines[app]).items()
            }
        ordered = tuple(sorted(steps, key=lambda step: step.phase))
        why = "every machine has the wanted size."
        return Plan(ordered, f"Scale {', '.join(self.wishes)}", {"scale": decided}, why)

    def prepare(self, plan: Plan) -> Fact:
        """Take the environment's lock, and learn each app's secrets version: Fly tells it only in answer to a write."""
        if isinstance(self.context.environment, Environment):
            hold(self.context, self.context.environment)
        apps = list(dict.fromkeys(app_of(step) for step in plan.steps if step.phase != FILE))
        versions = map_parallel(self.fly.secrets.learn_version, apps)
        return {"min_secrets_version": dict(zip(apps, versions, strict=True))}

    def apply(self, step: Step, done: Done) -> Fact:
        wish, group = self.wishes[app_of(step)], group_of(step)
        if step.phase == FILE:
            return self._write_file(wish)
        if step.phase == ADD:
            first = self._before(step.target.removeprefix("like "), wish.app)
            config = as_wanted(first.known_config, wish, group)
            return self._number(wish).make(step, config, first, self._secrets_version(wish, done))
        if step.action == "destroy":
            return self._number(wish).remove(step.target, drain=bool(step.before.get("runs")))
        return self._roller(wish).move(
            step.target,
            self._how(step, done, settle=bool(step.before.get("more_follow"))),
            is_there=lambda machine: is_as_wanted(machine, wish),
            change=lambda machine: as_wanted(machine.known_config, wish, group).with_metadata(
                {marks.SCALED_BY: self.context.run}
            ),
        )

    def verify(self, plan: Plan, done: Done) -> None:
        for app, machines in self._look_again(plan).items():
            wish, running = self.wishes[app], _meant_to_run(plan, app)
            added = (step for step in plan.steps if step.phase == ADD and app_of(step) == app)
            running |= {str(done[step.name]["machine"]) for step in added}
            wrong = [f"{m.id} has {size_of(m)}" for m in machines if not is_as_wanted(m, wish)]
            for group, members in groups_of(machines).items():
                wanted = wish.of(group).count
                wrong += [f"{group} has {len(members)} machines"] if wanted not in (None, len(members)) else []
            self._refuse_wrong(app, wrong + _unwell(machines, running))
        for step in plan.steps:
            if step.phase == FILE:
                wish, file = self.wishes[app_of(step)], self._read_file(app_of(step))
                now = wanted_file(wish, self._seen.machines[wish.app], file)
                self._refuse_wrong(wish.app, [] if now.text == file.text else [f"{file.path.name} says other sizes"])
        self._let_go()

    def undo(self, step: Step, done: Done) -> None:
        """Give a machine its old size back, take a made one away, make a removed one anew."""
        wish = self.wishes[app_of(step)]
        if step.phase == FILE:
            before = self._seen.files[wish.app]
            if self._read_file(wish.app).text == wanted_file(wish, self._seen.machines[wish.app], before).text:
                before.write()  # ours, and nobody changed it since
            return
        if step.phase == ADD:
            made = done.get(step.name, {}).get("machine") or self._number(wish).made_by(step)
            if made:
                self._number(wish).remove(str(made), drain=True)
            return
        machine_before = self._before(step.target, wish.app)
        if step.action == "destroy":
            self._undo_removal(step, wish, machine_before, done)
            return
        config = machine_before.known_config
        machine = self.fly.machines.get(wish.app, step.target)
        if _same(machine, config, wish):
            self._roller(wish).uncordon_own(machine)
            return
        self._roller(wish).move(
            step.target,
            self._how(step, done, settle=bool(step.before.get("some_went_before"))),
            is_there=lambda seen: _same(seen, config, wish),
            change=lambda seen: _with_size_of(seen.known_config, config),
        )

    def verify_undone(self, plan: Plan, done: Done) -> None:
        for app, machines in self._look_again(plan).items():
            wish, before, running = self.wishes[app], self._seen.machines[app], _meant_to_run(plan, app)
            sizes = {machine.id: machine.known_config for machine in before}
            wrong = [f"{m.id} has {size_of(m)}" for m in machines if m.id in sizes and not _same(m, sizes[m.id], wish)]
            had = {group: len(members) for group, members in groups_of(before).items()}
            has = {group: len(members) for group, members in groups_of(machines).items()}
            wrong += [f"it has {has} machines, not {had}"] if has != had else []
            self._refuse_wrong(app, wrong + _unwell(machines, running))
        self._let_go()

    def report(self, state: Seen, plan: Plan, done: Done) -> dict[str, Any]:
        apps = {app: told(wish, state.machines[app]) for app, wish in self.wishes.items()}
        cost = sum(added_usd(wish, state.machines[app]) for app, wish in self.wishes.items())
        warnings = [
            said
            for app, wish in self.wishes.items()
            for said in warnings_of(wish, state.machines[app], state.staged.get(app, ()), plan)
        ]
        for app, wish in self.wishes.items():
            if app in state.files or app in state.deployed:
                last = state.deployed.get(app, {})
                warnings += undone_by_deploy(wish, state.machines[app], state.files.get(app), last)
        return {
            "hotops_screen": screen(apps, plan, cost, warnings, written=bool(done)),
            "apps": apps,
            "yearly_usd": round(cost, 2),
            "warnings": warnings,
        }

    # --- reading ------------------------------------------------------------------------------------------------------

    def _managed(self, app: str) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.fly.machines.list(app) if is_managed(machine))

    def _changes(self, app: str, machines: Sequence[Machine]) -> bool:
        wish = self.wishes[app]
        counts = {group: len(members) for group, members in groups_of(machines).items()}
        return any(not is_as_wanted(machine, wish) for machine in machines) or any(
            wish.of(group).count not in (None, count) for group, count in counts.items()
        )

    def _staged(self, app: str, machines: Sequence[Machine]) -> tuple[str, ...]:
        found = self.fly.secrets.list(app)
        states = deployed_state(found, machines, self.fly.releases.list(app))
        return tuple(secret.name for secret in found if states[secret.name] in ("staged", "partial"))

    def _last_deploy(self, app: str) -> Mapping[str, Any]:
        """What the newest release was made with, as far as it can be read: it only tells what a deploy would do."""
        try:
            return self.fly.releases.definition(app)
        except (ApiError, WireError):
            return {}

    def _look_again(self, plan: Plan) -> dict[str, tuple[Machine, ...]]:
        apps = list(dict.fromkeys(app_of(step) for step in plan.steps))
        return dict(zip(apps, map_parallel(self._managed, apps), strict=True))

    def _before(self, machine_id: str, app: str) -> Machine:
        return next(machine for machine in self._seen.machines[app] if machine.id == machine_id)

    # --- writing ------------------------------------------------------------------------------------------------------

    def _write_file(self, wish: Wish) -> Fact:
        """The sizes into fly.toml as it is now: somebody may have changed the rest of it meanwhile."""
        made = wanted_file(wish, self._seen.machines[wish.app], self._read_file(wish.app))
        made.write()
        return {"file": str(made.path.name)}

    def _read_file(self, app: str) -> FlyToml:
        return FlyToml.read(self._seen.files[app].path)

    def _undo_removal(self, step: Step, wish: Wish, before: Machine, done: Done) -> None:
        still = next((m for m in self._managed(wish.app) if m.id == before.id), None)
        if still is not None:
            self._roller(wish).uncordon_own(still)
        elif not self._number(wish).made_by(step):
            self._number(wish).make(step, before.known_config, before, self._secrets_version(wish, done))

    def _how(self, step: Step, done: Done, *, settle: bool) -> Rolling:
        wish = self.wishes[app_of(step)]
        return Rolling(
            cordon=bool(step.before.get("has_others")),
            drain_s=wish.drain_s,
            settle_s=PROPAGATION_S if settle else 0.0,
            wait_timeout_s=wish.wait_timeout_s,
            min_secrets_version=self._secrets_version(wish, done),
        )

    def _secrets_version(self, wish: Wish, done: Done) -> int | None:
        versions = done.get("prepare", {}).get("min_secrets_version")
        return versions.get(wish.app) if isinstance(versions, dict) else None

    def _roller(self, wish: Wish) -> MachineRoller:
        return MachineRoller(self.fly, wish.app, self.context.run, self.context.clock, doing="scaling")

    def _number(self, wish: Wish) -> Number:
        return Number(self._roller(wish), wish.drain_s, wish.wait_timeout_s)

    def _let_go(self) -> None:
        if isinstance(self.context.environment, Environment):
            let_go(self.context, self.context.environment)

    def _refuse_wrong(self, app: str, wrong: Sequence[str]) -> None:
        if wrong:
            raise VerifyFailed(
                f"{app} is not as planned: {'; '.join(wrong)}.", remedy=f"Look at it: fly machine list -a {app}"
            )


def _same(machine: Machine, config: MachineConfig, wish: Wish) -> bool:
    """Whether a machine has the size and rest of an older configuration of its own."""
    group = machine.process_group
    return describe(machine.known_config, wish, group) == describe(config, wish, group)


def _with_size_of(config: MachineConfig, older: MachineConfig) -> MachineConfig:
    return config.with_keys(**{key: older.raw[key] for key in ("guest", "services") if key in older.raw})


def _meant_to_run(plan: Plan, app: str) -> set[str]:
    """Machines of an app that are replaced and ran before."""
    moves = (step for step in plan.steps if step.phase.startswith(MOVE) and app_of(step) == app)
    return {step.target for step in moves if step.before.get("runs")}


def _unwell(machines: Sequence[Machine], meant_to_run: set[str]) -> list[str]:
    there = {machine.id for machine in machines}
    return [f"{gone} vanished" for gone in sorted(meant_to_run - there)] + [
        f"{machine.id} is {describe_health(machine)}"
        for machine in machines
        if machine.id in meant_to_run and not (is_started(machine) and checks_pass(machine))
    ]

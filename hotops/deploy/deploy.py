"""Deploy: the machines of some apps on the images that a go verdict names, group by group, or everything back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from hotops.core.context import Context
from hotops.core.documented import Documented
from hotops.core.errors import ApiError, HotopsError, PlanChanged, UsageError, VerifyFailed, WireError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.ahead import COMMAND, command_step, in_phases, release_step
from hotops.deploy.beginning import first_of, say_begun, unsay_begun
from hotops.deploy.bluegreen import BlueGreen
from hotops.deploy.commanding import CommandRun, ReleaseCommandFailed
from hotops.deploy.groups import groups_of, size_of
from hotops.deploy.in_place import Canary, Immediate, InPlace
from hotops.deploy.record import record_release
from hotops.deploy.release_command import ReleaseCommand, release_command_in
from hotops.deploy.restore import NoOlderConfig, config_before
from hotops.deploy.roll import describe_health
from hotops.deploy.strategy import CanaryWatch, Rollout, Strategy
from hotops.deploy.target import DeployWant, Target
from hotops.deploy.verdict import GoVerdict, NoVerdict, accept
from hotops.fly import Fly
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_managed, is_started

STRATEGIES: Mapping[str, type[Strategy]] = MappingProxyType(
    {"rolling": InPlace, "bluegreen": BlueGreen, "canary": Canary, "immediate": Immediate}
)


class DefinitionUnknown(HotopsError):
    """An app's stored definition can't be read, so nobody knows what has to run before its machines."""

    code = "definition_unknown"


@dataclass(frozen=True)
class Seen:
    """The managed machines of each app, and the digest behind each change that was never accepted, by machine.

    `commands` are the release commands of the apps that change, by app.
    """

    machines: Mapping[str, tuple[Machine, ...]] = field(default_factory=dict)
    digests_before: Mapping[str, str] = field(default_factory=dict)
    commands: Mapping[str, ReleaseCommand] = field(default_factory=dict)


class Deploy(Operation[DeployWant, Seen]):
    """Put an image on the machines of apps and prove it, or bring back what was there and prove that.

    An app's release command comes first, on a machine of its own: it has to end well before any machine is touched.
    How machines are replaced is the target's strategy (rolling, bluegreen, canary, immediate). In place, each leaves
    the rotation, drains, is updated under a lease and against its known version, has to pass its checks, and comes
    back. Stopped machines are updated and stay stopped. A release record that is refused only warns.
    Calls of the Machines API: 1 read an app to plan, 1 write to learn its secrets version, 1 mark, 1 read to prove; a
    machine 1 lease, 1 read, 1 mark, 1 cordon, 1 update, reads until healthy, 1 uncordon, 1 end of the lease.
    Raises: NoVerdict, PlanChanged, ReleaseCommandFailed, RolledBack, NotRestored.
    """

    name: ClassVar[str] = "fly_deploy"
    Want: ClassVar[type[Spec]] = DeployWant
    effect = "write"
    undoes = True
    #: Who watches a canary; a deploy that nobody watches refuses the strategy.
    canary_watch: CanaryWatch | None = None
    #: Who knows an app's stored definition already, by app; else Fly is asked.
    definitions: Mapping[str, Callable[[], Mapping[str, Any]]] = MappingProxyType({})
    #: What preparing learnt where that was done already, for several deploys of one verdict.
    prepared: Fact | None = None
    docs = Documented(
        short="Put an image on the machines of apps, or bring everything back",
        description=(
            "Replaces the machines of each app group by group, the first machine alone.",
            "A release command runs before that, on a machine of its own; where it fails nothing is touched.",
            "Each leaves the rotation, drains, is updated under a lease, has to pass its checks, and comes back.",
            "When anything fails, the configuration that was there before is brought back and proven.",
            "Refuses without the signed go verdict of the same run's gates; see M(hotops.core.promote_phase).",
        ),
        returns={
            "apps": {
                "description": "By app, the image, the images before, the machines, and the release that was recorded.",
                "returned": "success",
                "type": "dict",
                "sample": {"shop-production": {"image": "registry.fly.io/shop-staging:v42@sha256:…", "release": 42}},
            },
            "warnings": {
                "description": "Release records that could not be written.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": [],
            },
        },
        examples="""
- name: The decided image runs everywhere
  hotops.core.fly_deploy:
    targets:
      - app: shop-production
        image: "{{ gates.images['shop-production'] }}"
    verdict: "{{ gates.verdict }}"
  run_once: true

- name: Two apps, the second after the first
  hotops.core.fly_deploy:
    targets:
      - app: shop-api
        image: "{{ gates.images['shop-api'] }}"
      - app: shop-web
        image: "{{ gates.images['shop-web'] }}"
        level: 1
    verdict: "{{ gates.verdict }}"
  run_once: true
""",
        see_also=("promote_phase", "fly_rollback"),
    )

    def __init__(self, want: DeployWant, context: Context) -> None:
        super().__init__(want, context)
        self._known: dict[str, Mapping[str, Any]] = {}
        self._state = Seen()

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    def observe(self) -> Seen:
        apps = [target.app for target in self.want.targets]
        return self.seen(dict(zip(apps, map_parallel(self.managed_machines, apps), strict=True)))

    def seen(self, machines: Mapping[str, tuple[Machine, ...]]) -> Seen:
        """The state made of machines that were read already; reads histories only where a change is not accepted."""
        digests = self._digests_before(machines)
        return Seen(machines, digests, self._commands(machines, digests))

    def _commands(
        self, machines: Mapping[str, tuple[Machine, ...]], digests: Mapping[str, str]
    ) -> dict[str, ReleaseCommand]:
        """The release commands of the apps that are to change. Raises DefinitionUnknown: none is passed over unread."""
        changing = [t.app for t in self.want.targets if self.strategy(t).steps(machines[t.app], digests)]
        self._known |= dict(zip(changing, map_parallel(self._definition, changing), strict=True))
        found = {app: release_command_in(app, self._known[app]) for app in changing}
        return {app: command for app, command in found.items() if command is not None}

    def _definition(self, app: str) -> Mapping[str, Any]:
        if app in self._known:
            return self._known[app]
        try:
            return self.definitions[app]() if app in self.definitions else self.fly.releases.definition(app)
        except (ApiError, WireError) as error:
            raise DefinitionUnknown(
                f"Whether {app} has a release command is not known: {error.message}",
                remedy="Run again when Fly's API answers. Nothing was changed.",
                request_id=error.request_id,
                details={"cause": error.as_failure()},
            ) from error

    def _digests_before(self, machines: Mapping[str, Sequence[Machine]]) -> dict[str, str]:
        """Also of a machine that was accepted already, while others of its run wait: that run never ended either."""
        found = [(app, m) for app, members in machines.items() for m in members if not marks.is_green(m)]
        runs = {marks.run_of(m) for _, m in found if marks.is_pending(m)}
        pending = [
            (app, m)
            for app, m in found
            if marks.is_pending(m) or (marks.is_accepted(m) and marks.run_of(m) in runs and marks.BEFORE in m.metadata)
        ]

        def digest(item: tuple[str, Machine]) -> str:
            try:
                image = config_before(self.fly, *item).image_ref
            except NoOlderConfig:
                if marks.is_pending(item[1]):
                    raise  # there would be no way back
                return marks.digest_of(item[1])
            return image.digest if image and image.digest else "unknown"

        return dict(zip((m.id for _, m in pending), map_parallel(digest, pending), strict=True))

    def managed_machines(self, app: str) -> tuple[Machine, ...]:
        """The machines that deploys manage (not release commands, consoles or foreign ones), oldest first."""
        return tuple(machine for machine in self.fly.machines.list(app) if is_managed(machine))

    def plan(self, state: Seen) -> Plan:
        steps: list[Step] = []
        decided: dict[str, object] = {}
        for target in sorted(self.want.targets, key=lambda wanted: wanted.level):
            machines = state.machines[target.app]
            serving = [machine for machine in machines if not marks.is_retired(machine)]
            if not machines:
                raise HotopsError(
                    f"{target.app} has no machines to deploy to.",
                    remedy="The first deploy of an app makes its machines: use fly deploy once.",
                    code="no_machines",
                )
            strategy = self.strategy(target)
            changing = strategy.steps(machines, state.digests_before)
            command = state.commands.get(target.app) if changing else None
            if changing:
                strategy.refuse(machines)
                first = first_of(changing, machines)
                steps.append(release_step(target, serving, first, is_first=command is not None))
                steps.extend([command_step(target, command)] if command else [])
                steps.extend(changing)
            decided[target.app] = {
                **({"release_command": command.shown} if command else {}),
                "image": ImageRef.parse(target.image).digest,
                "strategy": target.strategy,
                "groups": _groups_decided(machines, state.digests_before),
            }
        self._state = state
        title = f"Deploy to {', '.join(target.app for target in self.want.targets)}"
        why = "every machine runs the wanted image and was accepted."
        return Plan(in_phases(steps), title, {"deploy": decided}, why)

    def prepare(self, plan: Plan) -> Fact:
        """Check the verdict, and learn each app's secrets version (Fly tells it only in answer to a write)."""
        if self.prepared is not None:
            return self.prepared
        verdict = self.accepted_verdict()
        wanted = {target.app: target.image for target in self.want.targets}
        if dict(verdict.images) != wanted:
            raise NoVerdict(
                f"The go verdict is for {dict(verdict.images)}, not for {wanted}.", remedy="Run the whole playbook."
            )
        if verdict.plan_id != plan.id:
            raise PlanChanged(
                "The apps changed since the gates said go, so that go no longer counts. Nothing was changed.",
                remedy="Run the playbook again: the gates look anew.",
                details={"decided": verdict.plan_id, "now": plan.id},
            )
        apps = [target.app for target in self.want.targets]
        versions = map_parallel(self.fly.secrets.learn_version, apps)
        return {"min_secrets_version": dict(zip(apps, versions, strict=True))}

    def accepted_verdict(self) -> GoVerdict:
        """The run's go. Raises NoVerdict."""
        context = self.context
        return accept(self.want.verdict, run=context.run, env_kind=context.world.kind, now=context.clock.now())

    def apply(self, step: Step, done: Done) -> Fact:
        target = self._target(step)
        if step.name.endswith("/release"):
            begins_at, there = str(step.before["first"]), self._state.machines[target.app]
            say_begun(self.fly, target.app, begins_at, self.context.run, there)
            known = self._known.get(target.app)
            return record_release(
                self.fly, target.app, target.image, "running", strategy=target.strategy, definition=known
            )
        if step.name.endswith(COMMAND):
            return self._command(step).carry_out(self._state.machines[target.app], done)
        return self.strategy(target).apply(step, done)

    def verify(self, plan: Plan, done: Done) -> None:
        digests = {target.app: {ImageRef.parse(target.image).digest} for target in self.want.targets}
        self._prove(digests, _meant_to_run(plan))

    def undo(self, step: Step, done: Done) -> None:
        """Bring back what a step changed; what an earlier, dead run left unaccepted comes back with it."""
        target = self._target(step)
        if step.name.endswith(COMMAND):
            self._command(step).clear(done)
            return
        if not step.name.endswith("/release"):
            self.strategy(target).undo(step, done)
            return
        unsay_begun(self.fly, target.app, self.context.run)
        release = done.get(step.name, {}).get("release")
        if release is not None:
            self.fly.releases.try_update(str(release), "failed")

    def verify_undone(self, plan: Plan, done: Done) -> None:
        before: dict[str, set[str]] = {}
        for step in plan.steps:
            if "digest" in step.before:
                before.setdefault(self._target(step).app, set()).add(str(step.before["digest"]))
        self._prove(before, _meant_to_run(plan))

    def after_undoing(self, error: Exception, plan: Plan, done: Done) -> Exception | None:
        """A release command that failed says more than that nothing came of it, where there was nothing to undo."""
        found = (machine for machines in self._state.machines.values() for machine in machines)
        had_pending = any(marks.is_pending(machine) or marks.is_retired(machine) for machine in found)
        return error if isinstance(error, ReleaseCommandFailed) and not had_pending else None

    def report(self, state: Seen, plan: Plan, done: Done) -> dict[str, Any]:
        warnings = [str(fact["warning"]) for fact in done.values() if fact.get("warning")]
        return {
            "apps": {
                target.app: {
                    "image": target.image,
                    "image_before": sorted({str(marks.image_of(m)) for m in state.machines[target.app]}),
                    "machines": [m.id for m in state.machines[target.app]],
                    "release": done.get(f"{target.app}/release", {}).get("version"),
                    "release_command": dict(done.get(f"{target.app}{COMMAND}", {})) or None,
                }
                for target in self.want.targets
            },
            "warnings": warnings,
        }

    def strategy(self, target: Target) -> Strategy:
        """How the target's machines are replaced. Raises UsageError: unknown strategy, image without digest."""
        if target.strategy not in STRATEGIES:
            raise UsageError(
                f"{target.app}: there is no strategy {target.strategy!r}.", remedy=f"Use {', '.join(STRATEGIES)}."
            )
        if not ImageRef.parse(target.image).is_pinned:
            raise UsageError(f"{target.app}: {target.image} names no digest.", remedy="Name it as repo:tag@sha256:….")
        return STRATEGIES[target.strategy](Rollout(self.context, target, self.canary_watch))

    def _command(self, step: Step) -> CommandRun:
        target = self._target(step)
        rollout = Rollout(self.context, target, self.canary_watch)
        return CommandRun(rollout, self._state.commands[target.app], step)

    def _target(self, step: Step) -> Target:
        app = step.name.split("/", 1)[0]
        return next(target for target in self.want.targets if target.app == app)

    def _prove(self, wanted: Mapping[str, set[str]], meant_to_run: frozenset[str]) -> None:
        seen = dict(zip(wanted, map_parallel(self.managed_machines, wanted), strict=True))
        gone = meant_to_run - {machine.id for machines in seen.values() for machine in machines}
        if gone:
            raise VerifyFailed(
                f"{', '.join(sorted(gone))} of {', '.join(wanted)} vanished meanwhile.",
                remedy="Fly's host may be gone: make another machine (fly machine clone), then run again.",
            )
        for app, machines in seen.items():
            wrong = [
                f"{machine.id} runs {marks.digest_of(machine)} ({describe_health(machine)})"
                for machine in machines
                if not marks.is_retired(machine)
                and (
                    marks.digest_of(machine) not in wanted[app]
                    or (machine.id in meant_to_run and not is_started(machine))
                    or (is_started(machine) and not checks_pass(machine))
                )
            ]
            if wrong:
                raise VerifyFailed(
                    f"{app} is not as planned: {'; '.join(wrong)}.", remedy=f"Look at it: fly machine list -a {app}"
                )


def _groups_decided(machines: Sequence[Machine], digests_before: Mapping[str, str]) -> dict[str, object]:
    """By process group, the digests that go, and how many machines of which sizes.

    A run that finishes an unfinished one decides nothing new: what was there before that one counts. Its greens are as
    many as the blues that they replace, of which some may be gone by now.
    """
    unfinished = {run for machine in machines for run in marks.unfinished_runs(machine)}
    decided: dict[str, object] = {}
    for group, members in groups_of(machines).items():
        greens = [machine for machine in members if marks.is_green_of(machine, unfinished)]
        before = [machine for machine in members if machine not in greens] or greens
        decided[group] = {
            "from": sorted({digests_before.get(machine.id, marks.digest_of(machine)) for machine in before}),
            "machines": max(len(before), len(greens)),
            "sizes": sorted({size_of(machine) for machine in before}),
        }
    return decided


def _meant_to_run(plan: Plan) -> frozenset[str]:
    """Machines that ran before; a blue does again once it is brought back, and is passed over while it is retired."""
    return frozenset(step.target for step in plan.steps if step.before.get("runs"))

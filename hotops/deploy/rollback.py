"""Rollback, the fire exit: image and configuration of the last promotion's apps back to what was good before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field

from hotops.core.context import Context
from hotops.core.documented import Documented
from hotops.core.errors import HotopsError, NotRestored, UsageError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step, shown
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.afterwards import ask_afterwards
from hotops.deploy.ahead import in_phases
from hotops.deploy.blueback import is_half_way, is_step_back, steps_back, take_step, waiting_blues
from hotops.deploy.finishing import last_promotion
from hotops.deploy.groups import groups_of
from hotops.deploy.record import record_release
from hotops.deploy.roll import BACK_DRAIN_S, PROPAGATION_S, MachineRoller, Rolling, describe_health, restored
from hotops.deploy.ways import Way, Ways
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_managed, is_started

#: Halves: half of a group keeps answering (badly, but by then nothing is worse than slow) while the other comes back.
WAVES = 2


def _number(value: Any) -> Any:
    """`v41` as people say it, and an empty text for "none"."""
    text = value.removeprefix("v") if isinstance(value, str) else value
    return None if text == "" else text


def _names(value: Any) -> Any:
    """A list, or a text with commas as an extra var brings it."""
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    return () if value is None else value


class RollbackWant(Spec):
    """Options of a rollback."""

    apps: Annotated[tuple[str, ...], BeforeValidator(_names)] = Field(
        (), description="Bring exactly these apps back, by host or Fly app; the apps of the last promotion if omitted."
    )
    version: Annotated[int | None, BeforeValidator(_number)] = Field(
        None, description="Release to go back to; the newest complete, older one with another image if omitted."
    )
    pending_only: bool = Field(default=False, description="Only machines whose last change was never accepted.")
    wait_timeout_s: float = Field(300.0, gt=0, description="Longest wait for a machine to be healthy, in seconds.")
    drain_s: float = Field(0.0, ge=0, description="Seconds that a still healthy machine drains before it is replaced.")


@dataclass(frozen=True)
class Scope:
    """The apps to bring back, and the run whose change they carry."""

    run: str
    ways: Mapping[str, Way] = field(default_factory=dict)


class Rollback(Operation[RollbackWant, Scope]):
    """Bring back what ran before the last promotion: the image *and* each machine's configuration.

    Needs the Fly token alone and asks no gate, window or approval. The scope is the apps of the last promotion (their
    machines carry its run), never every app of the inventory. Goes to the newest complete, older release whose image is
    another one and still resolves; redeploying the present image is no rollback. Proves the digest. Secrets are not
    brought back: the result names those written since.
    Raises: NoWayBack, NotRestored (a machine did not come back), VerifyFailed, and what the API raises to a reading.
    """

    name: ClassVar[str] = "fly_rollback"
    Want: ClassVar[type[Spec]] = RollbackWant
    effect = "write"
    needs_environment = True
    evidence_optional = True
    docs = Documented(
        short="Bring back what ran before the last promotion",
        description=(
            "Brings back the image and each machine's configuration of the apps of the last promotion.",
            "Goes to the newest complete, older release with another image, and proves the digest.",
            "Needs the Fly token alone, and asks no gate, window or approval.",
            "Secrets are not brought back; the result names those written since that release.",
        ),
        returns={
            "apps": {
                "description": "By app, the release and image that came back, and the secrets written since.",
                "returned": "success",
                "type": "dict",
                "sample": {"shop-production": {"version": 41, "secrets_changed": []}},
            },
            "warnings": {
                "description": "What does not come back with the image, and what is not known.",
                "returned": "success",
                "type": "list",
                "elements": "str",
            },
            "undone_run": {
                "description": "The run whose change was undone.",
                "returned": "success",
                "type": "str",
                "sample": "20260131T100000Z-promote-production",
            },
        },
        examples="""
- name: Back to what ran before the last promotion
  hotops.core.fly_rollback:
  run_once: true

- name: This app back to release 41
  hotops.core.fly_rollback:
    apps: [shop-production]
    version: 41
  run_once: true
""",
        see_also=("promote_phase", "fly_release_info"),
    )

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    def observe(self) -> Scope:
        apps = self._apps()
        machines = dict(zip(apps, map_parallel(self._managed, apps), strict=True))
        run, scope = self._scope(machines)
        ways = Ways(self.fly, self.want.version, self.want.pending_only)
        found = map_parallel(lambda app: ways.of(app, machines[app], run), scope)
        return Scope(run, dict(zip(scope, found, strict=True)))

    def plan(self, state: Scope) -> Plan:
        steps: list[Step] = []
        for app, way in state.ways.items():
            moving = [*self._steps_of(app, way), *_tidying(app, way)]
            steps.extend(moving)
            if way.records and (moving or way.stays):
                steps.append(
                    Step(
                        f"{app}/release",
                        app,
                        "create",
                        before={"image": ", ".join(sorted({str(marks.image_of(m)) for m in way.machines}))},
                        after={"image": str(way.back.image), "release": f"v{way.back.release.version}"},
                        phase="9/releases",
                    )
                )
        decided = {app: {"digest": way.back.digest, "machines": len(way.machines)} for app, way in state.ways.items()}
        self._ways = state.ways
        return Plan(
            in_phases(steps),
            f"Roll back {', '.join(state.ways)}",
            {"rollback": decided},
            "the older image runs already.",
        )

    def apply(self, step: Step, done: Done) -> Fact:
        app = step.name.split("/", 1)[0]
        way = self._ways[app]
        if step.name.endswith("/release"):
            return self._record(app, way)
        roller = MachineRoller(self.fly, app, self.context.run, self.context.clock, doing="back")
        try:
            return self._move(roller, step, way)
        except HotopsError as error:
            raise NotRestored(
                f"{app} {step.target} is not back on {shown(str(way.back.image))}: {error.message}",
                remedy=f"Run the rollback again; look at it: fly machine list -a {app}",
                request_id=error.request_id,
                details={"cause": error.as_failure()},
            ) from error

    def _move(self, roller: MachineRoller, step: Step, way: Way) -> Fact:
        if is_step_back(step):
            return take_step(roller, step, wait_timeout_s=self.want.wait_timeout_s, drain_s=self.want.drain_s)
        machine = next(machine for machine in way.machines if machine.id == step.target)
        how = Rolling(
            cordon=bool(step.before.get("has_others")),
            drain_s=self.want.drain_s if checks_pass(machine) else 0.0,
            settle_s=PROPAGATION_S if step.before.get("more_follow") else 0.0,
            wait_timeout_s=self.want.wait_timeout_s,
            min_secrets_version=None,
        )
        return roller.move(
            machine.id,
            how,
            is_there=lambda seen: marks.digest_of(seen) == step.after["digest"] and not marks.is_pending(seen),
            change=lambda _: restored(way.configs[machine.id], run=self.context.run),
        )

    def verify(self, plan: Plan, done: Done) -> None:
        meant_to_run = {step.target for step in plan.steps if step.before.get("runs")}
        gone = {step.target for step in plan.steps if "gone" in step.after}
        wanted = {step.target: str(step.after["digest"]) for step in plan.steps if "digest" in step.after}
        apps = list(dict.fromkeys(step.name.split("/", 1)[0] for step in plan.steps))
        seen = dict(zip(apps, map_parallel(self._managed, apps), strict=True))
        for app, machines in seen.items():
            wrong = [
                f"{machine.id} runs {marks.digest_of(machine)} ({describe_health(machine)})"
                for machine in machines
                if marks.is_retired(machine)
                or machine.id in gone
                or (machine.id in wanted and wanted[machine.id] not in ("unknown", marks.digest_of(machine)))
                or (machine.id in meant_to_run and not is_started(machine))
                or (is_started(machine) and not checks_pass(machine))
            ]
            if wrong:
                raise VerifyFailed(
                    f"{app} is not back: {'; '.join(wrong)}.",
                    remedy=f"Run the rollback again; look at it: fly machine list -a {app}",
                )
        if not self.want.pending_only:  # else the run that is undone tells what it measured
            map_parallel(lambda app: ask_afterwards(self.context, app, seen[app]), seen)

    def report(self, state: Scope, plan: Plan, done: Done) -> dict[str, Any]:
        warnings = [str(fact["warning"]) for fact in done.values() if fact.get("warning")]
        for app, way in state.ways.items():
            if way.secrets_changed:
                warnings.append(
                    f"{app}: secrets written since that release stay as they are: {', '.join(way.secrets_changed)}."
                )
            if way.back.doubt:
                warnings.append(f"{app}: {way.back.doubt}; which secrets changed since is not known.")
            if way.image_only:
                warnings.append(f"{app}: no older configuration is kept for {', '.join(way.image_only)}; image only.")
        screen = [
            f"{app}: {shown(str(way.back.image))} stays: {way.stays}"
            if way.stays
            else f"{app}: {shown(', '.join(sorted({str(marks.image_of(m)) for m in way.machines})))} → "
            f"{shown(str(way.back.image))} (release v{way.back.release.version})"
            for app, way in state.ways.items()
        ]
        return {
            "hotops_screen": [*(screen or ["Nothing to roll back."]), *(f"warning: {text}" for text in warnings)],
            "undone_run": state.run,
            "apps": {
                app: {
                    "version": way.back.release.version,
                    "image": str(way.back.image),
                    "digest": way.back.digest,
                    "image_before": sorted({str(marks.image_of(machine)) for machine in way.machines}),
                    "passed_over": list(way.back.passed_over),
                    "secrets_changed": list(way.secrets_changed),
                }
                for app, way in state.ways.items()
            },
            "warnings": warnings,
        }

    def _apps(self) -> list[str]:
        environment = self.context.environment
        if self.want.apps:
            hosts = environment.apps if environment is not None else {}
            return [hosts[name].app if name in hosts else name for name in self.want.apps]
        if environment is None:
            raise UsageError("No apps are named and there is no inventory.", remedy="Name them: apps: [APP]")
        return [environment.apps[host].app for host in self.context.selection or environment.apps]

    def _managed(self, app: str) -> tuple[Machine, ...]:
        return tuple(machine for machine in self.fly.machines.list(app) if is_managed(machine))

    def _scope(self, machines: Mapping[str, Sequence[Machine]]) -> tuple[str, list[str]]:
        """The newest run among the marks, and the apps that carry it."""
        if not self.want.pending_only and self.want.apps:
            return "", [app for app, found in machines.items() if found]
        if not self.want.pending_only:
            return last_promotion(machines)
        changed = {
            app: {marks.changed_by(m) for m in found if marks.RESTORED_BY not in m.metadata} - {""}
            for app, all_of_it in machines.items()
            if (found := [m for m in all_of_it if marks.is_pending(m)] or waiting_blues(all_of_it))
        }
        runs = set().union(*changed.values())
        return max(runs, default=""), [app for app, by in changed.items() if by]

    def _steps_of(self, app: str, way: Way) -> list[Step]:
        if is_half_way(way.machines) and not way.leftovers:
            return steps_back(app, way.machines)
        steps: list[Step] = []
        for group, members in groups_of(way.machines).items():
            todo = [
                m
                for m in members
                if way.stays
                or marks.digest_of(m) != way.back.digest
                or marks.is_pending(m)
                or marks.is_cordoned_by_run(m)
                or marks.BEGAN in m.metadata
            ]
            # The sick ones first: they serve nobody.
            # And before them the one that a dead run took out of rotation and never changed: it serves at once.
            ordered = sorted(
                todo, key=lambda m: (marks.digest_of(m) != way.back.digest, checks_pass(m), members.index(m))
            )
            others = sum(is_started(m) for m in members) > 1
            for index, machine in enumerate(ordered):
                turn, last = (place * WAVES // len(ordered) for place in (index, len(ordered) - 1))
                steps.append(
                    Step(
                        f"{app}/{group}/{members.index(machine) + 1}",
                        machine.id,
                        before={
                            "image": str(marks.image_of(machine)),
                            "digest": marks.digest_of(machine),
                            "has_others": others,
                            "more_follow": turn < last,
                            "runs": marks.should_run(machine),
                        },
                        after=_after(machine, way),
                        phase=f"1/machines/{turn}",
                    )
                )
        return steps

    def _record(self, app: str, way: Way) -> Fact:
        """Bookkeeping comes last: it never holds up the fire exit."""
        # What an earlier rollback brought back names a release that was good: going further back does not make it fail.
        left = [machine.known_config for machine in way.machines if marks.RESTORED_BY not in machine.metadata]
        failed = {config.release_id for config in left if not way.stays} - {""} | set(way.failed)
        for release_id in failed:
            self.fly.releases.try_update(release_id, "failed")
        return record_release(self.fly, app, str(way.back.image), "complete")


def _tidying(app: str, way: Way) -> list[Step]:
    """Last of all: blues that an accepted run left, stopped, are destroyed, as it would have done."""
    before, after = {"gone": False}, {"gone": True}
    return [
        Step(f"{app}/{m.process_group}/left/{number}", m.id, "destroy", before, after, (), "8/left")
        for number, m in enumerate(way.leftovers, 1)
    ]


def _after(machine: Machine, way: Way) -> dict[str, object]:
    """What a machine is to run: its own image where that stays."""
    if way.stays:
        return {"image": str(marks.image_of(machine)), "digest": marks.digest_of(machine)}
    return {"image": str(way.back.image), "digest": way.back.digest or "unknown"}


def undoing(context: Context, apps: Iterable[str]) -> Rollback:
    """The way back of a change that nobody accepted.

    Nobody pulls a handle here, so a machine that still answers well drains first: what it is working on is finished.
    """
    return Rollback(RollbackWant(apps=tuple(apps), pending_only=True, drain_s=BACK_DRAIN_S), context)

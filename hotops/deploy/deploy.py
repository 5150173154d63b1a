"""Deploy: the machines of some apps on the images that a go verdict names, group by group, or everything back."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError, UsageError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.parallel import map_parallel
from hotops.deploy import marks
from hotops.deploy.record import record_release
from hotops.deploy.restore import config_before
from hotops.deploy.roll import PROPAGATION_S, MachineRoller, Rolling, describe_health, marked, restored
from hotops.deploy.verdict import GoVerdict, NoVerdict, accept
from hotops.fly import Fly
from hotops.fly.config import RELEASE_ID, RELEASE_VERSION, MachineConfig
from hotops.fly.image import ImageRef
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_managed, is_started


class PlanChanged(HotopsError):
    """The world moved between the verdict and the deploy: what was decided is not what would be done."""

    code = "plan_changed"
    exit_code = ExitCode.APPROVAL


class Target(Spec):
    """One app and the image it is to run."""

    app: str = Field(description="The Fly app.")
    image: str = Field(description="The image with its digest: repository:tag@sha256:….")
    strategy: str = Field("rolling", description="How machines are replaced; only rolling is offered.")
    max_unavailable: float = Field(
        0.33, gt=0, description="Machines of a group replaced at once: below 1 a share (at least one), else a number."
    )
    drain_s: float = Field(10.0, ge=0, description="Seconds between leaving the rotation and being replaced.")
    wait_timeout_s: float = Field(300.0, gt=0, description="Longest wait for a machine to be healthy, in seconds.")
    level: int = Field(0, ge=0, description="Place in the train: all apps of a level come before those of the next.")


class DeployWant(Spec):
    """Options of a deploy."""

    targets: tuple[Target, ...] = Field(min_length=1, description="Apps and the images they are to run.")
    verdict: dict[str, Any] | None = Field(
        None, description="The signed go verdict of this run's gates; without it nothing is deployed."
    )


@dataclass(frozen=True)
class Seen:
    """The managed machines of each app, and the digest behind each change that was never accepted, by machine."""

    machines: Mapping[str, tuple[Machine, ...]] = field(default_factory=dict)
    digests_before: Mapping[str, str] = field(default_factory=dict)


class Deploy(Operation[DeployWant, Seen]):
    """Put an image on the machines of apps and prove it, or bring back what was there and prove that.

    Machines of a group are replaced one by one: the first alone, then as many at once as may be unavailable. Each
    leaves the rotation, drains, is updated under a lease and against its known version, has to pass its checks, and
    comes back. Stopped machines are updated and stay stopped. A release record that is refused only warns.
    Calls of the Machines API: 1 read an app to plan, 1 write to learn its secrets version, 1 read to prove; a machine
    1 lease, 1 read, 1 mark, 1 cordon, 1 update, reads until healthy, 1 uncordon, 1 end of the lease.
    Raises: NoVerdict, PlanChanged, RolledBack, NotRestored.
    """

    name: ClassVar[str] = "fly_deploy"
    Want: ClassVar[type[Spec]] = DeployWant
    effect = "write"
    undoes = True
    docs = Documented(
        short="Put an image on the machines of apps, or bring everything back",
        description=(
            "Replaces the machines of each app group by group, the first machine alone.",
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

    @property
    def fly(self) -> Fly:
        return self.context.client(Fly)

    def observe(self) -> Seen:
        for target in self.want.targets:
            if target.strategy != "rolling":
                raise UsageError(
                    f"{target.app}: the strategy {target.strategy!r} is not offered yet.",
                    remedy="Set deploy_strategy: rolling.",
                )
            if not ImageRef.parse(target.image).is_pinned:
                raise UsageError(
                    f"{target.app}: {target.image} names no digest.", remedy="Name it as repo:tag@sha256:…."
                )
        apps = [target.app for target in self.want.targets]
        return self.seen(dict(zip(apps, map_parallel(self.managed_machines, apps), strict=True)))

    def seen(self, machines: Mapping[str, tuple[Machine, ...]]) -> Seen:
        """The state made of machines that were read already; reads histories only where a change is not accepted."""
        return Seen(machines, self._digests_before(machines))

    def _digests_before(self, machines: Mapping[str, Sequence[Machine]]) -> dict[str, str]:
        pending = [(app, m) for app, found in machines.items() for m in found if marks.is_pending(m)]

        def digest(item: tuple[str, Machine]) -> str:
            image = config_before(self.fly, *item).image_ref
            return image.digest if image and image.digest else "unknown"

        return dict(zip((m.id for _, m in pending), map_parallel(digest, pending), strict=True))

    def managed_machines(self, app: str) -> tuple[Machine, ...]:
        """The machines that deploys manage (not release commands, consoles or foreign ones), oldest first."""
        return tuple(machine for machine in self.fly.machines.list(app) if is_managed(machine))

    def plan(self, state: Seen) -> Plan:
        steps: list[Step] = []
        decided: dict[str, object] = {}
        for target in sorted(self.want.targets, key=lambda wanted: wanted.level):
            digest = ImageRef.parse(target.image).digest
            machines = state.machines[target.app]
            if not machines:
                raise HotopsError(
                    f"{target.app} has no machines to deploy to.",
                    remedy="The first deploy of an app makes its machines: use fly deploy once.",
                    code="no_machines",
                )
            changing = self._steps_of(target, machines, state.digests_before)
            if changing:
                steps.append(_release_step(target, machines))
                steps.extend(changing)
            decided[target.app] = {
                "image": digest,
                "strategy": target.strategy,
                "groups": {
                    group: {
                        "from": sorted({marks.digest_of(m) for m in members}),
                        "machines": len(members),
                        "sizes": sorted({size_of(m) for m in members}),
                    }
                    for group, members in groups_of(machines).items()
                },
            }
        title = f"Deploy to {', '.join(target.app for target in self.want.targets)}"
        why = "every machine runs the wanted image and was accepted."
        return Plan(in_phases(steps), title, {"deploy": decided}, why)

    def prepare(self, plan: Plan) -> Fact:
        """Check the verdict, and learn each app's secrets version (Fly tells it only in answer to a write)."""
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
            return self._record_release(target)
        release = done.get(f"{target.app}/release", {})
        # A release that could not be recorded leaves no number behind: the old one would name the wrong release.
        also = {
            RELEASE_ID: str(release["release"]) if "release" in release else None,
            RELEASE_VERSION: str(release["version"]) if "version" in release else None,
        }
        image = ImageRef.parse(target.image)

        def change(machine: Machine) -> MachineConfig:
            return marked(
                machine.known_config.with_image(image), machine, run=self.context.run, step=step.name, also=also
            )

        how = self._how(target, step, done)
        return self._roller(target.app).move(
            step.target, how, is_there=lambda machine: marks.digest_of(machine) == image.digest, change=change
        )

    def verify(self, plan: Plan, done: Done) -> None:
        digests = {target.app: {ImageRef.parse(target.image).digest} for target in self.want.targets}
        self._prove(digests, _meant_to_run(plan))

    def undo(self, step: Step, done: Done) -> None:
        """Bring a machine back to the version that it had before the change that was never accepted.

        That change may be of an earlier run that died: what it left comes back with ours, or the app would be mixed.
        """
        target = self._target(step)
        if step.name.endswith("/release"):
            release = done.get(step.name, {}).get("release")
            if release is not None:
                self.fly.releases.try_update(str(release), "failed")
            return
        roller = self._roller(target.app)
        machine = self.fly.machines.get(target.app, step.target)
        if not marks.is_pending(machine):
            roller.uncordon_own(machine)
            return
        before = config_before(self.fly, target.app, machine)
        how = self._how(target, step, done, drain=checks_pass(machine))
        roller.move(
            machine.id,
            how,
            is_there=lambda seen: not marks.is_pending(seen),
            change=lambda _: restored(before, run=self.context.run),
        )

    def verify_undone(self, plan: Plan, done: Done) -> None:
        before: dict[str, set[str]] = {}
        for step in plan.steps:
            if not step.name.endswith("/release"):
                before.setdefault(self._target(step).app, set()).add(str(step.before["digest"]))
        self._prove(before, _meant_to_run(plan))

    def report(self, state: Seen, plan: Plan, done: Done) -> dict[str, Any]:
        warnings = [str(fact["warning"]) for fact in done.values() if fact.get("warning")]
        return {
            "apps": {
                target.app: {
                    "image": target.image,
                    "image_before": sorted({str(marks.image_of(m)) for m in state.machines[target.app]}),
                    "machines": [m.id for m in state.machines[target.app]],
                    "release": done.get(f"{target.app}/release", {}).get("version"),
                }
                for target in self.want.targets
            },
            "warnings": warnings,
        }

    def _roller(self, app: str) -> MachineRoller:
        return MachineRoller(self.fly, app, self.context.run, self.context.clock)

    def _target(self, step: Step) -> Target:
        app = step.name.split("/", 1)[0]
        return next(target for target in self.want.targets if target.app == app)

    def _how(self, target: Target, step: Step, done: Done, *, drain: bool = True) -> Rolling:
        versions = done.get("prepare", {}).get("min_secrets_version")
        return Rolling(
            cordon=bool(step.before.get("has_others")),
            drain_s=target.drain_s if drain else 0.0,
            settle_s=PROPAGATION_S if step.before.get("more_follow") else 0.0,
            wait_timeout_s=target.wait_timeout_s,
            min_secrets_version=versions.get(target.app) if isinstance(versions, dict) else None,
        )

    def _steps_of(self, target: Target, machines: Sequence[Machine], digests: Mapping[str, str]) -> list[Step]:
        wanted = ImageRef.parse(target.image)
        steps: list[Step] = []
        for group, members in groups_of(machines).items():
            todo = [m for m in members if marks.digest_of(m) != wanted.digest or marks.is_pending(m)]
            running = [m for m in todo if marks.should_run(m)]
            ordered = running + [m for m in todo if m not in running]
            others = sum(is_started(m) for m in members) > 1
            size = batch_size(len(members), target.max_unavailable)
            for index, machine in enumerate(ordered):
                turn = 0 if index == 0 else 1 + (index - 1) // size
                steps.append(
                    Step(
                        f"{target.app}/{group}/{members.index(machine) + 1}",
                        machine.id,
                        before={
                            "image": str(marks.image_of(machine)),
                            "digest": digests.get(machine.id, marks.digest_of(machine)),
                            "has_others": others,
                            "more_follow": index < len(ordered) - 1,
                            "runs": marks.should_run(machine),
                        },
                        after={"image": str(wanted), "digest": wanted.digest},
                        needs=(f"{target.app}/release",),
                        phase=f"{target.level:03}/machines/{turn:03}",
                    )
                )
        return steps

    def _record_release(self, target: Target) -> Fact:
        return record_release(self.fly, target.app, target.image, "running")

    def _prove(self, wanted: Mapping[str, set[str]], meant_to_run: frozenset[str]) -> None:
        for app, machines in zip(wanted, map_parallel(self.managed_machines, wanted), strict=True):
            wrong = [
                f"{machine.id} runs {marks.digest_of(machine)} ({describe_health(machine)})"
                for machine in machines
                if marks.digest_of(machine) not in wanted[app]
                or (machine.id in meant_to_run and not is_started(machine))
                or (is_started(machine) and not checks_pass(machine))
            ]
            if wrong:
                raise VerifyFailed(
                    f"{app} is not as planned: {'; '.join(wrong)}.", remedy=f"Look at it: fly machine list -a {app}"
                )


def groups_of(machines: Sequence[Machine]) -> dict[str, list[Machine]]:
    """Machines by process group, both in a stable order."""
    groups: dict[str, list[Machine]] = {}
    for machine in sorted(machines, key=lambda m: (m.process_group, m.created_at or 0.0, m.id)):
        groups.setdefault(machine.process_group, []).append(machine)
    return groups


def size_of(machine: Machine) -> str:
    """A machine's size as an approver reads it: `shared-1x 1024 MB`."""
    guest = machine.known_config.guest
    return f"{guest.cpu_kind}-{guest.cpus}x {guest.memory_mb} MB"


def batch_size(members: int, max_unavailable: float) -> int:
    """How many machines of a group may be away at once: a share below 1 (at least one machine), else a number."""
    if max_unavailable >= 1:
        return int(max_unavailable)
    return max(1, math.floor(members * max_unavailable))


def in_phases(steps: Sequence[Step]) -> tuple[Step, ...]:
    """Steps in the order of their phases' names, which are made to sort."""
    return tuple(sorted(steps, key=lambda step: step.phase))


def _meant_to_run(plan: Plan) -> frozenset[str]:
    return frozenset(step.target for step in plan.steps if step.before.get("runs"))


def _release_step(target: Target, machines: Sequence[Machine]) -> Step:
    images = sorted({str(marks.image_of(machine)) for machine in machines})
    return Step(
        f"{target.app}/release",
        target.app,
        "create",
        before={"image": ", ".join(images)},
        after={"image": target.image},
        phase=f"{target.level:03}/a-release",
    )

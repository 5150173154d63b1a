"""One machine from one configuration to another: out of rotation, replaced, proven, back in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hotops.core.clock import Clock
from hotops.core.errors import ApiError, HotopsError
from hotops.core.waiting import Pace, wait_for
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.leases import LeaseHold
from hotops.fly.models import Exit, Machine
from hotops.fly.states import checks_pass, crashes_since, is_started
from hotops.health.machines import failing_checks

#: Machine reads are limited to 5 a second for each machine; what is seen late, the whole rollout waits for.
CHECK_PACE = Pace(first_s=0.3, factor=1.3, cap_s=1.0)
#: Long enough to outlive a slow call, short enough that a dead run's lease is soon out of the way.
LEASE_TTL_S = 15
#: One crash may be a slow dependency; two in a row of one version are a bad release.
CRASHES_THAT_DECIDE = 2
#: A check that is answered 404 this often is not starting up: the path has no route, and waiting brings none.
LOOKS_WITHOUT_ROUTE = 8
#: Cordon and uncordon reach the proxy late, by seconds. Two changes closer than this can leave nobody in rotation.
PROPAGATION_S = 5.0
#: On the way back a machine that still answers well drains so long: the proxy's delay, and requests under way.
BACK_DRAIN_S = PROPAGATION_S + 2.0
#: How long a machine that was left out of rotation gets to pass its checks before it goes back.
HEALTHY_AGAIN_S = 60.0
#: How long a dead run's lease is waited for before it counts as somebody's who is at work.
LEASE_PATIENCE_S = 20.0


class MachineUnhealthy(HotopsError):
    """A machine was replaced and does not become healthy."""

    code = "machine_unhealthy"


@dataclass(frozen=True)
class Rolling:
    """How a machine is moved. `cordon` is False where the group has no other machine to take the traffic.

    `settle_s` is waited after the machine came back, for the proxy to learn of it before the next one leaves; then the
    machine is looked at once more.
    """

    cordon: bool
    drain_s: float
    settle_s: float
    wait_timeout_s: float
    min_secrets_version: int | None


@dataclass(frozen=True)
class MachineRoller:
    """Moves the machines of one app for one run. Safe to use by several threads, one machine each."""

    fly: Fly
    app: str
    run: str
    clock: Clock
    #: What for, where that is no promotion (`back`, `scaling`, `secrets`): its cordons say so.
    doing: str = ""

    @property
    def signature(self) -> str:
        """What stands in the mark of a cordon."""
        return marks.signature(self.run, self.doing)

    def move(
        self,
        machine_id: str,
        how: Rolling,
        *,
        is_there: Callable[[Machine], bool],
        change: Callable[[Machine], MachineConfig],
    ) -> dict[str, object]:
        """Give the machine the configuration (marks and all) that `change` makes; one that `is_there` is left as it is.

        A stopped machine is updated and stays stopped: an update would start it. Returns ids and versions.
        Raises MachineUnhealthy, and what the API raises (LeaseHeld, PreconditionFailed, NoCapacity …).
        """
        with self._lease(machine_id) as lease:
            machine = self.fly.machines.get(self.app, machine_id)
            if is_there(machine):
                self._take_over(machine, how, lease)
                return {"machine": machine.id, "instance": machine.instance_id, "was_there": True}
            launch = marks.should_run(machine)
            cordoned = how.cordon and is_started(machine) and not machine.cordoned
            if cordoned:
                self._out_of_rotation(machine, how.drain_s, lease)
            # A machine that somebody else took out of rotation stays out; a dead run's cordon is ours to end.
            ours = cordoned or (machine.cordoned and marks.CORDONED_BY in machine.metadata)
            config = change(machine).with_metadata({marks.CORDONED_BY: self.signature if ours else None})
            try:
                updated = self.fly.machines.update(
                    self.app,
                    machine.id,
                    config,
                    current_version=machine.instance_id,
                    min_secrets_version=how.min_secrets_version,
                    skip_launch=not launch,
                    nonce=lease.nonce,
                )
            except ApiError:
                if cordoned:
                    self._uncordon(machine, lease)  # refused: what it runs serves on
                    self.clock.sleep(PROPAGATION_S)  # and the proxy knows it before the way back takes others out
                raise
            fact: dict[str, object] = {
                "machine": machine.id,
                "instance": updated.instance_id,
                "instance_before": machine.instance_id,
            }
            if launch:
                self.wait_until_healthy(machine.id, updated.instance_id, how.wait_timeout_s)
            if ours:
                self._uncordon(machine, lease)
            if launch and how.settle_s:
                self.clock.sleep(how.settle_s)
                self._still_well(machine.id)
            return fact

    def wait_until_healthy(self, machine_id: str, instance_id: str, timeout_s: float) -> Machine:
        """Wait until the machine runs this version and all its checks pass; a crash loop ends the wait at once.

        Looks at the machine itself instead of the wait call, which a machine that crashes at once can satisfy.
        """

        no_route = 0

        def look() -> Machine:
            nonlocal no_route
            seen = self.fly.machines.get(self.app, machine_id)
            crashes = crashes_since_launch(seen)
            if len(crashes) >= CRASHES_THAT_DECIDE:
                raise MachineUnhealthy(
                    f"{self.app} {machine_id} crashes again and again ({len(crashes)}): {spoken_exit(crashes[0])}.",
                    remedy=f"fly logs -a {self.app} -i {machine_id}",
                )
            without = [check for check in failing_checks(seen) if "404" in check.output]
            no_route = no_route + 1 if without else 0
            if no_route >= LOOKS_WITHOUT_ROUTE:
                raise MachineUnhealthy(
                    f"{self.app} {machine_id}: {without[0].says}. The release has no such route.",
                    remedy="Correct the check's path, or bring the route back: the proxy drops a machine for it.",
                )
            return seen

        return wait_for(
            lambda seen: seen.instance_id == instance_id and is_started(seen) and checks_pass(seen),
            look,
            clock=self.clock,
            timeout_s=timeout_s,
            what=f"Health of {self.app} {machine_id}",
            pace=CHECK_PACE,
            describe=describe_health,
        )

    def _still_well(self, machine_id: str) -> None:
        """Look once more before the next machine leaves: a process that runs out of memory passes its first checks."""
        refuse_crashed(self.app, self.fly.machines.get(self.app, machine_id))

    def _take_over(self, machine: Machine, how: Rolling, lease: LeaseHold) -> None:
        """A machine that a dead run changed: back in rotation, and seen to be well before the next one leaves."""
        if marks.BEGAN in machine.metadata:
            self.fly.machines.set_metadata(self.app, machine.id, marks.BEGAN, None)
        if self._back_in_rotation(machine, lease):
            self.clock.sleep(how.settle_s)
        is_restored = marks.RESTORED_BY in machine.metadata and not checks_pass(machine)
        if (marks.is_pending(machine) or is_restored) and marks.should_run(machine):
            self.wait_until_healthy(machine.id, machine.instance_id, how.wait_timeout_s)
            self._still_well(machine.id)

    def uncordon_own(self, machine: Machine) -> None:
        """Put a machine back that this run, or a dead one, took out of rotation and never replaced.

        The proxy gets the time to learn of it before the way back takes another one out.
        """
        if machine.cordoned and machine.metadata.get(marks.CORDONED_BY):
            with self._lease(machine.id) as lease:
                self._back_in_rotation(machine, lease)
            self.clock.sleep(PROPAGATION_S)

    def _lease(self, machine_id: str) -> LeaseHold:
        return self.fly.machines.wait_for_lease(
            self.app, machine_id, patience_s=LEASE_PATIENCE_S, ttl_s=LEASE_TTL_S, description=f"hotops {self.run}"
        )

    def _out_of_rotation(self, machine: Machine, drain_s: float, lease: LeaseHold) -> None:
        # The mark comes first: a cordon without an owner would stay for ever if the run died between the two.
        self.fly.machines.set_metadata(self.app, machine.id, marks.CORDONED_BY, self.signature)
        self.fly.machines.cordon(self.app, machine.id, nonce=lease.nonce)
        self.clock.sleep(drain_s)

    def _back_in_rotation(self, machine: Machine, lease: LeaseHold) -> bool:
        """Uncordon what this run or a dead one cordoned; whether it had to."""
        if not (machine.cordoned and machine.metadata.get(marks.CORDONED_BY)):
            return False
        if is_started(machine):
            self.wait_until_healthy(machine.id, machine.instance_id, HEALTHY_AGAIN_S)
        self._uncordon(machine, lease)
        return True

    def _uncordon(self, machine: Machine, lease: LeaseHold) -> None:
        self.fly.machines.uncordon(self.app, machine.id, nonce=lease.nonce)
        self.fly.machines.set_metadata(self.app, machine.id, marks.CORDONED_BY, None)


def marked(
    config: MachineConfig, machine: Machine, *, run: str, step: str, also: Mapping[str, str | None]
) -> MachineConfig:
    """The configuration with the marks of a run whose change is not judged yet; what it replaces stays readable."""
    entries: dict[str, str | None] = {
        **also,
        marks.RUN: run,
        marks.STEP: step,
        marks.VERDICT: "pending",
        marks.IMAGE: digest_in(config),
        marks.RESTORED_BY: None,
        marks.ACCEPTED_BY: None,
        marks.BEGAN: None,
    }
    if not (marks.is_pending(machine) and marks.BEFORE in machine.metadata):
        # A second change before a verdict keeps the first one's way back: that is the last state that was good.
        entries[marks.BEFORE] = machine.instance_id
        entries[marks.WAS_RUNNING] = "yes" if marks.should_run(machine) else "no"
    return config.with_metadata(entries)


def restored(config: MachineConfig, *, run: str) -> MachineConfig:
    """An older configuration as it goes back on a machine: it had been good, and says who brought it back."""
    entries = {
        marks.VERDICT: "good",
        marks.IMAGE: digest_in(config),
        marks.RESTORED_BY: run,
        marks.BEFORE: None,
        marks.WAS_RUNNING: None,
        marks.BEGAN: None,
        marks.GREEN_OF: None,
    }
    return config.with_metadata(entries)


def digest_in(config: MachineConfig) -> str | None:
    """The digest that a configuration pins, None where it pins none."""
    image = config.image_ref
    return image.digest if image and image.digest else None


def refuse_crashed(app: str, machine: Machine) -> None:
    """Raise MachineUnhealthy if the machine's present version ended by itself since it was launched."""
    if crashes_since_launch(machine):
        raise MachineUnhealthy(
            f"{app} {machine.id} was healthy and then failed: {describe_health(machine)}.",
            remedy=f"fly logs -a {app} -i {machine.id}",
        )


def describe_health(machine: Machine) -> str:
    """State, failing checks and last crash of a machine, in words for an error."""
    failing = [
        f"{check.name} {check.status}: {check.output.strip()[:120]}" for check in machine.checks if not check.is_passing
    ]
    waiting = "; ".join(failing) if failing else ("no check has answered yet" if not machine.checks else "checks pass")
    crashes = crashes_since_launch(machine)
    ended = f", its process ended with {spoken_exit(crashes[0])}" if crashes else ""
    return f"{machine.state}, {waiting}{ended}"


def crashes_since_launch(machine: Machine) -> list[Exit]:
    """Unasked, bad exits of the machine's present version, newest first."""
    launched_ms = next((event.timestamp for event in machine.events if event.type == "launch"), 0)
    return [found for _, found in crashes_since(machine, launched_ms)]


def spoken_exit(found: Exit) -> str:
    """An exit in words: `exit code 137 (out of memory)`."""
    return f"exit code {found.exit_code or found.guest_exit_code}{' (out of memory)' if found.oom_killed else ''}"

"""One machine from one configuration to another: out of rotation, replaced, proven, back in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hotops.core.clock import Clock
from hotops.core.errors import HotopsError
from hotops.core.waiting import Pace, wait_for
from hotops.deploy import marks
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.leases import LeaseHold
from hotops.fly.models import Exit, Machine
from hotops.fly.states import checks_pass, crashes_since, is_started

#: Machine reads are limited to 5 a second; checks run every few seconds. Looking more often only uses the limit up.
CHECK_PACE = Pace(first_s=0.3, factor=1.4, cap_s=2.0)
#: Long enough to outlive a slow call, short enough that a dead run's lease is soon out of the way.
LEASE_TTL_S = 15
#: One crash may be a slow dependency; two in a row of one version are a bad release.
CRASHES_THAT_DECIDE = 2
#: How long a dead run's lease is waited for before it counts as somebody's who is at work.
LEASE_PATIENCE_S = 20.0


class MachineUnhealthy(HotopsError):
    """A machine was replaced and does not become healthy."""

    code = "machine_unhealthy"


@dataclass(frozen=True)
class Rolling:
    """How a machine is moved. `cordon` is False where the group has no other machine to take the traffic."""

    cordon: bool
    drain_s: float
    wait_timeout_s: float
    min_secrets_version: int | None


@dataclass(frozen=True)
class MachineRoller:
    """Moves the machines of one app for one run. Safe to use by several threads, one machine each."""

    fly: Fly
    app: str
    run: str
    clock: Clock

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
                self._back_in_rotation(machine, lease)
                return {"machine": machine.id, "instance": machine.instance_id, "was_there": True}
            was_started = is_started(machine)
            cordoned = how.cordon and was_started and not machine.cordoned
            if cordoned:
                self._out_of_rotation(machine, how.drain_s, lease)
            config = change(machine)
            updated = self.fly.machines.update(
                self.app,
                machine.id,
                config,
                current_version=machine.instance_id,
                min_secrets_version=how.min_secrets_version,
                skip_launch=not was_started,
                nonce=lease.nonce,
            )
            fact: dict[str, object] = {
                "machine": machine.id,
                "instance": updated.instance_id,
                "instance_before": machine.instance_id,
            }
            if was_started:
                self.wait_until_healthy(machine.id, updated.instance_id, how.wait_timeout_s)
            if cordoned or machine.cordoned:
                self.fly.machines.uncordon(self.app, machine.id, nonce=lease.nonce)
            return fact

    def wait_until_healthy(self, machine_id: str, instance_id: str, timeout_s: float) -> Machine:
        """Wait until the machine runs this version and all its checks pass; a crash loop ends the wait at once.

        Looks at the machine itself instead of the wait call, which a machine that crashes at once can satisfy.
        """

        def look() -> Machine:
            seen = self.fly.machines.get(self.app, machine_id)
            crashes = crashes_since_launch(seen)
            if len(crashes) >= CRASHES_THAT_DECIDE:
                raise MachineUnhealthy(
                    f"{self.app} {machine_id} crashes again and again ({len(crashes)}): {spoken_exit(crashes[0])}.",
                    remedy=f"fly logs -a {self.app} -i {machine_id}",
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

    def uncordon_own(self, machine: Machine) -> None:
        """Put a machine back that this run, or a dead one, took out of rotation and never replaced."""
        if machine.cordoned and machine.metadata.get(marks.CORDONED_BY):
            with self._lease(machine.id) as lease:
                self._back_in_rotation(machine, lease)

    def _lease(self, machine_id: str) -> LeaseHold:
        return self.fly.machines.wait_for_lease(
            self.app, machine_id, patience_s=LEASE_PATIENCE_S, ttl_s=LEASE_TTL_S, description=f"hotops {self.run}"
        )

    def _out_of_rotation(self, machine: Machine, drain_s: float, lease: LeaseHold) -> None:
        # The mark comes first: a cordon without an owner would stay for ever if the run died between the two.
        self.fly.machines.set_metadata(self.app, machine.id, marks.CORDONED_BY, self.run)
        self.fly.machines.cordon(self.app, machine.id, nonce=lease.nonce)
        self.clock.sleep(drain_s)

    def _back_in_rotation(self, machine: Machine, lease: LeaseHold) -> None:
        if machine.cordoned and machine.metadata.get(marks.CORDONED_BY):
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
        marks.CORDONED_BY: None,
        marks.RESTORED_BY: None,
    }
    if not (marks.is_pending(machine) and marks.BEFORE in machine.metadata):
        # A second change before a verdict keeps the first one's way back: that is the last state that was good.
        entries[marks.BEFORE] = machine.instance_id
    return config.with_metadata(entries)


def restored(config: MachineConfig, *, run: str) -> MachineConfig:
    """An older configuration as it goes back on a machine: it had been good, and says who brought it back."""
    entries = {marks.VERDICT: "good", marks.RESTORED_BY: run, marks.CORDONED_BY: None, marks.BEFORE: None}
    return config.with_metadata(entries)


def describe_health(machine: Machine) -> str:
    """State and failing checks of a machine, in words for an error."""
    failing = [
        f"{check.name} {check.status}: {check.output.strip()[:120]}" for check in machine.checks if not check.is_passing
    ]
    waiting = "; ".join(failing) if failing else ("no check has answered yet" if not machine.checks else "checks pass")
    return f"{machine.state}, {waiting}"


def crashes_since_launch(machine: Machine) -> list[Exit]:
    """Unasked, bad exits of the machine's present version, newest first."""
    launched_ms = next((event.timestamp for event in machine.events if event.type == "launch"), 0)
    return [found for _, found in crashes_since(machine, launched_ms)]


def spoken_exit(found: Exit) -> str:
    """An exit in words: `exit code 137 (out of memory)`."""
    return f"exit code {found.exit_code or found.guest_exit_code}{' (out of memory)' if found.oom_killed else ''}"

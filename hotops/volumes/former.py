"""The machine whose volume is given up: out of rotation and stopped, kept with its volume, and back if need be."""

from __future__ import annotations

from dataclasses import dataclass

from hotops.deploy import marks
from hotops.deploy.roll import LEASE_PATIENCE_S, LEASE_TTL_S, PROPAGATION_S, MachineRoller
from hotops.fly.leases import LeaseHold
from hotops.fly.models import Machine
from hotops.fly.states import is_alive, is_reachable, is_started

#: How long a machine may take to stop: its own stop signal has its time.
STOPPED_WITHIN_S = 120.0
_STARTED, _IN_ROTATION = "started", "in-rotation"


def is_retired(machine: Machine) -> bool:
    """Whether it serves nobody and writes nothing, and nobody waits for it any more."""
    return machine.state == "stopped" and machine.cordoned and marks.LEFT_FOR not in machine.metadata


def can_be_asked(machine: Machine) -> bool:
    """Whether its host takes orders."""
    return is_alive(machine) and is_reachable(machine)


@dataclass(frozen=True)
class Former:
    """One machine, for one run. What it was stands in its own metadata before anything is done to it."""

    roller: MachineRoller
    machine_id: str
    healthy_within_s: float

    def retire(self) -> None:
        """Out of rotation, then stopped. Safe to repeat."""
        machines, app = self.roller.fly.machines, self.roller.app
        with self._lease() as lease:
            machine = machines.get(app, self.machine_id)
            if marks.LEFT_FOR not in machine.metadata and not (machine.state == "stopped" and machine.cordoned):
                machines.set_metadata(app, machine.id, marks.LEFT_FOR, self.mark_of(machine))
            if not machine.cordoned:
                machines.cordon(app, machine.id, nonce=lease.nonce)
                self.roller.clock.sleep(PROPAGATION_S)
            if machine.state != "stopped":
                machines.stop(app, machine.id, nonce=lease.nonce)
                machines.wait(app, machine.id, "stopped", timeout_s=STOPPED_WITHIN_S)

    def leave(self) -> None:
        """The new one serves: it stays as it is, and is nobody's to bring back."""
        if marks.LEFT_FOR in self._seen().metadata:
            self.roller.fly.machines.set_metadata(self.roller.app, self.machine_id, marks.LEFT_FOR, None)

    def bring_back(self, was: str | None) -> None:
        """As it was before: started and in rotation, if it was. `was` is the mark, where it is gone already."""
        machines, app = self.roller.fly.machines, self.roller.app
        with self._lease() as lease:
            machine = machines.get(app, self.machine_id)
            mark = machine.metadata.get(marks.LEFT_FOR) or was or ""
            if _STARTED in mark.split() and not is_started(machine):
                machines.start(app, machine.id, nonce=lease.nonce)
                self.roller.wait_until_healthy(machine.id, machine.instance_id, self.healthy_within_s)
            if _IN_ROTATION in mark.split() and machine.cordoned:
                machines.uncordon(app, machine.id, nonce=lease.nonce)
            if marks.LEFT_FOR in machine.metadata:
                machines.set_metadata(app, machine.id, marks.LEFT_FOR, None)

    def mark_of(self, machine: Machine) -> str:
        """The mark as it is or will be: what it was before."""
        was = [_STARTED] if marks.should_run(machine) else []
        was += [] if machine.cordoned else [_IN_ROTATION]
        return machine.metadata.get(marks.LEFT_FOR) or " ".join([self.roller.run, *was])

    def _seen(self) -> Machine:
        return self.roller.fly.machines.get(self.roller.app, self.machine_id)

    def _lease(self) -> LeaseHold:
        return self.roller.fly.machines.wait_for_lease(
            self.roller.app,
            self.machine_id,
            patience_s=LEASE_PATIENCE_S,
            ttl_s=LEASE_TTL_S,
            description=f"hotops {self.roller.run}",
        )

"""Machines made and taken away, so that a group has its number."""

from __future__ import annotations

from dataclasses import dataclass

from hotops.core.errors import NotFound
from hotops.core.operation import Fact, Step
from hotops.deploy import marks
from hotops.deploy.roll import LEASE_PATIENCE_S, LEASE_TTL_S, PROPAGATION_S, MachineRoller
from hotops.fly.config import MachineConfig
from hotops.fly.creation import CREATE_KEY
from hotops.fly.models import Machine
from hotops.fly.states import is_managed

#: Marks that a machine made like another must not take over: they tell of the other's past.
_NOT_COPIED = tuple(mark for mark in marks.ALL if mark not in (marks.VERDICT, marks.IMAGE, marks.ACCEPTED_BY))


@dataclass(frozen=True)
class Number:
    """One app's machines for one run, as `roller` moves them."""

    roller: MachineRoller
    drain_s: float
    wait_timeout_s: float

    def make(self, step: Step, config: MachineConfig, like: Machine, min_secrets_version: int | None) -> Fact:
        """One more machine, made like another, and healthy. Where the platform has no room, nothing is left of it."""
        roller = self.roller
        entries: dict[str, str | None] = {**dict.fromkeys(_NOT_COPIED), marks.SCALED_BY: roller.run}
        made = roller.fly.machines.create(
            roller.app,
            config.with_metadata(entries),
            key=self._key(step),
            region=like.region or None,
            min_secrets_version=min_secrets_version,
        )
        roller.wait_until_healthy(made.id, made.instance_id, self.wait_timeout_s)
        return {"machine": made.id, "instance": made.instance_id}

    def made_by(self, step: Step) -> str | None:
        """The machine that the step made, if it did."""
        found = self.roller.fly.machines.list(self.roller.app, metadata={CREATE_KEY: self._key(step)})
        return next((machine.id for machine in found if is_managed(machine)), None)

    def remove(self, machine_id: str, *, drain: bool) -> Fact:
        """Out of rotation, drained, gone. One that is gone already is fine."""
        roller, machines = self.roller, self.roller.fly.machines
        try:
            lease = machines.wait_for_lease(
                roller.app,
                machine_id,
                patience_s=LEASE_PATIENCE_S,
                ttl_s=LEASE_TTL_S,
                description=f"hotops {roller.run}",
            )
        except NotFound:
            return {"machine": machine_id, "was_gone": True}
        with lease:
            if drain:
                machines.set_metadata(roller.app, machine_id, marks.CORDONED_BY, roller.signature)
                machines.cordon(roller.app, machine_id, nonce=lease.nonce)
                roller.clock.sleep(max(self.drain_s, PROPAGATION_S))
            machines.destroy(roller.app, machine_id, force=True, nonce=lease.nonce)
        return {"machine": machine_id}

    def _key(self, step: Step) -> str:
        return f"{self.roller.run}/{step.name}"

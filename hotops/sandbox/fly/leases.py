"""Leases: who holds a machine, until when, and what that refuses to others."""

from __future__ import annotations

from hotops.sandbox.fly.errors import RefusalError
from hotops.sandbox.fly.ids import Identifiers, rfc3339_seconds
from hotops.sandbox.fly.machine import Lease, Machine

DEFAULT_TTL_S = 60


def held(machine: Machine, now: float) -> Lease | None:
    """The lease that holds now; an expired one is forgotten."""
    if machine.lease is not None and machine.lease.expires_at <= now:
        machine.lease = None
    return machine.lease


def check(machine: Machine, nonce: str | None, now: float) -> None:
    """Raise 409 if somebody else holds the machine."""
    lease = held(machine, now)
    if lease is not None and lease.nonce != nonce:
        raise conflict(machine.id, lease.owner, lease.expires_at)


def conflict(machine_id: str, owner: str, expires_at: float) -> RefusalError:
    """The refusal in the wording users report; flyctl matches "lease currently held by"."""
    until = rfc3339_seconds(expires_at)
    return RefusalError(
        409, f"aborted: machine ID {machine_id} lease currently held by {owner}@tokens.fly.io, expires at {until}"
    )


def take(
    machine: Machine, ids: Identifiers, owner: str, *, nonce: str | None, ttl_s: int, description: str, now: float
) -> Lease:
    """Take a lease, or refresh the one whose nonce is given (the nonce stays the same); raises 409."""
    check(machine, nonce, now)
    lease = held(machine, now)
    if lease is not None:
        lease.expires_at = now + ttl_s
        lease.version = machine.current.instance_id
        return lease
    machine.lease = Lease(ids.nonce(), now + ttl_s, owner, description, machine.current.instance_id)
    return machine.lease


def shown(lease: Lease, *, with_nonce: bool) -> dict[str, object]:
    """A lease in the envelope clients decode (flyctl); the published document shows the bare object."""
    data: dict[str, object] = {
        "nonce": lease.nonce,
        "expires_at": int(lease.expires_at),
        "owner": lease.owner,
        "description": lease.description,
        "version": lease.version,
    }
    if not with_nonce:
        del data["nonce"]
    return {"status": "success", "data": data}

"""Machines REST: reading, taking, refreshing and dropping a lease (Machines API, leases)."""

from __future__ import annotations

from hotops.sandbox.fly import leases
from hotops.sandbox.fly.errors import invalid, json_reply, not_found
from hotops.sandbox.fly.machines import MACHINE
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.wire import Response

routes = Routes()
NONCE = "fly-machine-lease-nonce"


@routes.on("GET", MACHINE + "/lease", action="lease_get")
def get_lease(call: Call) -> Response:
    """The lease that is held, without its nonce; 404 "lease not found" where none is."""
    lease = leases.held(call.machine, call.now)
    if lease is None:
        raise not_found("lease")
    return json_reply(leases.shown(lease, with_nonce=False))


@routes.on("POST", MACHINE + "/lease", action="lease")
def take_lease(call: Call) -> Response:
    """Take a lease for `ttl` seconds (query or body), or refresh it with its nonce."""
    given = call.request.value("ttl") or call.payload.get("ttl") or leases.DEFAULT_TTL_S
    try:
        ttl_s = int(given)
    except (TypeError, ValueError):
        raise invalid("ttl must be whole seconds") from None
    if ttl_s < 1:
        raise invalid("ttl must be at least one second")
    lease = leases.take(
        call.machine,
        call.world.ids,
        call.grant.tokens[0].user.partition("@")[0],
        nonce=call.request.headers.get(NONCE),
        ttl_s=ttl_s,
        description=str(call.payload.get("description") or ""),
        now=call.now,
    )
    return json_reply(leases.shown(lease, with_nonce=True), 201)


@routes.on("DELETE", MACHINE + "/lease", action="lease_drop")
def drop_lease(call: Call) -> Response:
    """Drop the lease whose nonce is given."""
    machine = call.machine
    if leases.held(machine, call.now) is None:
        raise not_found("lease")
    leases.check(machine, call.request.headers.get(NONCE), call.now)
    machine.lease = None
    return json_reply({"ok": True})

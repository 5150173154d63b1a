"""Machines REST: list, create, read, update, destroy (Machines API, machines)."""

from __future__ import annotations

from hotops.sandbox.fly import leases, lifecycle, machine_view, making, volumes
from hotops.sandbox.fly.errors import RefusalError, invalid, json_reply, unmet
from hotops.sandbox.fly.machine import Machine
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.wire import Response

routes = Routes()
MACHINES = "/v1/apps/{app}/machines"
MACHINE = MACHINES + "/{machine}"
DESTROYABLE = {"created", "stopped", "suspended", "failed"}
NO_ROOM = "aborted: could not reserve resource for machine: insufficient memory available to fulfill request"


@routes.on("GET", MACHINES, action="list")
def list_machines(call: Call) -> Response:
    """All machines of an app but the destroyed ones; filtered by region, state and metadata."""
    app = call.app
    for machine in app.machines.values():
        lifecycle.advance(call.world, machine, call.now)
    with_deleted = call.request.value("include_deleted") == "true"
    candidates = [m for m in app.machines.values() if not m.lost] if with_deleted else app.alive(call.now)
    view = machine_view.summary if call.request.value("summary") == "true" else machine_view.shown
    return json_reply([view(call.world, m, call.now) for m in candidates if _wanted(call, m)])


def _wanted(call: Call, machine: Machine) -> bool:
    request = call.request
    regions = request.values("region")
    states = [state for value in request.values("state") for state in value.split(",") if state]
    metadata = machine.config.get("metadata") or {}
    asked = [(key.removeprefix("metadata."), value) for key, value in request.query if key.startswith("metadata.")]
    return (
        (not regions or machine.region in regions)
        and (not states or machine.state in states)
        and all(metadata.get(key) == value for key, value in asked)
    )


@routes.on("POST", MACHINES, action="create")
def create_machine(call: Call) -> Response:
    """Create a machine; not idempotent, but names are unique per app."""
    app, payload, now = call.app, call.payload, call.now
    for other in app.machines.values():
        lifecycle.advance(call.world, other, now)
    if call.request.memory.get("no_capacity"):
        raise RefusalError(int(call.request.memory["no_capacity"]), NO_ROOM, "insufficient_capacity")
    version = making.incarnation(call.world, app, payload, now)
    machine = making.machine(call.world, app, payload, version, now)
    volumes.attach(app, machine)
    late_s = float(call.request.memory.get("late_s", 0.0))
    machine.visible_at = now + late_s
    app.machines[machine.id] = machine
    if app.status == "pending":
        app.status = "deployed"
    lifecycle.launch(call.world, machine, now, skip=bool(payload.get("skip_launch")))
    shown = machine_view.shown(call.world, machine, now)
    if payload.get("lease_ttl"):
        owner = call.grant.tokens[0].user.partition("@")[0]
        lease = leases.take(
            machine, call.world.ids, owner, nonce=None, ttl_s=int(payload["lease_ttl"]), description="", now=now
        )
        shown["nonce"] = lease.nonce
    return json_reply(shown)


@routes.on("GET", MACHINE, action="get")
def get_machine(call: Call) -> Response:
    """One machine; a destroyed one stays readable."""
    return json_reply(machine_view.shown(call.world, call.machine, call.now))


@routes.on("POST", MACHINE, action="update")
def update_machine(call: Call) -> Response:
    """Replace the machine's VM by one with the full config given; id and name stay, the version is new."""
    machine, payload, now = call.gated_machine(), call.payload, call.now
    if machine.state in {"destroyed", "destroying"}:
        raise unmet(f"unable to update machine from current state: '{machine.state}'")
    if payload.get("region") not in {None, "", machine.region}:
        raise invalid("region of an existing machine cannot be changed")
    if payload.get("name") not in {None, "", machine.name}:
        raise invalid("name of an existing machine cannot be changed")
    expected = payload.get("current_version")
    if expected and expected != machine.current.instance_id:
        raise unmet(f"machine version mismatch: current version is {machine.current.instance_id}")
    if call.request.memory.get("no_capacity"):
        raise RefusalError(int(call.request.memory["no_capacity"]), NO_ROOM, "insufficient_capacity")
    version = making.incarnation(call.world, call.app, payload, now)
    lifecycle.replace(call.world, machine, now, version, skip=bool(payload.get("skip_launch")))
    return json_reply(machine_view.shown(call.world, machine, now))


@routes.on("DELETE", MACHINE, action="destroy")
def destroy_machine(call: Call) -> Response:
    """Destroy a machine; one that runs only with `force=true` (flyctl sends `kill=true`)."""
    machine = call.gated_machine()
    forced = "true" in {call.request.value("force"), call.request.value("kill")}
    if machine.state in {"destroyed", "destroying"}:
        return json_reply({"ok": True})
    if machine.state not in DESTROYABLE and not forced:
        raise unmet("unable to destroy machine, not currently stopped")
    lifecycle.destroy(call.world, machine, call.now)
    volumes.release(call.app, machine.id)
    return json_reply({"ok": True})


@routes.on("GET", MACHINE + "/events", action="events")
def list_events(call: Call) -> Response:
    """Events of a machine, newest first."""
    limit = call.request.value("limit", "50")
    count = int(limit) if limit.isdigit() else 50
    return json_reply([event.shown() for event in reversed(call.machine.events)][:count])


@routes.on("GET", MACHINE + "/versions", action="versions")
def list_versions(call: Call) -> Response:
    """Every version with the config that was asked for, newest first."""
    versions = reversed(call.machine.versions)
    return json_reply([{"version": v.instance_id, "user_config": v.asked} for v in versions])


@routes.on("GET", "/v1/orgs/{org}/machines", action="org_machines")
def list_org_machines(call: Call) -> Response:
    """All machines of an organisation, in one page."""
    slug = call.params["org"]
    call.grant.check_org(slug)
    found = [m for app in call.world.apps.values() if app.org.slug == slug for m in app.machines.values() if not m.lost]
    for machine in found:
        lifecycle.advance(call.world, machine, call.now)
    with_deleted = call.request.value("include_deleted") == "true"
    shown = [machine_view.in_org(m) for m in found if (with_deleted or m.state != "destroyed") and _wanted(call, m)]
    return json_reply(
        {
            "machines": shown,
            "next_cursor": "",
            "last_machine_id": shown[-1]["id"] if shown else "",
            "last_updated_at": shown[-1]["updated_at"] if shown else "",
            "error_regions": [],
        }
    )

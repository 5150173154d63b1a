"""Machines REST: waiting for a state (Machines API, wait for state)."""

from __future__ import annotations

from hotops.sandbox.fly.errors import RefusalError, invalid, json_reply, not_found
from hotops.sandbox.fly.machine import PERSISTENT, Machine
from hotops.sandbox.fly.machines import MACHINE
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.wire import Pending, Response

routes = Routes()
STATES = {"started", "stopped", "suspended", "destroyed", "failed", "settled"}
DEFAULT_TIMEOUT_S = 60
POLL_S = 1.0
FORGOTTEN_AFTER_S = 30.0


@routes.on("GET", MACHINE + "/wait", action="wait")
def wait_for_state(call: Call) -> Response | Pending:
    """Answer when the machine is in one of the wanted states; `settled` means any state it rests in.

    The timeout is whole seconds from 1 to 60, else 400; when it expires, 408. Repeated `state` parameters and commas
    both give several states. With `version` (or `instance_id`) another version counts as `replaced`.
    """
    machine, request = call.machine, call.request
    wanted = [state for value in request.values("state") for state in value.split(",") if state] or ["started"]
    unknown = [state for state in wanted if state not in STATES]
    if unknown:
        raise invalid(f"invalid WaitMachineRequest.State: unknown state {unknown[0]!r}")
    timeout_s = _timeout_s(request.value("timeout"))
    if machine.state == "destroyed" and not {"destroyed", "settled"} & set(wanted):
        raise not_found("machine")
    # A machine that removes itself is gone soon after; its waiters meet 404 (reported by users of auto_destroy).
    forgotten_at = (machine.destroyed_at or call.now) + FORGOTTEN_AFTER_S
    if machine.config.get("auto_destroy") and call.now > forgotten_at:
        raise not_found("machine")
    asked = request.value("version") or request.value("instance_id")
    state = machine.state if asked in {"", machine.current.instance_id} else "replaced"
    if state in wanted or ("settled" in wanted and _rests(machine, state)):
        newest = machine.events[-1].id if machine.events else ""
        version = machine.current.instance_id
        return json_reply({"ok": True, "state": state, "event_id": newest, "version": version})
    began_at = request.first_seen_at if request.first_seen_at is not None else call.now
    deadline = began_at + timeout_s
    if call.now >= deadline:
        text = f"machine failed to reach desired state, {', '.join(wanted)}, currently {state}"
        raise RefusalError(408, f"deadline_exceeded: {text}")
    next_change = machine.agenda[0].at if machine.agenda else deadline
    return Pending(min(next_change, deadline, call.now + POLL_S))


def _timeout_s(value: str) -> int:
    if not value:
        return DEFAULT_TIMEOUT_S
    if not value.isdigit() or not 1 <= int(value) <= 60:
        # The exact text users report; the value is a protobuf duration on the other side.
        raise invalid("invalid WaitMachineRequest.Timeout: value must be inside range [1s, 1m0s]")
    return int(value)


def _rests(machine: Machine, state: str) -> bool:
    """Whether the machine stays in this state unless asked: `created` on the way to a launch does not count."""
    if state == "replaced":
        return True
    return state in PERSISTENT and not any(planned.state for planned in machine.agenda)

"""Machines REST: start, stop, restart, suspend, signal, cordon (Machines API, machines)."""

from __future__ import annotations

from hotops.sandbox.fly import lifecycle
from hotops.sandbox.fly.errors import invalid, json_reply, unmet
from hotops.sandbox.fly.ids import stable_number
from hotops.sandbox.fly.machine import Exit, Machine
from hotops.sandbox.fly.machines import MACHINE
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.fly.world import World
from hotops.sandbox.wire import Response

routes = Routes()
RUNNING = {"started", "starting", "restarting"}
GONE = {"destroyed", "destroying"}
LARGEST_SUSPENDED_MB = 2048
DEADLY_SIGNALS = {"SIGKILL", "SIGTERM", "SIGINT", "SIGQUIT", "SIGABRT", 9, 15, 2, 3, 6}


@routes.on("POST", MACHINE + "/start", action="start")
def start_machine(call: Call) -> Response:
    """Start a machine; one that runs already is left alone."""
    machine = call.gated_machine()
    previous = machine.state
    if previous in {"replacing", "updating"}:
        raise unmet("machine getting replaced, refusing to start")
    if previous not in {"stopped", "suspended", "stopping", "failed"} | RUNNING:
        raise unmet(f"unable to start machine from current state: '{previous}'")
    if previous not in RUNNING:
        lifecycle.start(call.world, machine, call.now)
    return json_reply({"previous_state": previous, "migrated": False, "new_host": ""})


@routes.on("POST", MACHINE + "/stop", action="stop")
def stop_machine(call: Call) -> Response:
    """Stop a machine; stopping a stopped one succeeds."""
    machine = call.gated_machine()
    _refuse_gone(machine, "stop")
    if machine.state not in {"stopped", "stopping"}:
        lifecycle.stop(call.world, machine, call.now)
    return json_reply({"ok": True})


@routes.on("POST", MACHINE + "/restart", action="restart")
def restart_machine(call: Call) -> Response:
    """Restart a machine. It keeps the secrets it was given: staged ones need an update."""
    machine = call.gated_machine()
    _refuse_gone(machine, "restart")
    if machine.state in {"replacing", "created"}:
        raise unmet(f"unable to restart machine from current state: '{machine.state}'")
    lifecycle.restart(call.world, machine, call.now)
    return json_reply({"ok": True})


@routes.on("POST", MACHINE + "/suspend", action="suspend")
def suspend_machine(call: Call) -> Response:
    """Suspend a running machine of at most 2 GB, without swap or schedule (Fly docs, machine suspend)."""
    machine = call.gated_machine()
    config = machine.config
    if int(config["guest"]["memory_mb"]) > LARGEST_SUSPENDED_MB:
        raise unmet("unable to suspend machine: memory is larger than 2 GB")
    if (config.get("init") or {}).get("swap_size_mb") or config.get("schedule"):
        raise unmet("unable to suspend machine: it has swap or a schedule")
    if machine.state == "suspended":
        return json_reply({"ok": True})
    if machine.state != "started":
        raise unmet(f"unable to suspend machine from current state: '{machine.state}'")
    lifecycle.suspend(call.world, machine, call.now)
    return json_reply({"ok": True})


@routes.on("POST", MACHINE + "/signal", action="signal")
def signal_machine(call: Call) -> Response:
    """Send a signal; those that end a process end it, and its restart policy decides what follows."""
    machine = call.gated_machine()
    signal = call.payload.get("signal")
    if not signal:
        raise invalid("signal is required")
    if machine.run is None:
        raise unmet(f"unable to signal machine in current state: '{machine.state}'")
    if signal in DEADLY_SIGNALS:
        code = 137 if signal in {"SIGKILL", 9} else 143
        lifecycle.kill(call.world, machine, call.now, Exit(code))
    return json_reply({"ok": True})


@routes.on("POST", MACHINE + "/cordon", action="cordon")
def cordon_machine(call: Call) -> Response:
    """Take a machine out of the proxy's rotation; the proxy learns of it late."""
    return _set_cordon(call, cordoned=True)


@routes.on("POST", MACHINE + "/uncordon", action="uncordon")
def uncordon_machine(call: Call) -> Response:
    """Put a machine into the proxy's rotation; the proxy learns of it late."""
    return _set_cordon(call, cordoned=False)


def propagation_s(world: World, machine: Machine, change: object) -> float:
    """How long the proxy takes to learn of one change: a stable share of the longest time."""
    share = stable_number(machine.id, change, world.settings.propagation_seed) % 1000 / 1000
    return world.settings.scaled(world.settings.propagation_s * share)


def _set_cordon(call: Call, *, cordoned: bool) -> Response:
    machine = call.gated_machine()
    _refuse_gone(machine, "cordon" if cordoned else "uncordon")
    if machine.cordoned != cordoned:
        machine.cordoned = cordoned
        machine.updated_at = call.now
        usual_s = propagation_s(call.world, machine, len(machine.routing))
        late_s = float(call.request.memory.get("late_s", usual_s))
        machine.routing.append((call.now + late_s, cordoned))
    return json_reply({"ok": True})


def _refuse_gone(machine: Machine, verb: str) -> None:
    if machine.state in GONE:
        raise unmet(f"unable to {verb} machine from current state: '{machine.state}'")

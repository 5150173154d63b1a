"""The states of a machine: what is scheduled when something is asked of it, and carrying out what has become due."""

from __future__ import annotations

from bisect import insort
from typing import Any

from hotops.sandbox.fly import behaviours, durations
from hotops.sandbox.fly.ids import rfc3339
from hotops.sandbox.fly.machine import Event, Exit, Incarnation, Machine, Planned, Run
from hotops.sandbox.fly.world import World

KEPT_EVENTS = 100
KEPT_RUNS = 200
DEFAULT_RETRIES = 10


def advance(world: World, machine: Machine, now: float) -> None:
    """Carry out everything that is due until `now`, in order; each step may schedule the next."""
    while machine.agenda and machine.agenda[0].at <= now:
        _carry_out(world, machine, machine.agenda.pop(0))


def launch(world: World, machine: Machine, now: float, *, skip: bool) -> None:
    """Bring a new machine up: created, then starting, then started; with `skip` it rests at stopped.

    The image is prepared first in both cases (flyctl waits for `stopped` after a create with skip_launch).
    """
    machine.state = "created"
    record(world, machine, now, ("launch", "created", "user"))
    prepared_at = now + world.settings.scaled(durations.PREPARE_S)
    if skip:
        plan(machine, Planned(prepared_at, state="stopped"))
        return
    plan(machine, Planned(prepared_at, state="starting"))
    _plan_start(world, machine, prepared_at)


def replace(world: World, machine: Machine, now: float, new: Incarnation, *, skip: bool) -> None:
    """Replace the VM by one of a new version: the old process ends, the new one boots (or rests, with `skip`)."""
    pulls = new.image.content.digest != machine.current.image.content.digest
    _interrupt(world, machine, now)
    machine.versions.append(new)
    machine.state = "replacing"
    machine.restart_count = 0
    machine.checks.clear()
    machine.updated_at = now
    record(world, machine, now, ("update", "replacing", "user"))
    record(world, machine, now, ("launch", "created", "user"))
    delay_s = durations.REPLACE_S + (durations.PULL_S if pulls else 0.0)
    replaced_at = now + world.settings.scaled(delay_s)
    if skip:
        plan(machine, Planned(replaced_at, state="stopped"))
        return
    plan(machine, Planned(replaced_at, state="starting"))
    _plan_start(world, machine, replaced_at)


def start(world: World, machine: Machine, now: float, source: str = "user") -> None:
    """Start a stopped or suspended machine."""
    resumes = machine.state == "suspended"
    machine.agenda.clear()
    machine.restart_count = 0
    machine.state = "starting"
    machine.updated_at = now
    record(world, machine, now, ("start", "starting", source))
    seconds = durations.RESUME_S if resumes else durations.BOOT_S
    plan(
        machine,
        Planned(now + world.settings.scaled(seconds), "started", ("start", "started", "flyd"), opens_run=True),
    )


def stop(world: World, machine: Machine, now: float, source: str = "user") -> None:
    """Stop a machine; a suspended one drops its snapshot at once (Fly docs, machine suspend)."""
    machine.agenda.clear()
    machine.updated_at = now
    record(world, machine, now, ("stop", "stopping", source))
    if machine.run is None:
        machine.state = "stopped"
        return
    machine.state = "stopping"
    ended_at = now + world.settings.scaled(durations.STOP_S)
    plan(machine, Planned(ended_at, "stopped", exit=Exit(0, requested=True, signal=2)))
    if machine.config.get("auto_destroy"):
        _plan_destroy(world, machine, ended_at)


def restart(world: World, machine: Machine, now: float) -> None:
    """Restart: the same version, the same secrets it was given, a fresh process."""
    machine.agenda.clear()
    machine.updated_at = now
    machine.restart_count = 0
    record(world, machine, now, ("restart", "restarting", "user"))
    machine.state = "restarting"
    ended_at = now
    if machine.run is not None:
        ended_at = now + world.settings.scaled(durations.STOP_S)
        plan(machine, Planned(ended_at, "starting", exit=Exit(0, requested=True, restarting=True)))
    _plan_start(world, machine, ended_at)


def suspend(world: World, machine: Machine, now: float, source: str = "user") -> None:
    """Suspend a running machine; it resumes from its snapshot."""
    machine.agenda.clear()
    machine.updated_at = now
    record(world, machine, now, ("suspend", "suspending", source))
    machine.state = "suspending"
    suspended_at = now + world.settings.scaled(durations.SUSPEND_S)
    plan(machine, Planned(suspended_at, "suspended", exit=Exit(0, requested=True)))


def destroy(world: World, machine: Machine, now: float) -> None:
    """Destroy a machine; it stays readable afterwards."""
    _interrupt(world, machine, now)
    machine.updated_at = now
    _plan_destroy(world, machine, now)
    advance(world, machine, now)


def kill(world: World, machine: Machine, now: float, ending: Exit) -> None:
    """The process ends now by itself or by a signal; the restart policy decides what follows."""
    if machine.run is None:
        return
    machine.agenda.clear()
    _end_of_process(world, machine, now, ending)
    advance(world, machine, now)


def record(
    world: World,
    machine: Machine,
    at: float,
    what: tuple[str, str, str],
    request: dict[str, Any] | None = None,
) -> None:
    """Write an event (type, status, source); the oldest are dropped beyond a hundred."""
    kind, status, source = what
    machine.events.append(Event(world.ids.ulid(at), kind, status, source, at, request))
    del machine.events[:-KEPT_EVENTS]


def plan(machine: Machine, planned: Planned) -> None:
    """Put something on the machine's agenda, in order of time."""
    insort(machine.agenda, planned, key=lambda entry: entry.at)


def _plan_start(world: World, machine: Machine, from_at: float) -> None:
    started_at = from_at + world.settings.scaled(durations.BOOT_S)
    plan(machine, Planned(started_at, "started", ("start", "started", "flyd"), opens_run=True))


def _plan_destroy(world: World, machine: Machine, from_at: float) -> None:
    plan(machine, Planned(from_at, "destroying"))
    gone_at = from_at + world.settings.scaled(durations.DESTROY_S)
    plan(machine, Planned(gone_at, "destroyed", ("destroy", "destroyed", "flyd")))


def _interrupt(world: World, machine: Machine, now: float) -> None:
    machine.agenda.clear()
    if machine.run is not None:
        _close_run(world, machine, now, Exit(0, requested=True))


def _carry_out(world: World, machine: Machine, due: Planned) -> None:
    if due.exit is not None:
        if due.exit.requested:
            _close_run(world, machine, due.at, due.exit)
        else:
            _end_of_process(world, machine, due.at, due.exit)
    if due.state is not None:
        machine.state = due.state
        if due.state == "destroyed":
            machine.destroyed_at = due.at
            machine.lease = None
    if due.event is not None:
        record(world, machine, due.at, due.event)
    if due.opens_run:
        _open_run(world, machine, due.at)


def _open_run(world: World, machine: Machine, at: float) -> None:
    machine.runs.append(Run(machine.current, at))
    del machine.runs[:-KEPT_RUNS]
    ending = own_ending(world, machine)
    if ending is not None:
        after_s, how = ending
        plan(machine, Planned(at + after_s, exit=how))


def own_ending(world: World, machine: Machine) -> tuple[float, Exit] | None:
    """When and how the process of this version ends by itself: seconds after its start, or None."""
    version = machine.current
    if missing_secrets(world, machine):
        return behaviours.MISSING_SECRET_AFTER_S, Exit(1)
    fault = version.fault
    if fault == "crash":
        return behaviours.CRASH_AFTER_S, Exit(1)
    if fault == "oom":
        return behaviours.OOM_AFTER_S, Exit(137, oom_killed=True, signal=9)
    if version.is_command:
        command = version.image.content.behaviour.command
        return None if command == "hangs" else (behaviours.COMMAND_AFTER_S, Exit(1 if command == "fails" else 0))
    return None


def missing_secrets(world: World, machine: Machine) -> list[str]:
    """Names the process cannot start without and was not given, as secret or as environment."""
    app = world.apps.get(machine.app_name)
    group = app.groups.get(machine.group) if app else None
    return [name for name in (group.needs_secrets if group else ()) if name not in machine.current.env]


def _end_of_process(world: World, machine: Machine, at: float, ending: Exit) -> None:
    policy = machine.config.get("restart") or {}
    wanted = str(policy.get("policy") or "on-failure")
    retries = int(policy.get("max_retries") or DEFAULT_RETRIES)
    again = wanted == "always" or (
        wanted in {"on-failure", "spot-price"} and ending.code != 0 and machine.restart_count < retries
    )
    ending.restarting = again
    if again:
        machine.restart_count += 1
    _close_run(world, machine, at, ending)
    if not again:
        machine.state = "stopped"
        if machine.config.get("auto_destroy"):
            _plan_destroy(world, machine, at)
        return
    machine.state = "starting"
    backoff_s = min(durations.RESTART_BACKOFF_S * 2 ** (machine.restart_count - 1), durations.LONGEST_BACKOFF_S)
    _plan_start(world, machine, at + world.settings.scaled(backoff_s))


def _close_run(world: World, machine: Machine, at: float, ending: Exit) -> None:
    run = machine.run
    if run is None:
        return
    run.ended_at = at
    run.exit = ending
    details = {
        "exit_code": ending.code,
        "guest_exit_code": ending.code,
        "guest_signal": ending.signal,
        "oom_killed": ending.oom_killed,
        "requested_stop": ending.requested,
        "restarting": ending.restarting,
        "signal": ending.signal,
        "error": "",
        "exited_at": rfc3339(at),
    }
    request = {"exit_event": details, "restart_count": machine.restart_count}
    record(world, machine, at, ("exit", "stopped", "flyd"), request)

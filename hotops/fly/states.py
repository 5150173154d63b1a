"""What can be said of a machine by looking at it: pure predicates, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hotops.fly.models import Event, Exit, Machine

#: States that last (Fly docs, machine states; `settled` in a wait means any of them).
PERSISTENT = frozenset({"created", "started", "stopped", "suspended", "failed"})
#: States that pass. One that does not pass in time is stuck.
TRANSIENT = frozenset(
    {
        "creating",
        "starting",
        "stopping",
        "restarting",
        "suspending",
        "updating",
        "replacing",
        "destroying",
        "launch_failed",
    }
)
GONE = frozenset({"destroyed", "destroying", "replaced", "migrated"})
#: Machines that deploys make for a moment (flyctl, reserved process groups).
HELPER_GROUPS = frozenset({"fly_app_release_command", "fly_app_test_machine_command", "fly_app_console"})
#: Seconds after which a passing state is stuck (Fly docs, machine states).
_STUCK_S = {"updating": 600.0, "starting": 300.0, "stopping": 300.0, "restarting": 300.0, "destroying": 300.0}


def is_settled(machine: Machine) -> bool:
    """It is in a state that lasts."""
    return machine.state in PERSISTENT or machine.state == "destroyed"


def is_started(machine: Machine) -> bool:
    """Its process runs."""
    return machine.state == "started"


def is_alive(machine: Machine) -> bool:
    """It was not destroyed, and is not being."""
    return machine.state not in GONE


def is_managed(machine: Machine) -> bool:
    """A deploy owns it: marked as the platform's, alive, no short-lived helper (flyctl, list of app machines)."""
    return machine.is_platform_managed and is_alive(machine) and not is_helper(machine)


def is_helper(machine: Machine) -> bool:
    """It runs a release command, a test or a console."""
    return machine.process_group in HELPER_GROUPS or machine.metadata.get("process_group") == "release_command"


def is_reachable(machine: Machine) -> bool:
    """Its host answers; otherwise nothing about it is current and no change reaches it."""
    return machine.host_status == "ok"


def is_stuck(machine: Machine, now: float) -> bool:
    """It has been in a passing state for longer than that should take (`now` in unix seconds)."""
    limit_s = _STUCK_S.get(machine.state)
    return limit_s is not None and machine.updated_at is not None and now - machine.updated_at > limit_s


def is_standby(machine: Machine) -> bool:
    """It is stopped on purpose and starts when another machine's host fails."""
    return bool(machine.known_config.standbys)


def serves(machine: Machine) -> bool:
    """It is started, in rotation and has something for the proxy to route to."""
    return is_started(machine) and not machine.cordoned and bool(machine.known_config.services)


def checks_pass(machine: Machine) -> bool:
    """All checks that its config asks for have reported, and each passes. A machine without checks passes."""
    wanted = machine.known_config.check_count
    return len(machine.checks) >= wanted and all(check.is_passing for check in machine.checks)


def failing_checks(machine: Machine) -> list[str]:
    """Names of the checks that do not pass now."""
    return [check.name for check in machine.checks if not check.is_passing]


def exits_since(machine: Machine, since_ms: int) -> list[tuple[Event, Exit]]:
    """Its exits at or after a time (unix milliseconds), newest first."""
    return [(event, found) for event, found in _exits(machine) if event.timestamp >= since_ms]


def crashes_since(machine: Machine, since_ms: int) -> list[tuple[Event, Exit]]:
    """Those of its exits that nobody asked for and that ended badly."""
    return [(event, found) for event, found in exits_since(machine, since_ms) if found.is_crash]


def was_oom_killed(machine: Machine, since_ms: int = 0) -> bool:
    """The kernel killed it for want of memory, at or after a time (unix milliseconds)."""
    return any(found.oom_killed for _, found in exits_since(machine, since_ms))


def is_crash_looping(machine: Machine) -> bool:
    """Its newest exit was a crash, it is being restarted for it, and not for the first time (flyctl, smoke check).

    Exits before its newest launch are those of an older version, which is gone.
    """
    newest = next(iter(_exits(machine)), None)
    if newest is None or newest[0].at < launched_at(machine):
        return False
    event, found = newest
    return found.restarting and not found.requested_stop and event.restart_count > 1 and found.exit_code != 0


def launched_at(machine: Machine) -> float:
    """When its present version was launched (unix seconds), 0 where no event tells; what came before is gone."""
    return max((event.at for event in machine.events if event.type == "launch"), default=0.0)


def restarts_since(machine: Machine, since_ms: int) -> int:
    """How often the platform restarted its process because it ended, at or after a time (unix milliseconds)."""
    return sum(1 for _, found in exits_since(machine, since_ms) if found.restarting and not found.requested_stop)


def started_at(machine: Machine) -> float | None:
    """When its present process started (unix seconds); None while none runs since the newest launch or exit."""
    for event in machine.events:
        if event.type == "start":
            return event.at
        if event.type in ("exit", "launch"):
            return None
    return None


def digests(machines: Iterable[Machine]) -> set[str]:
    """The digests that these machines run; more than one is a deploy that did not end."""
    return {machine.image_ref.digest for machine in machines if machine.image_ref is not None}


def _exits(machine: Machine) -> Iterator[tuple[Event, Exit]]:
    for event in machine.events:
        found = event.exit
        if found is not None:
            yield event, found

"""What an app's machines tell about its health, without a further call: states, exits, checks, images, sizes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hotops.core.clock import spoken_duration
from hotops.fly.config import CheckConfig, MachineConfig
from hotops.fly.models import Machine
from hotops.fly.states import (
    crashes_since,
    is_alive,
    is_crash_looping,
    is_helper,
    is_reachable,
    is_standby,
    is_started,
    is_stuck,
    launched_at,
    restarts_since,
)
from hotops.health import configured
from hotops.health.configured import Declared, label, spoken_count
from hotops.health.finding import Finding
from hotops.health.foreign import safe

#: Suspended, or on the way there.
SUSPENDED = frozenset({"suspended", "suspending"})
#: 128 + SIGKILL: what a process that the kernel killed for lack of memory ends with.
KILLED = 137


@dataclass(frozen=True)
class Exit:
    """One bad end of a process that nobody asked for; `at` in unix seconds."""

    machine: str
    group: str
    at: float
    code: int
    oom: bool
    memory_mb: int


@dataclass(frozen=True)
class FailingCheck:
    """A check that does not pass. `path` and `port` are its configuration's, `output` its own words without secrets."""

    machine: str
    group: str
    name: str
    status: str
    path: str | None
    port: int | None
    output: str

    @property
    def says(self) -> str:
        """`GET /hc on port 3000 fails: 404 Not Found`, or the check's name where it asks for no path."""
        what = f"the check of {self.path} on port {self.port}" if self.path else f"the check {self.name}"
        return f"{what} is {self.status}: {self.output or 'no output'}"


@dataclass(frozen=True)
class MachineHealth:
    """The state of an app's machines. Counts are of machines, but for `restarts` and `exits` (since the asked time)."""

    app: str
    states: Mapping[str, int] = field(default_factory=dict)
    passing: int = 0
    restarts: int = 0
    exits: tuple[Exit, ...] = ()
    failing_checks: tuple[FailingCheck, ...] = ()
    digests: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def started(self) -> int:
        return self.states.get("started", 0)

    @property
    def count(self) -> int:
        return sum(self.states.values())

    @property
    def ooms(self) -> int:
        return sum(1 for item in self.exits if item.oom)

    @property
    def all_suspended(self) -> bool:
        """Whether there are machines and each of them is suspended."""
        return bool(self.states) and SUSPENDED.issuperset(self.states)

    def as_row(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "states": dict(self.states),
            "passing": self.passing,
            "restarts": self.restarts,
            "exits": [vars(item) for item in self.exits],
            "ooms": self.ooms,
            "failing_checks": [{**vars(item), "says": item.says} for item in self.failing_checks],
            "digests": list(self.digests),
        }


def examine(
    app: str,
    machines: Sequence[Machine],
    *,
    now: float,
    since: float,
    floor_mb: int | None = None,
    groups: Mapping[str, Declared] | None = None,
    budget_ms: int | None = None,
) -> MachineHealth:
    """Judge the machines of one list call. `now` and `since` are unix seconds: exits and restarts count from `since`.

    `floor_mb` is the least memory of each machine, `groups` what is declared of process groups, `budget_ms` the latency
    budget that a cold start would break. Helpers (release command, console) and destroyed machines are left out.
    """
    own = [machine for machine in machines if is_alive(machine) and not is_helper(machine)]
    exits = tuple(sorted((item for machine in own for item in _exits(machine, since)), key=lambda item: item.at))
    failing = tuple(item for machine in own for item in failing_checks(machine))
    found = [
        *_presence(app, own),
        *_ends(app, own, exits, now),
        *_states(app, own, now),
        *_checks(app, failing),
        *_images(app, own),
        *configured.sizes(app, own, floor_mb),
        *configured.drift(app, own, groups or {}),
        *configured.settings(app, own, budget_ms),
    ]
    failing_ids = {item.machine for item in failing}
    return MachineHealth(
        app=app,
        states=dict(Counter(machine.state for machine in own)),
        passing=sum(1 for machine in own if is_started(machine) and machine.id not in failing_ids),
        restarts=sum(restarts_since(machine, int(since * 1000)) for machine in own),
        exits=exits,
        failing_checks=failing,
        digests=tuple(sorted({machine.image_ref.digest for machine in own if machine.image_ref is not None})),
        findings=tuple(found),
    )


def failing_checks(machine: Machine) -> list[FailingCheck]:
    """The checks of a started machine that do not pass, each with the path it asks for."""
    if not is_started(machine):
        return []
    config = machine.known_config
    result = []
    for check in machine.checks:
        if check.is_passing:
            continue
        asked = check_config(config, check.name)
        result.append(
            FailingCheck(
                machine=machine.id,
                group=machine.process_group,
                name=check.name,
                status=check.status or "unknown",
                path=asked.path if asked else None,
                port=asked.port if asked else None,
                output=safe(check.output),
            )
        )
    return result


def check_config(config: MachineConfig, name: str) -> CheckConfig | None:
    """The configuration behind a row of a machine's `checks`, its port filled in; None if it is not known.

    A service's checks report as `servicecheck-NN-TYPE-PORT`, numbered through all services; top-level ones by name.
    """
    if name in config.checks:
        return config.checks[name]
    found = _SERVICE_CHECK.fullmatch(name)
    if found is None:
        return None
    numbered = list(service_checks(config))
    alike = [check for check in numbered if check.type == found["type"] and check.port == int(found["port"])]
    at = int(found["number"])
    if at < len(numbered) and numbered[at] in alike:
        return numbered[at]
    return alike[0] if alike else None


def service_checks(config: MachineConfig) -> Iterator[CheckConfig]:
    """Every service's checks in order, with the port they really ask (the service's own where they name none)."""
    for service in config.services:
        for check in service.checks:
            yield check if check.port else check.model_copy(update={"port": service.internal_port})


_SERVICE_CHECK = re.compile(r"servicecheck-(?P<number>\d+)-(?P<type>\w+)-(?P<port>\d+)")


def _exits(machine: Machine, since: float) -> Iterator[Exit]:
    for event, ended in crashes_since(machine, int(since * 1000)):
        code = ended.guest_exit_code or ended.exit_code
        yield Exit(
            machine=machine.id,
            group=machine.process_group,
            at=event.at,
            code=code,
            oom=ended.oom_killed or code == KILLED,
            memory_mb=machine.known_config.guest.memory_mb,
        )


def _presence(app: str, machines: Sequence[Machine]) -> Iterator[Finding]:
    """Whether anything is there to serve."""
    if not machines:
        yield Finding("no_machines", app, app, "the app has no machines.", remedy="Deploy it, or remove it.")
        return
    suspended = [machine for machine in machines if machine.state in SUSPENDED]
    if len(suspended) == len(machines):
        says = f"the whole app is suspended ({spoken_count(len(machines))}); nothing serves."
        yield Finding("suspended", app, app, says, remedy="Start its machines, or remove the app from the inventory.")
        return
    for machine in suspended:
        on_purpose = any(service.autostop == "suspend" for service in machine.known_config.services)
        says = "the machine is suspended, as its autostop setting says." if on_purpose else "the machine is suspended."
        yield Finding("suspended", app, label(app, machine), says, "warn" if on_purpose else "bad")


def _checks(app: str, failing: Sequence[FailingCheck]) -> Iterator[Finding]:
    """One finding for what several checks and machines say alike."""
    told: dict[tuple[str, str], set[str]] = {}
    for item in failing:
        told.setdefault((item.group, item.says), set()).add(item.machine)
    for (group, says), members in told.items():
        where = ", ".join(sorted(members))
        yield Finding("failing_check", app, f"{app} {group}", f"{says} ({where}).", remedy=_CHECK_REMEDY)


_CHECK_REMEDY = "Its machines get no request as long as it fails: mend the app, or ask a path that exists."


def _ends(app: str, machines: Sequence[Machine], exits: Sequence[Exit], now: float) -> Iterator[Finding]:
    """How processes ended."""
    for machine in machines:
        own = [item for item in exits if item.machine == machine.id]
        if is_crash_looping(machine):
            says = f"the machine is in a crash loop; its last exit code was {own[-1].code if own else 'not told'}."
            yield Finding("crash_loop", app, label(app, machine), says, remedy="Read its log from the last start on.")
        before = [item for item in own if item.at < launched_at(machine)]
        if before:
            says = (
                f"ended by itself {_times(len(before))} before it was replaced, last with exit code {before[-1].code}; "
                f"what runs now has run for {spoken_duration(max(0.0, now - launched_at(machine)))}."
            )
            yield Finding("ended_before", app, label(app, machine), says, "warn")
        killed = [item for item in own if item.oom and item not in before]
        if killed:
            says = (
                f"killed for lack of memory {_times(len(killed))} (exit code {KILLED}), last "
                f"{spoken_duration(max(0.0, now - killed[-1].at))} ago; it has {killed[-1].memory_mb} MB."
            )
            yield Finding("oom", app, label(app, machine), says, remedy="Give the process group more memory.")
        others = [item for item in own if not item.oom and item not in before]
        if others and not is_crash_looping(machine):
            says = (
                f"ended by itself {_times(len(others))}, last with exit code {others[-1].code} "
                f"{spoken_duration(max(0.0, now - others[-1].at))} ago."
            )
            yield Finding("bad_exit", app, label(app, machine), says, remedy="Read its log before that time.")


def _states(app: str, machines: Sequence[Machine], now: float) -> Iterator[Finding]:
    """Machines that are not where they should be."""
    for machine in machines:
        named = label(app, machine)
        if not is_reachable(machine):
            says = f"its host is {machine.host_status}; what is known of it may be old."
            yield Finding(
                "host_down", app, named, says, remedy="See Fly's status page; run a second machine elsewhere."
            )
        elif is_stuck(machine, now):
            says = f"it has been {machine.state} for {spoken_duration(now - (machine.updated_at or now))}."
            yield Finding("stuck", app, named, says, remedy="Restart it; if that hangs too, replace it.")
        elif machine.state == "failed":
            yield Finding("failed", app, named, "it could not be made.", remedy="Destroy it and make another.")
        elif machine.state == "stopped":
            yield from _stopped(app, machine, now)
        if machine.cordoned:
            says = "it is cordoned: it runs, costs and serves nothing."
            yield Finding("cordoned", app, named, says, remedy="Uncordon it if no deploy is under way.")


def _stopped(app: str, machine: Machine, now: float) -> Iterator[Finding]:
    """A machine that gave up, or that nothing stops by itself; one whose autostop did it rests."""
    named = label(app, machine)
    last = next(iter(crashes_since(machine, 0)), None)
    newest = next((event for event in machine.events if event.exit is not None), None)
    if last is not None and newest is not None and last[0].at == newest.at:
        code, ago = last[1].guest_exit_code or last[1].exit_code, spoken_duration(max(0.0, now - newest.at))
        says = f"it is stopped: its process ended with exit code {code} {ago} ago and is not restarted any more."
        yield Finding("stopped", app, named, says, remedy="Read its log before that time; mend it, then start it.")
    elif not _may_rest(machine.known_config) and not is_standby(machine):
        says = "it is stopped, and nothing in its configuration would stop it: its process ended or somebody did."
        yield Finding("stopped", app, named, says, remedy="Start it, or remove it.")


def _may_rest(config: MachineConfig) -> bool:
    """Whether a stopped machine is as it should be: the proxy may stop it, a schedule starts it, or it is done."""
    stops = any(service.autostop != "off" for service in config.services)
    return stops or bool(config.schedule) or config.auto_destroy or config.restart.policy == "no"


def _images(app: str, machines: Sequence[Machine]) -> Iterator[Finding]:
    """All machines of an app run one image; more than one is a deploy that did not end."""
    by_digest = Counter(machine.image_ref.digest for machine in machines if machine.image_ref is not None)
    if len(by_digest) > 1:
        shares = ", ".join(f"{spoken_count(count)} {digest[:19]}…" for digest, count in by_digest.most_common())
        says = f"its machines run {len(by_digest)} different images: {shares}."
        yield Finding("two_images", app, app, says, remedy="A deploy did not end: finish it or roll it back.")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"

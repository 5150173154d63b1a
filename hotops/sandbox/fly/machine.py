"""One machine as data: its versions, its runs, its events, its lease and what is scheduled for it."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from hotops.sandbox.fly.images import Resolved

PERSISTENT = frozenset({"created", "started", "stopped", "suspended", "failed", "destroyed"})


@dataclass
class Incarnation:
    """One version of a machine: its config (`asked` as it was asked for), the image meant then, the secrets given."""

    instance_id: str
    config: dict[str, Any]
    image: Resolved
    given: dict[str, str] = field(repr=False)
    created_at: float
    asked: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        # The live config takes metadata written later; what was asked for then does not.
        self.asked = copy.deepcopy(self.config)

    @property
    def fault(self) -> str:
        """The fault this version shows, "good" if none."""
        return self.image.content.behaviour.where(self.given)

    @property
    def is_command(self) -> bool:
        """Whether it runs a release command, and not what the image serves (flyctl sets the variable)."""
        return bool((self.config.get("env") or {}).get("RELEASE_COMMAND"))

    @property
    def env(self) -> dict[str, str]:
        """Environment of the process: secrets override the env of the same name (Fly docs, secrets)."""
        return {**(self.config.get("env") or {}), **self.given}


@dataclass
class Exit:
    """How a process ended; `requested` where the platform was told to stop it."""

    code: int
    oom_killed: bool = False
    requested: bool = False
    restarting: bool = False
    signal: int = -1


@dataclass
class Run:
    """One life of the process, from start to exit (unix seconds); `database` records connection outcomes over time."""

    incarnation: Incarnation
    started_at: float
    ended_at: float | None = None
    exit: Exit | None = None
    database: list[tuple[float, str | None]] = field(default_factory=list)

    def covers(self, at: float) -> bool:
        """Whether the process ran at this time."""
        return self.started_at <= at and (self.ended_at is None or at < self.ended_at)

    def database_error_at(self, at: float) -> str | None:
        """The error class of the last connection attempt before `at`, None where it worked or was not tried."""
        known = [error for tried_at, error in self.database if tried_at <= at]
        return known[-1] if known else None


@dataclass
class Event:
    """One machine event (Machines API, MachineEvent); `at` in unix seconds."""

    id: str
    type: str
    status: str
    source: str
    at: float
    request: dict[str, Any] | None = None

    def shown(self) -> dict[str, Any]:
        """The event as the API lists it, with its timestamp in milliseconds."""
        return {
            "id": self.id,
            "type": self.type,
            "status": self.status,
            "source": self.source,
            "timestamp": int(self.at * 1000),
            "request": self.request,
        }


@dataclass
class Planned:
    """Something the platform will do to a machine at a time: enter a state, end or open a run, write an event."""

    at: float
    state: str | None = None
    event: tuple[str, str, str] | None = None
    opens_run: bool = False
    exit: Exit | None = None


@dataclass
class Lease:
    """A lease: whoever sends the nonce may change the machine until `expires_at` (unix seconds)."""

    nonce: str
    expires_at: float
    owner: str
    description: str
    version: str


@dataclass
class CheckSeen:
    """The last evaluation of one check: which one it was, its outcome, and when the status last changed."""

    turn: tuple[float, int]
    status: str
    output: str
    changed_at: float


@dataclass
class Machine:
    """A machine. `state` holds for the time of the last `lifecycle.advance`; nothing else moves it."""

    id: str
    name: str
    app_name: str
    region: str
    private_ip: str
    created_at: float
    updated_at: float
    versions: list[Incarnation]
    state: str = "created"
    agenda: list[Planned] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    lease: Lease | None = None
    cordoned: bool = False
    routing: list[tuple[float, bool]] = field(default_factory=list)
    restart_count: int = 0
    requests: int = 0
    checks: dict[str, CheckSeen] = field(default_factory=dict)
    host_status: str = "ok"
    visible_at: float = 0.0
    lost: bool = False
    destroyed_at: float | None = None
    metadata_version: int = 0

    @property
    def current(self) -> Incarnation:
        return self.versions[-1]

    @property
    def config(self) -> dict[str, Any]:
        return self.current.config

    @property
    def run(self) -> Run | None:
        """The process that runs now, if any."""
        last = self.runs[-1] if self.runs else None
        return last if last is not None and last.ended_at is None else None

    @property
    def group(self) -> str:
        """The process group, from the metadata flyctl writes."""
        metadata = self.config.get("metadata") or {}
        return str(metadata.get("fly_process_group") or metadata.get("process_group") or "app")

    def run_at(self, at: float) -> Run | None:
        """The process that ran at a time, if any."""
        return next((run for run in reversed(self.runs) if run.covers(at)), None)

    def cordoned_for_proxy(self, at: float) -> bool:
        """Whether the proxy leaves the machine out at a time; it learns of a cordon late."""
        known = [cordoned for effective_at, cordoned in self.routing if effective_at <= at]
        return known[-1] if known else False

    def service_checks(self) -> list[dict[str, Any]]:
        """Every service's checks."""
        return [check for service in self.config.get("services") or [] for check in service.get("checks") or []]

    def health_paths(self) -> set[str]:
        """Every path that a check of this machine asks for."""
        top = list((self.config.get("checks") or {}).values())
        return {check.get("path") or "/" for check in [*top, *self.service_checks()] if check.get("type") == "http"}

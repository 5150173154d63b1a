"""What an app's log tells: answers, crashes, out-of-memory kills, and the same error said a hundred times as one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from importlib.resources import files
from typing import Any, Protocol

from hotops.core.clock import rfc3339
from hotops.health.finding import Finding, Severity
from hotops.health.foreign import masked, safe

#: The lines of one death (kernel, init, runner) come within this time; what comes later is another one.
SAME_INCIDENT_S = 5.0
MOST_SIGNATURES = 20
#: Kinds that are broken; the others are worth knowing.
_BAD = frozenset({"oom", "crash", "restart_limit", "not_listening", "missing_module", "missing_env"})
_LOUD = frozenset({"error", "fatal", "critical"})


class Line(Protocol):
    """What is read of a log line (hotops.fly.models.LogLine has it); `at` in unix seconds."""

    @property
    def at(self) -> float: ...
    @property
    def message(self) -> str: ...
    @property
    def level(self) -> str: ...
    @property
    def instance(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def status(self) -> int | None: ...


@dataclass(frozen=True)
class Signature:
    """Lines that say the same: `text` without what varies, an example without secrets, when (unix seconds)."""

    kind: str
    text: str
    count: int
    first_at: float
    last_at: float
    example: str
    says: str = ""

    def as_row(self) -> dict[str, Any]:
        """The signature as plain data."""
        return {
            "kind": self.kind,
            "text": self.text,
            "count": self.count,
            "first_at": rfc3339(self.first_at),
            "last_at": rfc3339(self.last_at),
            "example": self.example,
            "says": self.says,
        }


@dataclass(frozen=True)
class LogFindings:
    """What was found in `lines` lines between `from_at` and `to_at` (unix seconds; None without lines).

    `requests` counts logged answers and `share` how many of them were 5xx, 0 to 1. Fly's proxy logs failures only, so
    the share means something only where successes are logged too (`share_is_known`). `incidents` counts each kind, the
    lines of one incident once; crashes, ooms, restarts are the most asked ones. `ports` and `paths` are those named by
    lines of the kinds not_listening and no_route.
    """

    lines: int = 0
    requests: int = 0
    errors_5xx: int = 0
    share_is_known: bool = False
    incidents: Mapping[str, int] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    signatures: tuple[Signature, ...] = ()
    from_at: float | None = None
    to_at: float | None = None

    @property
    def share(self) -> float:
        return self.errors_5xx / self.requests if self.requests else 0.0

    @property
    def crashes(self) -> int:
        return self.incidents.get("crash", 0) + self.incidents.get("restart_limit", 0)

    @property
    def ooms(self) -> int:
        return self.incidents.get("oom", 0)

    @property
    def not_listening(self) -> int:
        return self.incidents.get("not_listening", 0)

    @property
    def restarts(self) -> int:
        return self.incidents.get("restart", 0)

    @property
    def exceptions(self) -> int:
        return self.incidents.get("exception", 0)

    def as_row(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "lines": self.lines,
            "requests": self.requests,
            "errors_5xx": self.errors_5xx,
            "share": round(self.share, 4),
            "share_is_known": self.share_is_known,
            "crashes": self.crashes,
            "ooms": self.ooms,
            "not_listening": self.not_listening,
            "restarts": self.restarts,
            "incidents": dict(self.incidents),
            "ports": list(self.ports),
            "paths": list(self.paths),
            "signatures": [signature.as_row() for signature in self.signatures],
            "from_at": None if self.from_at is None else rfc3339(self.from_at),
            "to_at": None if self.to_at is None else rfc3339(self.to_at),
        }


@dataclass(frozen=True)
class Cause:
    """One entry of log_causes.json: what a line that matches means."""

    kind: str
    pattern: re.Pattern[str]
    says: str
    remedy: str


@dataclass(frozen=True)
class _Table:
    causes: tuple[Cause, ...]
    requests: tuple[re.Pattern[str], ...]
    kinds: Mapping[str, str]


@lru_cache(maxsize=1)
def _table() -> _Table:
    data = json.loads((files("hotops.health") / "log_causes.json").read_text(encoding="utf-8"))
    causes = tuple(
        Cause(item["kind"], re.compile(item["pattern"]), item["says"], item["remedy"]) for item in data["causes"]
    )
    return _Table(causes, tuple(re.compile(item["pattern"]) for item in data["requests"]), data["kinds"])


def classify(message: str) -> tuple[Cause, Mapping[str, str]] | None:
    """The cause of a line and what its pattern found (port, path, code …); None for a line that means nothing bad."""
    text = _COLOUR.sub("", message)[:_LONGEST_LINE]
    for cause in _table().causes:
        found = cause.pattern.search(text)
        if found:
            return cause, {name: safe(value or "") for name, value in found.groupdict().items()}
    return None


def answered_status(line: Line) -> int | None:
    """The HTTP status an app's own access log line tells, or None."""
    found = access_of(line)
    return found[0] if found else None


def access_of(line: Line) -> tuple[int, str] | None:
    """Status and path that an app's own access log line tells (an empty path where it names none), or None."""
    for pattern in _table().requests:
        found = pattern.search(line.message[:_LONGEST_LINE])
        if found:
            return int(found["status"]), found.groupdict().get("path") or ""
    return None


def scan(lines: Iterable[Line]) -> LogFindings:
    """Read lines, in any order, once; memory does not grow with their number."""
    scanner = _Scanner()
    for line in lines:
        scanner.take(line)
    return scanner.findings()


def normalise(message: str) -> str:
    """The line without what differs each time it is said: times, numbers, ids, addresses, colours; and secrets."""
    text = masked(_COLOUR.sub("", message)[:_LONGEST_LINE])
    for pattern, stands_for in _VARIABLE:
        text = pattern.sub(stands_for, text)
    return safe(text, 160)


def findings(app: str, found: LogFindings) -> list[Finding]:
    """One finding for each kind of incident, with its newest example; restarts are left to the machines' events."""
    result: list[Finding] = []
    kinds = _table().kinds
    for kind, count in found.incidents.items():
        # A stack trace beside a crash tells its cause, not another incident.
        if kind == "restart" or (kind == "exception" and found.crashes):
            continue
        newest = max(
            (item for item in found.signatures if item.kind == kind), key=lambda item: item.last_at, default=None
        )
        says = f"the log shows {kinds[kind]}, {count} times" if count > 1 else f"the log shows: {kinds[kind]}"
        remedy = ""
        if newest is not None:
            cause = classify(newest.example)
            remedy = cause[0].remedy if cause else ""
            says += f" ({newest.says})" if newest.says else ""
        severity: Severity = "bad" if kind in _BAD else "warn"
        result.append(Finding(f"log_{kind}", app, app, f"{says}.", severity, remedy))
    if found.errors_5xx and found.share_is_known:
        says = f"{found.errors_5xx} of {found.requests} logged answers were 5xx ({found.share:.1%})."
        result.append(Finding("log_5xx", app, app, says, "bad" if found.share > _MANY_5XX else "warn"))
    return result


#: Above one in a hundred a share of 5xx answers is an alarm (the default of the inventory's `watch.error_share`).
_MANY_5XX = 0.01
_LONGEST_LINE = 4000
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_VARIABLE: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\d{4}[-/]\d\d[-/]\d\d[T ]?(?:\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\b\d\d:\d\d:\d\d(?:[.,]\d+)?\b"), "<time>"),
    (re.compile(r"(?i)\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b"), "<id>"),
    (re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"), "<address>"),
    (re.compile(r"(?i)\[?\b[0-9a-f]{1,4}(?::[0-9a-f]{0,4}){3,7}\]?(?::\d+)?"), "<address>"),
    (re.compile(r"(?i)\b0x[0-9a-f]+\b|\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,}\b"), "<id>"),
    (re.compile(r"(?<![A-Za-z])\d+(?:\.\d+)*(?=ms|s|kB|MB|%|\b)"), "<n>"),
)


@dataclass
class _Said:
    """A signature while it is being counted."""

    kind: str
    says: str
    count: int
    first_at: float
    last_at: float
    example: str


class _Scanner:
    """One pass over a log: counts, and the first line of each incident."""

    def __init__(self) -> None:
        self._lines = 0
        self._times: list[float] = []
        self._proxy: Counter[str] = Counter()
        self._app: Counter[str] = Counter()
        self._incidents: Counter[str] = Counter()
        self._open_since: dict[tuple[str, str], float] = {}
        self._ports: dict[int, None] = {}
        self._paths: dict[str, None] = {}
        self._said: dict[tuple[str, str], _Said] = {}

    def take(self, line: Line) -> None:
        self._lines += 1
        self._times = [min([*self._times[:1], line.at]), max([*self._times[1:], line.at])]
        self._count_answer(line)
        known = classify(line.message)
        if known is not None:
            self._count_incident(line, *known)
        elif line.level.lower() in _LOUD or (line.status or 0) >= 500:
            self._say(line, "error", "")

    def _count_answer(self, line: Line) -> None:
        status = line.status
        counter = self._proxy
        if status is None:
            status, counter = answered_status(line), self._app
        if status is not None:
            counter["failed" if status >= 500 else "served"] += 1

    def _count_incident(self, line: Line, cause: Cause, found: Mapping[str, str]) -> None:
        key = (cause.kind, line.instance)
        since = self._open_since.get(key)
        if since is None or abs(line.at - since) > SAME_INCIDENT_S:
            self._open_since[key] = line.at
            self._incidents[cause.kind] += 1
        if cause.kind == "not_listening" and found.get("port"):
            self._ports[int(found["port"])] = None
        if cause.kind == "no_route" and found.get("path"):
            self._paths[found["path"]] = None
        self._say(line, cause.kind, cause.says.format_map({**found}))

    def _say(self, line: Line, kind: str, says: str) -> None:
        key = (kind, normalise(line.message))
        said = self._said.get(key)
        if said is None:
            # Ten times what is shown: the rare ones are known by name, and memory has an end.
            if len(self._said) < MOST_SIGNATURES * 10:
                self._said[key] = _Said(kind, says, 1, line.at, line.at, safe(line.message))
            return
        said.count += 1
        said.first_at = min(said.first_at, line.at)
        if line.at >= said.last_at:
            said.last_at, said.example, said.says = line.at, safe(line.message), says

    def findings(self) -> LogFindings:
        # Proxy and app may both log an answer; the one that logs more is the one that logs all.
        answers = max(self._proxy, self._app, key=lambda counter: counter["served"] + counter["failed"])
        shown = sorted(self._said.items(), key=lambda item: (item[1].kind == "error", -item[1].count))
        return LogFindings(
            lines=self._lines,
            requests=answers["served"] + answers["failed"],
            errors_5xx=max(self._proxy["failed"], self._app["failed"]),
            share_is_known=answers["served"] > 0,
            incidents=dict(self._incidents),
            ports=tuple(self._ports),
            paths=tuple(self._paths),
            signatures=tuple(
                Signature(said.kind, text, said.count, said.first_at, said.last_at, said.example, said.says)
                for (_, text), said in shown[:MOST_SIGNATURES]
            ),
            from_at=self._times[0] if self._times else None,
            to_at=self._times[1] if self._times else None,
        )

"""One app looked at from all sides: its machines, its answers, its log and its certificate, and what explains what."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar
from urllib.parse import urlsplit

from hotops.core.context import Context
from hotops.core.errors import ApiError, Forbidden, NotFound, Unauthorized, WireError
from hotops.fly import Fly
from hotops.fly.models import LogLine, Machine
from hotops.fly.secrets import deployed_state
from hotops.fly.states import is_managed, is_started, launched_at
from hotops.health import logs
from hotops.health.finding import Finding, worst_first
from hotops.health.inside import Inside, ask_inside, port_of
from hotops.health.logs import LogFindings, scan
from hotops.health.machines import FailingCheck, MachineHealth, examine
from hotops.health.probe import HttpCheck, Prober, ProbeResult
from hotops.health.routes import is_public
from hotops.health.target import ANSWERS, Target
from hotops.health.tls import WARN_DAYS, TlsInfo, inspect

State = Literal["ok", "warn", "unknown", "bad"]
T = TypeVar("T")

#: Findings that a value which never reached the machines can explain.
_MAY_LACK_SECRETS = frozenset({"crash_loop", "bad_exit", "stopped", "failing_check", "log_missing_env", "down"})


@dataclass(frozen=True)
class AppHealth:
    """What was seen of an app; None is what could not be read, which `findings` then says."""

    target: Target
    machines: MachineHealth | None = None
    probes: tuple[ProbeResult, ...] = ()
    #: `/`, asked where a health check was answered badly: is it one path or all of them?
    root: ProbeResult | None = None
    log: LogFindings | None = None
    tls: TlsInfo | None = None
    inside: tuple[Inside, ...] = ()
    staged: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = field(default=())

    @property
    def state(self) -> State:
        """The worst of its findings."""
        severities = {finding.severity for finding in self.findings}
        for state in ("bad", "unknown", "warn"):
            if state in severities:
                return state
        return "ok"

    def as_row(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "app": self.target.app,
            "host": self.target.host,
            "url": self.target.url,
            "state": self.state,
            "machines": self.machines.as_row() if self.machines else None,
            "probes": [probe.as_row() for probe in self.probes],
            "root": self.root.as_row() if self.root else None,
            "log": self.log.as_row() if self.log else None,
            "tls": self.tls.as_row() if self.tls else None,
            "inside": [answer.as_row() for answer in self.inside],
            "staged_secrets": list(self.staged),
        }


def look(
    context: Context, target: Target, *, since: float, tls_warn_days: int = WARN_DAYS, wake: bool = False
) -> AppHealth:
    """Look at one app. Raises TokenMissing; what a cloud refuses is a finding of severity unknown.

    An app none of whose machines runs is asked only with `wake`: Fly's proxy starts a sleeping machine for a request.

    Two calls of Fly's API (machines, the newest page of the log), one request for each health check, one TLS handshake.
    An answer over budget is asked once more, since the first may have started a machine. An app that is not well costs
    up to two calls more (secrets, releases: is a value only staged?), a request of `/`, and, where allowed, execs.
    """
    fly = context.client(Fly)
    unread: list[Finding] = []
    listed = _read(lambda: fly.machines.list(target.app), target, "machines", unread)
    machines = tuple(listed or ())
    health = None
    if listed is not None:
        health = examine(
            target.app,
            machines,
            now=context.clock.now(),
            since=since,
            floor_mb=target.floor_mb,
            groups=target.groups,
            budget_ms=target.budget_ms,
        )
    # An unknown app has no log either: one refusal says it all.
    lines = _read(lambda: fly.logs.newest(target.app), target, "log", unread) if listed is not None else None
    log = scan(_of_now(lines, machines, since)) if lines is not None else None
    asleep = listed is not None and not any(machine.state in _AWAKE for machine in machines)
    known = listed is not None or target.declared is not None
    checks = target.checks(machines) if known and (wake or not asleep) else []
    probes = context.client(Prober).patient(checks)
    root = _root(context, checks, probes)
    tls = _tls(context, target, machines, known=listed is not None)
    failing = health.failing_checks if health else ()
    inside = _inside(context, target, machines, failing)
    found = [
        *unread,
        *_answers(target, probes, root, health, inside),
        *(health.findings if health else ()),
        *(logs.findings(target.app, log) if log else ()),
    ]
    seen = {item.kind for item in found}
    found = [
        *(item for item in found if not seen & _SAID_BETTER.get(item.kind, frozenset())),
        *_certificate(target, tls, probes, tls_warn_days),
    ]
    staged = _staged(fly, target, machines, unread) if {item.kind for item in found} & _MAY_LACK_SECRETS else ()
    if staged:
        says = f"staged and on no machine yet, or not on all: {', '.join(staged)}. A restart does not apply them."
        found.append(Finding("staged_secrets", target.app, target.app, says, remedy="fly secrets deploy, or a deploy."))
    return AppHealth(
        target=target,
        machines=health,
        probes=tuple(probes),
        root=root,
        log=log,
        tls=tls,
        inside=inside,
        staged=staged,
        findings=tuple(worst_first(found)),
    )


def _of_now(lines: Iterable[LogLine], machines: Sequence[Machine], since: float) -> Iterator[LogLine]:
    """The lines about what runs: not of before a machine was replaced, nor, the proxy's, of before the last one was."""
    launched = {machine.id: launched_at(machine) for machine in machines}
    newest = max(launched.values(), default=0.0)
    return (line for line in lines if line.at >= max(since, launched.get(line.instance or "", newest)))


def _read(read: Callable[[], T], target: Target, what: str, unread: list[Finding]) -> T | None:
    """A reading, or None and a finding that tells a refused one from an absent and from a broken one."""
    try:
        return read()
    except (ApiError, WireError) as error:
        kind = next((name for refusal, name in _REFUSALS.items() if isinstance(error, refusal)), "unread")
        says = f"its {what} can't be read: {error.message}"
        unread.append(Finding(kind, target.app, target.app, says, "unknown", error.remedy))
        return None


#: States of a machine that a request does not have to start.
_AWAKE = frozenset({"started", "starting", "restarting", "updating", "replacing"})
#: What only the log says is left out where the machines or the answers say it better.
_SAID_BETTER: Mapping[str, frozenset[str]] = {
    "log_oom": frozenset({"oom"}),
    "log_crash": frozenset({"crash_loop", "bad_exit", "stopped", "oom"}),
    "log_restart_limit": frozenset({"stopped"}),
    "log_failing_check": frozenset({"failing_check"}),
    "log_no_route": frozenset({"failing_check"}),
    "log_no_candidate": frozenset({"down", "suspended", "no_machines"}),
    "log_5xx": frozenset({"down", "suspended"}),
}
_REFUSALS: Mapping[type[Exception], str] = {
    Unauthorized: "unauthorized",
    Forbidden: "forbidden",
    NotFound: "no_such_app",
}


def _root(context: Context, checks: Sequence[HttpCheck], probes: Sequence[ProbeResult]) -> ProbeResult | None:
    """`/`, where another path was answered badly."""
    failed = [check for check, probe in zip(checks, probes, strict=True) if probe.status is not None and not probe.ok]
    if not failed or any(urlsplit(check.url).path in ("", "/") for check in checks):
        return None
    parts = urlsplit(failed[0].url)
    return context.client(Prober).probe(HttpCheck(url=f"{parts.scheme}://{parts.netloc}/", status=ANSWERS))


def _tls(context: Context, target: Target, machines: Sequence[Machine], *, known: bool) -> TlsInfo | None:
    parts = urlsplit(target.url)
    if parts.scheme != "https" or not parts.hostname or (not is_public(machines) if known else target.declared is None):
        return None
    return inspect(context, parts.hostname, parts.port or 443)


def _inside(
    context: Context, target: Target, machines: Sequence[Machine], failing: Sequence[FailingCheck]
) -> tuple[Inside, ...]:
    """Each failing path, and `/` beside it, asked inside one machine that fails it."""
    if not target.may_exec or context.check:
        return ()
    by_id = {machine.id: machine for machine in machines if is_started(machine)}
    first = {check.path: check for check in reversed(failing) if check.path and check.machine in by_id}
    fly = context.client(Fly)
    answers: dict[tuple[str, str], Inside] = {}
    for path, check in first.items():
        for asked in (path or "/", "/"):
            port = check.port or port_of(machines, asked)
            if (check.machine, asked) not in answers:
                answers[check.machine, asked] = ask_inside(fly, target.app, by_id[check.machine], port, asked)
    return tuple(answers.values())


def _staged(fly: Fly, target: Target, machines: Sequence[Machine], unread: list[Finding]) -> tuple[str, ...]:
    """Names of secrets that not all machines were given."""
    managed = [machine for machine in machines if is_managed(machine)]
    if not managed:
        return ()
    states = _read(
        lambda: deployed_state(fly.secrets.list(target.app), managed, fly.releases.list(target.app)),
        target,
        "secrets",
        unread,
    )
    return tuple(sorted(name for name, state in (states or {}).items() if state in ("staged", "partial")))


def _answers(
    target: Target,
    probes: Sequence[ProbeResult],
    root: ProbeResult | None,
    health: MachineHealth | None,
    inside: Sequence[Inside],
) -> list[Finding]:
    """What the requests say, and beside a bad answer what explains it."""
    found = []
    for probe in probes:
        if probe.ok and not probe.over_budget:
            continue
        kind = probe.error_code or ("slow" if probe.ok else "wrong_body" if probe.status_ok else "down")
        says, remedy = probe.says, _REMEDIES.get(kind, "")
        if kind == "down":
            says += _one_or_all(root) + _why(health, inside)
            remedy = _WRONG_PATH if _asks_a_wrong_path(inside) else remedy
        found.append(Finding(kind, target.app, target.app, says, remedy=remedy))
    return found


_REMEDIES: Mapping[str, str] = {
    "unresolved": "Correct the URL, or make the DNS record.",
    "slow": "Look at cold starts, the database and the machine's CPU.",
    "unreachable": "Look at the app's IP addresses and services.",
}
_WRONG_PATH = "The app works: point its check to a path that exists."
#: Findings on machines that say why nothing answers, in words.
_REASONS: Mapping[str, str] = {
    "no_machines": "it has no machines",
    "suspended": "it is suspended",
    "crash_loop": "its process ends again and again",
    "oom": "it is killed for lack of memory",
    "bad_exit": "its process ended",
    "failed": "a machine could not be made",
    "stopped": "a machine is stopped",
    "cordoned": "a machine is cordoned",
    "host_down": "a host is down",
}


def _one_or_all(root: ProbeResult | None) -> str:
    if root is None:
        return ""
    answered = root.status if root.status is not None else root.error_code
    return f" It is that path only: / answers {answered}." if root.ok else f" / answers {answered} too."


def _asks_a_wrong_path(inside: Sequence[Inside]) -> bool:
    """Whether, inside a machine, the check's path is not there and `/` is."""
    status = {answer.path: answer.status or 0 for answer in inside}
    return 404 in status.values() and 200 <= status.get("/", 0) < 400


def _why(health: MachineHealth | None, inside: Sequence[Inside]) -> str:
    """What the machines know about a bad answer: failing checks take machines out of rotation, so every path fails."""
    if health is None:
        return ""
    checks = dict.fromkeys(check.says for check in health.failing_checks)
    kinds = {finding.kind for finding in health.findings}
    reasons = [*checks, *(words for kind, words in _REASONS.items() if kind in kinds)]
    if not reasons:
        return " Its machines are started and pass their checks."
    told = f" Why: {'; '.join(reasons)} ({health.passing} of {health.count} machines are well)."
    return f"{told} Inside: {', '.join(answer.says for answer in inside)}." if inside else told


def _certificate(target: Target, tls: TlsInfo | None, probes: Sequence[ProbeResult], warn_days: int) -> list[Finding]:
    if tls is None or tls.error_code == "not_asked":
        return []
    if tls.error_code is not None:
        # The requests have said already that nobody is there.
        silent = {"unresolved", "unreachable", "timeout"}
        if tls.error_code in silent and any(probe.error_code in silent for probe in probes):
            return []
        return [Finding(f"tls_{tls.error_code}", target.app, tls.host, tls.says, remedy="Mend the certificate or DNS.")]
    if tls.days_left is not None and tls.days_left < warn_days:
        says = f"{tls.says} It should have been renewed {warn_days} days before."
        return [
            Finding("certificate", target.app, tls.host, says, remedy=f"fly certs check {tls.host} -a {target.app}")
        ]
    return []

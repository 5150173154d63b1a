"""From what was seen of one app to the most likely cause, in one sentence, and the next command. No I/O."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from hotops.core.clock import spoken_duration
from hotops.fly.models import AppSecret, Release
from hotops.health.app import AppHealth
from hotops.health.logs import Signature
from hotops.look.app_seen import AppSeen
from hotops.look.dsn_in_use import DSN_NAMES, PART_NAMES, DsnInUse
from hotops.look.log_news import LogNews

Kind = Literal[
    "well",
    "unknown",
    "no_machines",
    "suspended",
    "missing_secret",
    "wrong_path",
    "database_refuses",
    "out_of_memory",
    "process_ends",
    "not_listening",
    "check_fails",
    "errors",
    "other",
]
#: What a check's output, a body or a log line holds where the app can't reach its database.
DATABASE = re.compile(
    r"(?i)database|postgres|\bpg\b|tenant|ENOTFOUND|P100\d|sqlstate|EMAXCONN|max ?clients|could not translate host name"
)
_NOT_FOUND = re.compile(r"\b404\b")
#: A change this long before the trouble is not its cause by being the newest.
RECENT_S = 86_400.0


@dataclass(frozen=True)
class Culprit:
    """The newest change that could have done it: a release, or secrets that were written."""

    what: Literal["release", "secrets"]
    at: float
    says: str


@dataclass(frozen=True)
class Cause:
    """The cause in one sentence, and the next command."""

    kind: Kind
    says: str
    step: str


def newest_releases(seen: AppSeen) -> tuple[Release | None, Release | None]:
    """The newest release, and the one before it that was complete."""
    ordered = sorted(seen.releases.value or (), key=lambda release: -release.version)
    newest = ordered[0] if ordered else None
    return newest, next((release for release in ordered[1:] if release.is_complete), None)


def changed_secrets(seen: AppSeen) -> list[AppSecret]:
    """Secrets written since the last release with another image, newest first: a deploy of the same image, as flyctl
    makes one for a secret, brings nothing else.
    """
    newest, before = newest_releases(seen)
    same = newest is not None and before is not None and _image(newest) == _image(before)
    began = (before if same else newest) if newest else None
    since = began.created_at if began is not None and began.created_at is not None else None
    found = [
        s for s in seen.secrets.value or () if s.updated_at is not None and since is not None and s.updated_at > since
    ]
    return sorted(found, key=lambda secret: -(secret.updated_at or 0))


def culprit_of(seen: AppSeen, now: float) -> Culprit | None:
    """What changed last, within a day: secrets where they are newer than the image, else the release."""
    newest, _ = newest_releases(seen)
    secrets = changed_secrets(seen)
    if secrets and secrets[0].updated_at is not None and now - secrets[0].updated_at < RECENT_S:
        names = ", ".join(secret.name for secret in secrets[:4])
        ago = spoken_duration(now - secrets[0].updated_at)
        return Culprit("secrets", secrets[0].updated_at, f"{names} written {ago} ago")
    if newest is not None and newest.created_at is not None and now - newest.created_at < RECENT_S:
        ago = spoken_duration(max(0.0, now - newest.created_at))
        return Culprit("release", newest.created_at, f"release v{newest.version} {ago} ago")
    return None


@dataclass(frozen=True)
class Case:
    """All that is known of one app when its cause is looked for."""

    environment: str
    seen: AppSeen
    health: AppHealth
    news: LogNews | None
    dsns: Sequence[DsnInUse]
    now: float

    @property
    def kinds(self) -> set[str]:
        return {finding.kind for finding in (*self.seen.findings, *self.health.findings)}

    @property
    def culprit(self) -> Culprit | None:
        return culprit_of(self.seen, self.now)

    @property
    def since(self) -> str:
        """What changed last, as the end of a sentence about the cause."""
        return f" Newest change: {self.culprit.says}." if self.culprit else ""

    @property
    def staged(self) -> tuple[str, ...]:
        return self.seen.staged or self.health.staged

    def undo(self, otherwise: str) -> str:
        """The way back where a release did it and there is one, else another command."""
        by_release = self.culprit is not None and self.culprit.what == "release"
        back = f"hotops rollback {self.environment} {self.seen.app.host}"
        return back if by_release and self.seen.way_back.is_known else otherwise

    def signatures(self) -> list[Signature]:
        """Lines of the log, those that are new first."""
        return [*(self.news.new if self.news else ()), *(self.health.log.signatures if self.health.log else ())]

    def said(self, kind: str) -> str:
        """What a line of this kind says, "" where the log has none."""
        return next((item.says or item.example for item in self.signatures() if item.kind == kind), "")


def cause_of(case: Case) -> Cause:
    """The most likely cause: the first rule that fits. What is certain comes first; "other" says that none fits."""
    for rule in _RULES:
        found = rule(case)
        if found is not None:
            return found
    bad = [finding for finding in (*case.seen.findings, *case.health.findings) if finding.is_failure]
    if bad:
        return Cause("other", f"{bad[0].says}{case.since}", case.undo(_logs(case)))
    return Cause("well", "Nothing is wrong with it now.", f"hotops status {case.environment}")


def _logs(case: Case) -> str:
    return f"fly logs -a {case.seen.name}"


def _unread(case: Case) -> Cause | None:
    if case.seen.machines.is_known:
        return None
    says = f"Its machines can't be read: {case.seen.machines.why_not}"
    return Cause("unknown", says, f"hotops doctor {case.environment}")


def _nothing_runs(case: Case) -> Cause | None:
    if "no_machines" in case.kinds:
        return Cause("no_machines", "It has no machines.", f"fly deploy -a {case.seen.name}")
    if case.seen.health is None or not case.seen.health.all_suspended:
        return None
    first = case.seen.own[0].id if case.seen.own else "MACHINE"
    says = "All its machines are suspended: nothing runs, and nothing is broken."
    return Cause("suspended", says, f"fly machine start {first} -a {case.seen.name}")


def _missing_secret(case: Case) -> Cause | None:
    told = case.said("missing_env")
    if not told:
        if not case.staged or not case.kinds & _ENDED:
            return None
        told = f"its process ends, and values are only staged: {', '.join(case.staged)}"
    name = case.seen.name
    step = f"fly secrets deploy -a {name}" if case.staged else case.undo(f"fly secrets list -a {name}")
    return Cause("missing_secret", f"A setting is missing: {told}.{case.since}", step)


def _wrong_path(case: Case) -> Cause | None:
    """A check that met 404: the path is not there, whatever else is; told apart by `/` where that was asked."""
    health = case.health
    otherwise = f"hotops explain {case.environment} {case.seen.app.host}"
    inside = {answer.path: answer.status for answer in health.inside}
    for check in health.machines.failing_checks if health.machines else ():
        if check.path is None or not (_NOT_FOUND.search(check.output) or inside.get(check.path) == 404):
            continue
        root = inside.get("/") or (health.root.status if health.root else None)
        works = f" The app itself answers {root} on /." if root is not None and root < 400 else ""
        says = f"The check asks {check.path} on port {check.port}, and the app has no such path (404)"
        return Cause(
            "wrong_path", f"{says}: it is not dead, it is out of rotation.{works}{case.since}", case.undo(otherwise)
        )
    asked = next((probe for probe in health.probes if probe.status == 404), None)
    if asked is None or health.root is None or not health.root.ok:
        return None
    says = f"The declared health path answers 404, / answers {health.root.status}: only the path is wrong."
    return Cause("wrong_path", says, otherwise)


def _database_refuses(case: Case) -> Cause | None:
    """What says that the database refuses: a check's output, else the log."""
    checks = case.health.machines.failing_checks if case.health.machines else ()
    told = [check.says for check in checks if DATABASE.search(check.output) and not _NOT_FOUND.match(check.output)]
    told += [
        item.example
        for item in case.signatures()
        if item.kind == "database" or (item.kind == "error" and DATABASE.search(item.text))
    ]
    if not told:
        return None
    written = {secret.name for secret in changed_secrets(case.seen)}
    theirs = case.culprit is not None and case.culprit.what == "secrets" and bool(written & _OF_A_DATABASE)
    blame = " Its connection string changed last." if theirs else ""
    dsn = next((f" In use: {item.name} {item.says}." for item in case.dsns if item.is_known), "")
    check = f"hotops dsn fix {case.environment} {case.seen.app.host}"
    says = f"The app runs and its database refuses it: {told[0]}.{blame}{dsn}{case.since}"
    return Cause("database_refuses", says, check if theirs else case.undo(check))


def _out_of_memory(case: Case) -> Cause | None:
    if "oom" not in case.kinds:
        return None
    step = case.undo(f"hotops memory scale {case.environment} {case.seen.app.host}")
    return Cause("out_of_memory", f"The kernel kills it for lack of memory.{case.since}", step)


def _process_ends(case: Case) -> Cause | None:
    """The most telling new line beside it: a known cause before a plain error."""
    if not case.kinds & _ENDED:
        return None
    found = sorted(case.news.new if case.news else (), key=lambda item: (item.kind in ("error", "crash"), -item.count))
    told = (found[0].says or found[0].example).rstrip(".") if found else "its log tells no reason"
    return Cause("process_ends", f"Its process ends by itself: {told}.{case.since}", case.undo(_logs(case)))


def _not_listening(case: Case) -> Cause | None:
    told = case.said("not_listening")
    if not told:
        return None
    return Cause("not_listening", f"It runs and does not listen: {told}.{case.since}", case.undo(_logs(case)))


def _check_fails(case: Case) -> Cause | None:
    checks = case.health.machines.failing_checks if case.health.machines else ()
    if not checks:
        return None
    return Cause("check_fails", f"It runs, and {checks[0].says}.{case.since}", case.undo(_logs(case)))


def _answers_wrongly(case: Case) -> Cause | None:
    found = [f for f in (*case.seen.findings, *case.health.findings) if f.kind in _WRONG_ANSWERS and f.is_failure]
    if not found:
        return None
    told = found[0].says.rstrip(".")
    return Cause("errors", f"It answers, and too often wrongly: {told}.{case.since}", case.undo(_logs(case)))


_ENDED = frozenset({"crash_loop", "bad_exit", "stopped"})
_WRONG_ANSWERS = ("errors_5xx", "log_5xx", "down")
_OF_A_DATABASE = frozenset({*DSN_NAMES, *PART_NAMES, "POSTGRES_PASSWORD"})
_RULES: tuple[Callable[[Case], Cause | None], ...] = (
    _unread,
    _nothing_runs,
    _missing_secret,
    _wrong_path,
    _database_refuses,
    _out_of_memory,
    _process_ends,
    _not_listening,
    _check_fails,
    _answers_wrongly,
)


def _image(release: Release) -> str:
    """The image of a record, told by its digest where it has one: repositories differ, bytes do not."""
    return release.image_ref.partition("@")[2] or release.image_ref

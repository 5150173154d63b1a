"""One request to a running app, and what came of it."""

from __future__ import annotations

import json
import re
import urllib.parse
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import httpx
from pydantic import AfterValidator, BeforeValidator, Field

from hotops.core.answer import Answer
from hotops.core.errors import WireError
from hotops.core.http import USER_AGENT, Http, Retry
from hotops.core.operation import Spec
from hotops.core.parallel import map_parallel
from hotops.core.secret import scrub
from hotops.core.table import one_line
from hotops.health.bounded import BoundedTransport, stopwatch
from hotops.health.foreign import safe

if TYPE_CHECKING:
    from hotops.core.context import Context

#: So much of a body is read and judged; more is neither needed nor safe to hold.
BODY_LIMIT_BYTES = 256 * 1024
#: Waits longer than this belong to an alert, not to a probe.
DEFAULT_TIMEOUT_MS = 10_000

Method = Literal["GET", "HEAD", "POST", "OPTIONS"]
#: Why no answer came: the name, the certificate, the connection, the time, or an answer that broke off.
ErrorCode = Literal["unresolved", "tls", "unreachable", "timeout", "broken"]
_ERROR_CODES: Mapping[str, ErrorCode] = {
    "unresolved": "unresolved",
    "tls": "tls",
    "unreachable": "unreachable",
    "timeout": "timeout",
    "broken": "broken",
}


def _url(text: str) -> str:
    parts = urllib.parse.urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("is not an absolute http(s) URL")
    if parts.username or parts.password:
        raise ValueError("holds a user name or a password")
    return text


def _statuses(value: Any) -> Any:
    return (value,) if isinstance(value, int | str) else value


def _body(value: Any) -> Any:
    if isinstance(value, str):
        try:
            re.compile(value)
        except re.error as error:
            raise ValueError(f"is not a regular expression: {error}") from error
    elif value is not None and not isinstance(value, Mapping):
        raise ValueError("is neither a regular expression nor a mapping of JSON")
    return value


class HttpCheck(Spec):
    """A request, and what its answer has to be."""

    url: Annotated[str, AfterValidator(_url)] = Field(description="Absolute URL to ask.")
    method: Method = Field("GET", description="HTTP method.")
    status: Annotated[
        tuple[Annotated[int, Field(ge=100, le=599)], ...], BeforeValidator(_statuses), Field(min_length=1)
    ] = Field((200,), description="The wanted HTTP status, or a list of them.")
    body: Annotated[Any, BeforeValidator(_body)] = Field(
        None,
        description="What the body has to be: a regular expression (searched), or a mapping the JSON has to contain.",
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Request headers; no credentials.")
    user_agent: str | None = Field(None, description="User-Agent of the request; hotops' own if omitted.")
    budget_ms: int | None = Field(None, gt=0, description="Longest good answer time, in ms; any if omitted.")
    timeout_ms: int = Field(DEFAULT_TIMEOUT_MS, gt=0, description="Time after which no answer is a failure, in ms.")
    follow: bool = Field(default=False, description="Whether redirects are followed; else a redirect is the answer.")


@dataclass(frozen=True)
class ProbeResult:
    """What came of a check.

    `ok` claims that the answer has a wanted status and body (`status_ok`: the status at least); `over_budget` is told
    apart, since slow is not down.
    `status`, `body_ok` and `took_ms` are None where there is nothing to say (no answer; no body wanted).
    `request_headers` are names only.
    """

    url: str
    ok: bool
    status: int | None
    took_ms: float | None
    body_ok: bool | None
    over_budget: bool
    error_code: ErrorCode | None
    says: str
    user_agent: str
    request_headers: tuple[str, ...] = ()
    status_ok: bool = False

    @property
    def passes(self) -> bool:
        """Whether it answered as declared, within its budget."""
        return self.ok and not self.over_budget

    def as_row(self) -> dict[str, Any]:
        """The result as plain data, for modules, `--json` and evidence."""
        return {
            "url": self.url,
            "ok": self.ok,
            "status": self.status,
            "took_ms": None if self.took_ms is None else round(self.took_ms, 1),
            "body_ok": self.body_ok,
            "over_budget": self.over_budget,
            "error_code": self.error_code,
            "says": self.says,
            "user_agent": self.user_agent,
            "request_headers": list(self.request_headers),
        }


class Prober:
    """Sends checks as they are declared: no retries, every status is an answer, an unreachable target is a result.

    Safe for use by several threads. Connections are kept between checks, as a browser keeps them.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._http = Http(
            "",
            transport=BoundedTransport(context.make_transport(), BODY_LIMIT_BYTES, context.clock),
            clock=context.clock,
            retry=Retry(attempts=1),
            on_call=context.note_call,
        )

    @classmethod
    def from_context(cls, context: Context) -> Prober:
        """For `context.client(Prober)`: one per run, closed with it."""
        return cls(context)

    def probe(self, check: HttpCheck) -> ProbeResult:
        """Send one check. Never raises for what the target does or does not do."""
        asked = _Asked.of(check)
        elapsed_s = stopwatch(self._context.clock)
        try:
            answer = self._http.request(
                check.method,
                check.url,
                headers=asked.headers,
                accept=_EVERY_STATUS,
                timeout_s=check.timeout_ms / 1000,
                follow=check.follow,
            )
        except WireError as error:
            return asked.unanswered(error.failure_code, error.message, elapsed_s() * 1000)
        except (httpx.InvalidURL, UnicodeError) as error:
            # A label that is empty or too long is no name that any DNS could know.
            return asked.unanswered("unresolved", f"{asked.shown} names no host that could exist: {error}.", None)
        return asked.answered(answer, elapsed_s() * 1000)

    def probe_all(self, checks: Iterable[HttpCheck]) -> list[ProbeResult]:
        """Send several checks at once; results in the checks' order."""
        return map_parallel(self.probe, checks)

    def patient(self, checks: Iterable[HttpCheck]) -> list[ProbeResult]:
        """As `probe_all`; a good answer over its budget is asked once more: the first may have started a machine."""

        def ask(check: HttpCheck) -> ProbeResult:
            result = self.probe(check)
            return self.probe(check) if result.ok and result.over_budget else result

        return map_parallel(ask, checks)

    def close(self) -> None:
        self._http.close()


def spoken_statuses(statuses: Iterable[int]) -> str:
    """`200`, `200 or 302`, `2xx`: a whole hundred is said as one."""
    asked = set(statuses)
    hundreds = [hundred for hundred in range(1, 6) if asked.issuperset(range(hundred * 100, hundred * 100 + 100))]
    single = sorted(status for status in asked if status // 100 not in hundreds)
    return " or ".join([*(f"{hundred}xx" for hundred in hundreds), *(str(status) for status in single)])


def contains(found: Any, wanted: Any) -> bool:
    """Whether JSON `found` has all of `wanted`: keys of mappings at any depth; lists and plain values are equal.

    JSON's true is not 1, as it is in Python.
    """
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            key in found and contains(found[key], value) for key, value in wanted.items()
        )
    if isinstance(wanted, list | tuple):
        return (
            isinstance(found, list)
            and len(found) == len(wanted)
            and all(contains(item, value) for item, value in zip(found, wanted, strict=True))
        )
    return isinstance(found, bool) == isinstance(wanted, bool) and bool(found == wanted)


_EVERY_STATUS = frozenset(range(300, 600))


@dataclass(frozen=True)
class _Asked:
    """A check on its way: the headers that really go out, and how its result is told."""

    check: HttpCheck
    headers: Mapping[str, str]

    @classmethod
    def of(cls, check: HttpCheck) -> _Asked:
        declared = {name.lower(): value for name, value in check.headers.items()}
        user_agent = check.user_agent or declared.get("user-agent") or USER_AGENT
        # An answer that is unpacked here has no bound.
        return cls(check, {"accept": "*/*", "accept-encoding": "identity", **declared, "user-agent": user_agent})

    @property
    def shown(self) -> str:
        """The URL for people."""
        return _shown(self.check.url)

    def answered(self, answer: Answer, took_ms: float) -> ProbeResult:
        check = self.check
        status_ok = answer.status in check.status
        body_ok = None if check.body is None else _fits(answer.text, check.body)
        over_budget = check.budget_ms is not None and took_ms > check.budget_ms
        said = f"{check.method} {self.shown} answered {answer.status}"
        if not status_ok:
            said += f" instead of {spoken_statuses(check.status)}"
        said += f" in {took_ms:.0f} ms"
        if over_budget:
            said += f", over its budget of {check.budget_ms} ms"
        if not status_ok:
            said += _explained(answer, self.headers["user-agent"], declared=check.user_agent is not None)
        elif body_ok is False:
            said += f"; the body is not as declared: {_excerpt(answer.text)}"
        return self._result(
            f"{said}.",
            ok=status_ok and body_ok is not False,
            status=answer.status,
            took_ms=took_ms,
            body_ok=body_ok,
            over_budget=over_budget,
            status_ok=status_ok,
        )

    def unanswered(self, code: str, said: str, took_ms: float | None) -> ProbeResult:
        if code == "timeout":
            said = f"{self.shown} did not answer within {self.check.timeout_ms} ms."
        return self._result(said, ok=False, took_ms=took_ms, error_code=_ERROR_CODES.get(code, "broken"))

    def _result(
        self,
        said: str,
        *,
        ok: bool,
        took_ms: float | None,
        status: int | None = None,
        body_ok: bool | None = None,
        over_budget: bool = False,
        status_ok: bool = False,
        error_code: ErrorCode | None = None,
    ) -> ProbeResult:
        return ProbeResult(
            url=self.shown,
            ok=ok,
            status=status,
            took_ms=took_ms,
            body_ok=body_ok,
            over_budget=over_budget,
            error_code=error_code,
            status_ok=status_ok,
            says=one_line(scrub(said)),
            user_agent=self.headers["user-agent"],
            request_headers=tuple(sorted({name.lower() for name in self.check.headers} - {"user-agent"})),
        )


_REDIRECTS = frozenset({301, 302, 303, 307, 308})
#: Statuses by which servers turn away a client they do not know.
_TURNED_AWAY = frozenset({403, 406, 410})


def _explained(answer: Answer, user_agent: str, *, declared: bool) -> str:
    """What an unwanted answer says for itself: where it redirects, whom it turned away, a short reason."""
    if answer.status in _REDIRECTS:
        return f"; it redirects to {_shown(answer.headers.get('location', 'nowhere'))}"
    if answer.status in _TURNED_AWAY and not declared:
        return f"; it was asked as {user_agent}, which a server may turn away: a user_agent can be declared"
    text = answer.text.strip()
    return f": {_excerpt(text)}" if text and not text.startswith("<") else ""


def _shown(url: str) -> str:
    """The URL for people: without query, which may hold a token."""
    return scrub(url.partition("?")[0].partition("#")[0])


def _fits(text: str, wanted: Any) -> bool:
    if isinstance(wanted, str):
        return re.search(wanted, text) is not None
    try:
        return contains(json.loads(text), wanted)
    except ValueError:
        return False


def _excerpt(text: str) -> str:
    return safe(text, 120) or "(empty)"

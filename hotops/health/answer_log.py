"""The answers that an app's log tells of: status and path of each, by the proxy's word or the app's own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlsplit

from hotops.health.answers import Answers, Count
from hotops.health.logs import Line, access_of


class AccessLine(Line, Protocol):
    """A log line that may carry the URL of the request it tells of (hotops.fly.models.LogLine has it)."""

    @property
    def url(self) -> str: ...


@dataclass(frozen=True)
class Answer:
    """One answer, at unix time `at`. The same one may be told by both sources: by the proxy and by the app."""

    at: float
    source: Literal["proxy", "app"]
    is_error: bool
    path: str


def answers_in(lines: Iterable[AccessLine], *, besides: str = "") -> Iterator[Answer]:
    """The answers in a log, without those to the path `besides`.

    That path is the app's health check: what answers it are the platform's checks and our own requests, not visitors.
    An app that is checked at its front page has visitors there, so `/` leaves nothing out.
    """
    for line in lines:
        answer = _answer(line)
        if answer is not None and not (besides.strip("/") and answer.path.partition("?")[0] == besides):
            yield answer


def count_answers(lines: Iterable[AccessLine], *, besides: str = "") -> Count:
    """What a whole log tells of answers, second by second; nothing where it tells of failures only."""
    answers, count = Answers(), Count()
    for answer in answers_in(lines, besides=besides):
        answers.add(answer.at, is_new=False, is_error=answer.is_error, source=answer.source)
    for second in answers.settle():
        count.take(second.old, second.old_failed, follows=second.follows)
    return count if count.answers > count.failed else Count()


def _answer(line: AccessLine) -> Answer | None:
    if line.status is not None:
        return Answer(line.at, "proxy", line.status >= 500, urlsplit(line.url).path)
    told = access_of(line)
    return Answer(line.at, "app", told[0] >= 500, told[1]) if told else None

"""What an app is before it is changed: how often its answers fail and how long they take, for the watch to compare."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from urllib.parse import urlsplit

from hotops.fly import Fly
from hotops.fly.models import LogLine, Machine, Release
from hotops.health.answer_log import answers_in, count_answers
from hotops.health.answers import Count
from hotops.health.latency import Latency
from hotops.health.probe import HttpCheck

#: No more of the log is read than this: 31 pages of a hundred lines (Fly docs, logs API) tell a share of errors of
#: 0.3 % well enough to know it from 3 %.
MOST_LINES = 3000
#: Nor further back: what was six hours ago is another time of the day.
LONGEST_S = 6 * 3600.0


def read_answers(
    fly: Fly, app: str, machines: Sequence[Machine], *, began: float, now: float, check: HttpCheck | None
) -> Count:
    """Answers of the release that `began` then (unix seconds), in the newest lines of the app's log.

    Nothing for an app without traffic. The log is read forwards only, so where to begin is told by how old the last
    hundred lines are.
    """
    path = path_of(check)
    since = max(now - LONGEST_S, began, _reach(fly.logs.newest(app), path, now))
    ours = {machine.id for machine in machines}
    lines = islice(fly.logs.read(app, since=since, until=now, max_pages=MOST_LINES // 100 + 1), MOST_LINES)
    return count_answers((line for line in lines if not line.instance or line.instance in ours), besides=path)


def began_at(releases: Iterable[Release]) -> float:
    """When the release that runs was made, in unix seconds; 0 where no record tells."""
    return max((release.created_at or 0.0 for release in releases if release.is_complete), default=0.0)


def path_of(check: HttpCheck | None) -> str:
    """The path that is asked by the platform and by us, and so tells nothing of visitors."""
    return urlsplit(check.url).path if check else ""


def _reach(newest: Sequence[LogLine], path: str, now: float) -> float:
    """Since when there are about as many answers as are read; the gates' own requests just now are no measure."""
    visitors = sum(1 for _ in answers_in(newest, besides=path))
    if not visitors:
        return 0.0
    pace_s = (now - min(line.at for line in newest)) / visitors
    return now - pace_s * MOST_LINES


def count_requests(seen: Latency | None) -> Count:
    """Requests of the gates, each on its own."""
    count = Count()
    for number in range(seen.n if seen else 0):
        count.take(1, int(seen is not None and number < seen.errors))
    return count

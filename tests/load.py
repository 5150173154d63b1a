"""A stage under load: while anybody waits on its clock, visitors come through the twin's proxy, and each is counted."""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotops.core.driver import Outcome
from hotops.promote.phases import PhaseName
from hotops.promote.run import promote
from hotops.sandbox.twin import Twin
from hotops.sandbox.wire import Pending, Request, Response
from tests.stage import Stage
from tests.turns import TurnClock, threads_take_turns

START = 1_790_000_000.0
#: An answer that takes longer than this is slow: a good machine of the twin takes 5 to 15 ms.
SLOW_S = 1.0
RELEASE_IN_PAGE = re.compile(rb"release ([^<]+)")
HTML = {"accept": "text/html"}


@dataclass(frozen=True)
class Visit:
    """One visit: its status, 0 where no answer came, and the release that answered, "" where none did."""

    app: str
    at: float
    answered_at: float
    status: int
    release: str

    @property
    def is_lost(self) -> bool:
        return self.status == 0 or self.status >= 500

    @property
    def is_slow(self) -> bool:
        return self.answered_at - self.at > SLOW_S


class Visitors:
    """So many visits a second, evenly, to the apps in turn; each at its own time between two times of the clock."""

    def __init__(self, twin: Twin, clock: TurnClock, apps: Iterable[str], per_s: float) -> None:
        self.visits: list[Visit] = []
        self._twin, self._clock, self._apps, self._per_s = twin, clock, tuple(apps), per_s
        self._began, self._sent = clock.time, 0
        self._under_way: list[tuple[float, int, Request]] = []

    def come_until(self, until: float) -> None:
        """Every visit that is sent or answered until then, in order of time."""
        while True:
            sends_at = self._began + (self._sent + 1) / self._per_s
            goes_on_at = self._under_way[0][0] if self._under_way else until + 1
            if min(sends_at, goes_on_at) > until:
                return
            if sends_at <= goes_on_at:
                self._sent += 1
                host = f"{self._apps[self._sent % len(self._apps)]}.fly.dev"
                self._hand_in(sends_at, Request.to("GET", host, "/", headers=HTML))
            else:
                at, _, request = heapq.heappop(self._under_way)
                self._hand_in(at, request)

    def _hand_in(self, at: float, request: Request) -> None:
        self._clock.time = max(self._clock.time, at)
        answer = self._twin.handle(request, self._clock.time)
        if isinstance(answer, Pending):
            heapq.heappush(self._under_way, (max(answer.check_at, at + 0.001), id(request), request))
        else:
            self.visits.append(self._visit(request, answer, at))

    def _visit(self, request: Request, answer: Response, at: float) -> Visit:
        app = request.host.removesuffix(".fly.dev")
        status = 0 if answer.reset or answer.truncate else answer.status
        began = at if request.first_seen_at is None else request.first_seen_at
        return Visit(app, began, at + answer.delay_s, status, self._release(answer))

    def _release(self, answer: Response) -> str:
        page = RELEASE_IN_PAGE.search(answer.body)
        if page:
            return page[1].decode()
        found = self._twin.world.machine(answer.headers.get("fly-machine-id", ""))
        return found[1].current.image.tag or "" if found else ""


class LoadedStage(Stage):
    """A stage with visitors to all its apps, whose parallel calls are parallel in its clock's time, too.

    `seed` draws how late the proxy learns of each cordon, 0 to 5 s. Without `traffic_rps` there is background traffic
    beside the visitors, which costs its time where a log is read.
    """

    def __init__(
        self,
        tmp_path: Path,
        *,
        seed: int = 0,
        per_s: float = 50.0,
        apps: Mapping[str, Mapping[str, Any]] | None = None,
        machines: int = 2,
        traffic_rps: float | None = None,
        **common: Any,
    ) -> None:
        self.turns = TurnClock(START + seed / 7)
        declared = apps or {"shop-production": {"promote_from": "shop-staging"}}
        groups: dict[str, Any] = {"sandbox": {"groups": {"app": {"count": machines}}}}
        if traffic_rps is not None:
            groups["sandbox"]["traffic_rps"] = traffic_rps
        super().__init__(
            tmp_path, apps={app: {**groups, **own} for app, own in declared.items()}, clock=self.turns, **common
        )
        self.control("POST", "settings", {"propagation_seed": seed})
        self.visitors = Visitors(self.twin, self.turns, declared, per_s)
        self.turns.passing = self.visitors.come_until

    def in_turns(self, act: Callable[[], Any]) -> Any:
        """Do something whose parallel calls take turns on the stage's clock."""
        with threads_take_turns(self.turns):
            return act()

    def promote(self, run: str = "20260101T000000Z-promote-stage", **options: Any) -> dict[PhaseName, Outcome]:
        """Run a whole promotion, its parallel calls in parallel; `context` (fields of one) may be among the options."""
        fields = options.pop("context", {})
        with threads_take_turns(self.turns), self.context(run, **fields) as context:
            return promote(context, **options)

    def lost(self) -> list[Visit]:
        """The visits that got no answer, or one that says it is the server's fault."""
        return [visit for visit in self.visitors.visits if visit.is_lost]

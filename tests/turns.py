"""One clock for many threads of a test: they take turns, and time moves only when every one of them waits.

Threads that sleep in parallel are then as fast as in life, and a run is the same each time: only one thread runs at a
moment, the one whose sleep ends first goes on first, and no thread ever sees an earlier time than another saw before.
"""

from __future__ import annotations

import heapq
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any, Self
from unittest import mock

from hotops.core import parallel


class TurnClock:
    """A clock that moves when all threads that `threads_take_turns` knows sleep on it.

    `passing(until)` is called before time moves on, and may move `time` itself on the way there.
    """

    def __init__(self, now: float) -> None:
        self.time = now
        self.passing: Callable[[float], None] = lambda _until: None
        self._waiting: list[tuple[float, int, threading.Event]] = []
        self._number = 0

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            turn = self.queue(self.time + seconds)
            self.hand_over()
            turn.wait()

    def queue(self, at: float) -> threading.Event:
        """The event that is set when it is the turn of whoever wants to go on at that time."""
        self._number += 1
        turn = threading.Event()
        heapq.heappush(self._waiting, (at, self._number, turn))
        return turn

    def hand_over(self) -> None:
        """Let the next one go on; the caller has to wait for its own turn, or to end."""
        at, _, turn = heapq.heappop(self._waiting)
        try:
            self.passing(at)
            self.time = max(self.time, at)
        finally:
            turn.set()


class TurnPool:
    """In the place of ThreadPoolExecutor as `map_parallel` uses it: everything runs when the `with` block ends."""

    def __init__(self, clock: TurnClock, workers: int) -> None:
        self._clock = clock
        self._left = workers
        self._work: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._caller = threading.Event()

    def __enter__(self) -> Self:
        return self

    def submit(self, function: Callable[[Any], Any], item: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._work.append((future, lambda: function(item)))
        return future

    def __exit__(self, *exc: object) -> None:
        for _ in range(self._left):
            turn = self._clock.queue(self._clock.time)
            threading.Thread(target=self._run, args=(turn,), daemon=True).start()
        self._clock.hand_over()
        self._caller.wait()

    def _run(self, turn: threading.Event) -> None:
        turn.wait()
        while self._work:
            future, call = self._work.popleft()
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 (whoever asks for the result gets it)
                future.set_exception(error)
        self._left -= 1
        if self._left == 0:
            self._caller.set()  # its own turn: it was waiting for us, and nobody else has moved since
        else:
            self._clock.hand_over()


@contextmanager
def threads_take_turns(clock: TurnClock) -> Iterator[None]:
    """Let `map_parallel` work with threads that take turns on this clock."""

    def pool(workers: int, thread_name_prefix: str = "") -> TurnPool:
        return TurnPool(clock, workers)

    with mock.patch.object(parallel, "ThreadPoolExecutor", pool):
        yield

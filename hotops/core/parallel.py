"""Bounded parallelism: one function over many items, in threads, in order of the items."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

#: So many at once where a caller says nothing.
USUAL = 8
#: Never more at once, whatever a caller says: each is a thread, and a connection.
#: Sweeps break a run at its n-th call: they set this to 1, so that calls have one order.
max_workers: ContextVar[int] = ContextVar("hotops_max_workers", default=64)


def map_parallel(function: Callable[[T], R], items: Iterable[T], *, limit: int | None = None) -> list[R]:
    """`[function(item) for item in items]`, at most `limit` (default 8) at once.

    All items are finished before the first error (in the items' order) is raised: nothing goes on unseen.
    """
    work = list(items)
    workers = min(limit or USUAL, max_workers.get(), len(work))
    if workers <= 1:
        return [function(item) for item in work]
    with ThreadPoolExecutor(workers, thread_name_prefix="hotops") as pool:
        futures = [pool.submit(function, item) for item in work]
    return [future.result() for future in futures]


def map_settled(function: Callable[[T], R], items: Iterable[T], *, limit: int | None = None) -> list[R | Exception]:
    """As `map_parallel`, with the error of an item in the place of its result."""

    def settled(item: T) -> R | Exception:
        try:
            return function(item)
        except Exception as error:  # noqa: BLE001 (the caller gets it, in its place)
            return error

    return map_parallel(settled, items, limit=limit)

"""Which part is loaded next: workers are spread over the tables, the largest first."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Iterator

from hotops.backup.manifest import Part, Table


class Turns:
    """Parts that are left to load. Several threads may ask.

    Sessions that make the same table longer wait for each other (its extension lock), so as long as there are several
    tables no two workers need to be at one; the last and largest one is then shared by all.
    """

    def __init__(self, parts: Iterable[tuple[Table, Part]]) -> None:
        self._guard = threading.Lock()
        self._left: dict[str, list[tuple[Table, Part]]] = {}
        for table, part in sorted(parts, key=lambda item: item[1].bytes):
            self._left.setdefault(table.full_name, []).append((table, part))
        self._bytes = {name: sum(part.bytes for _, part in waiting) for name, waiting in self._left.items()}
        self._busy: Counter[str] = Counter()

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._left.values())

    def take(self) -> Iterator[tuple[Table, Part]]:
        """One worker's parts, one after the other, until none is left."""
        while (found := self._next()) is not None:
            yield found
            with self._guard:
                self._busy[found[0].full_name] -= 1

    def _next(self) -> tuple[Table, Part] | None:
        with self._guard:
            if not self._left:
                return None
            name = min(self._left, key=lambda name: (self._busy[name], -self._bytes[name]))
            table, part = self._left[name].pop()
            if not self._left[name]:
                del self._left[name]
            self._bytes[name] -= part.bytes
            self._busy[name] += 1
            return table, part

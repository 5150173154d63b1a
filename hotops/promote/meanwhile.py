"""What visitors get while a deploy is on its way: one request to an app after each of its machines."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass, field

from hotops.core.context import Context
from hotops.core.operation import Step
from hotops.deploy.deploy import Seen
from hotops.health.probe import Prober
from hotops.health.routes import base_check
from hotops.promote.pairs import Pair
from hotops.promote.series import Series

#: A request that is not answered by then is told as failed: the deploy does not wait for it.
LONGEST_MS = 3000


@dataclass
class Meanwhile:
    """Asks and keeps; it judges nothing, that is the watch's."""

    context: Context
    pairs: Iterable[Pair]
    seen: Seen
    series: dict[str, Series] = field(default_factory=dict)

    def ask(self, step: Step) -> None:
        """One request to the step's app, as a visitor's; none where the step is no machine's or the app has no HTTP."""
        pair = next((pair for pair in self.pairs if step.name.startswith(f"{pair.target}/")), None)
        if pair is None or step.target == pair.target:
            return
        check = base_check(pair.app.url, pair.app, self.seen.machines.get(pair.target, ()))
        if check is None:
            return
        soon = check.model_copy(update={"timeout_ms": min(check.timeout_ms, LONGEST_MS)})
        result = self.context.client(Prober).probe(soon)
        took_ms = result.took_ms if result.status is not None else None
        is_failed = not result.ok and not result.over_budget
        self.series.setdefault(pair.target, Series()).asked(self.context.clock.now(), took_ms, is_failed=is_failed)

    def tell(self) -> None:
        """One line of evidence an app; the second time there is nothing new to tell."""
        for app, series in self.series.items():
            failed = sum(is_failed for _, _, is_failed in series.requests)
            times = [took_ms for _, took_ms, _ in series.requests if took_ms is not None]
            median = f", median {statistics.median(times):.1f} ms" if times else ""
            text = f"{failed} of {len(series.requests)} requests failed during the deploy{median}"
            self.context.journal.event(
                "observation", app=app, subject="during", text=text, found={"series": series.as_row()}
            )
        self.series.clear()

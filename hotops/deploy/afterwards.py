"""What a visitor gets once the older release runs again: some requests an app, on whose answers nothing depends."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from hotops.core.context import Context
from hotops.fly.models import Machine
from hotops.health.probe import Prober
from hotops.health.routes import base_check

#: So many, one after another; the first that a proxy does not answer at all ends it: the exit is not held up.
REQUESTS = 5
LONGEST_MS = 2000


def ask_afterwards(context: Context, app: str, machines: Sequence[Machine]) -> None:
    """Ask the app's first health check, and tell it as a line of evidence; an app without HTTP is not asked."""
    environment = context.environment
    declared = next((each for each in environment.apps.values() if each.app == app), None) if environment else None
    check = base_check(declared.url, declared, machines) if declared else None
    if check is None:
        return
    soon = check.model_copy(update={"timeout_ms": min(check.timeout_ms, LONGEST_MS)})
    rows: list[list[float | None]] = []
    for _ in range(REQUESTS):
        result = context.client(Prober).probe(soon)
        took_ms = round(result.took_ms, 1) if result.status is not None and result.took_ms is not None else None
        rows.append([round(context.clock.now(), 2), took_ms, int(not result.ok and not result.over_budget)])
        if took_ms is None:
            break
    times = [took for _, took, _ in rows if took is not None]
    median = f", median {statistics.median(times):.1f} ms" if times else ""
    text = f"{sum(bool(failed) for *_, failed in rows)} of {len(rows)} requests failed after the rollback{median}"
    context.journal.event("observation", app=app, subject="after", text=text, found={"series": {"requests": rows}})

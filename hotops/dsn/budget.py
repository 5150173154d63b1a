"""How many connections an app may open, against what the pooler or the database has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hotops.dsn.catalogue import Finding, finding
from hotops.dsn.places import Kind

if TYPE_CHECKING:
    from hotops.dsn.judging import ProjectFacts

#: Left free in the pool: the pooler's own checks and an operator who has to look.
SPARE = 2
#: Left free in the database: superuser slots, Supabase's own services, a backup (Supabase docs, connection management).
RESERVED_SHARE = 0.2


@dataclass(frozen=True)
class Budget:
    """What an app opens at most: its processes on all machines, and the pool of each."""

    processes: int
    pool: int

    @property
    def needed(self) -> int:
        """Connections that are open when all of them work."""
        return self.processes * self.pool


def budget_findings(
    budget: Budget | None, kind: Kind, project: ProjectFacts | None
) -> tuple[list[Finding], Kind | None]:
    """Whether the budget is above what this kind of connection has, and the kind that has more."""
    room = room_of(kind, project)
    if budget is None or room is None or budget.needed <= room:
        return [], None
    code, elsewhere = {
        "session_pooler": ("budget_above_pool", "direct"),
        "transaction_pooler": ("budget_above_clients", None),
        "dedicated_pooler": ("budget_above_clients", None),
    }.get(kind, ("budget_above_connections", None))
    facts = {"processes": budget.processes, "pool": budget.pool, "needed": budget.needed, "size": room}
    share = max(1, room // budget.processes)
    fits = elsewhere and budget.needed <= (room_of("direct", project) or budget.needed)
    return [finding(code, **facts, share=share)], "direct" if fits else None


def room_of(kind: Kind, project: ProjectFacts | None) -> int | None:
    """Connections that one role may have there, less what is kept free; None where it is not known."""
    if project is None:
        return None
    if kind == "session_pooler":
        return project.pool_size - SPARE if project.pool_size is not None else None
    if kind in ("transaction_pooler", "dedicated_pooler"):
        return project.max_clients
    if kind == "direct" and project.max_connections is not None:
        return int(project.max_connections * (1 - RESERVED_SHARE))
    return None

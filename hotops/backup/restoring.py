"""The phases of a restore by name, in their order, and how long each took."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hotops.backup.compare import Comparison, compare
from hotops.backup.errors import NotAsBackedUp
from hotops.backup.load import Load

#: Phases of a restore into an empty database, in order, and what each brings back.
PHASES: dict[str, str] = {
    "claim": "nothing of the target is overwritten",
    "roles": "roles that are missing",
    "pre_data": "schemas, types, functions, tables, extensions",
    "rows": "every row",
    "sequences": "where each sequence stands",
    "post_data": "indexes, keys, triggers, policies, publications",
    "settings": "settings of the database",
    "jobs": "scheduled jobs, which start at once",
    "analyze": "statistics",
    "finish": "the restore's own notes go",
    "compare": "every table row by row, every object",
}


def phases_of(*, tables: bool, jobs: bool, compared: bool) -> list[str]:
    """The phases of one restore."""
    left_out = {
        *(() if jobs else ("jobs",)),
        *(() if compared else ("compare",)),
        *(("settings", "jobs") if tables else ()),
    }
    return [name for name in PHASES if name not in left_out]


def run_phase(load: Load, name: str, *, all_roles: bool = False) -> Comparison | None:
    """Carry one phase out; the comparison of `compare`."""
    if name == "compare":
        found = compare(load)
        load.problems += [line for line in found.platform if line not in load.problems]
        load.unproven = list(found.unproven)
        return found
    if name == "roles":
        load.roles(all_of_them=all_roles)
        return None
    phase: Callable[[], Any] = getattr(load, name)
    phase()
    return None


def judged(found: Comparison, *, jobs_held: bool, where: str) -> Comparison:
    """Raise NotAsBackedUp where something differs that was not left out on purpose."""
    if jobs_held:
        found.objects = [line for line in found.objects if not line.startswith("scheduled job ")]
    if found.findings:
        more = f" and {len(found.findings) - 5} more" if len(found.findings) > 5 else ""
        raise NotAsBackedUp(
            f"{where} is not as it was backed up: {'; '.join(found.findings[:5])}{more}.",
            remedy="Explain each difference before anybody uses it.",
            details={"findings": found.findings[:200]},
        )
    return found

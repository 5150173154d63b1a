"""The database behind the apps, as Supabase tells of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.context import Context
from hotops.core.errors import HotopsError
from hotops.health.finding import Finding
from hotops.inventory.schema import Environment
from hotops.look.reading import Reading, absent, read
from hotops.supabase.client import Backups, Project, Supabase

_HEALTHY = "ACTIVE_HEALTHY"


class NoSuchProject(HotopsError):
    """The token sees no project of this name or ref."""

    code = "unknown_project"


@dataclass(frozen=True)
class DatabaseSeen:
    """The project and its backups; each may be unknown."""

    name: str
    project: Reading[Project]
    backups: Reading[Backups]
    now: float

    @property
    def says(self) -> str:
        """One line for an operator."""
        project = self.project.value
        if project is None:
            return f"unknown: {self.project.why_not}"
        return f"{project.name or project.ref} {project.status}, newest backup {self._backup}"

    @property
    def _backup(self) -> str:
        if self.backups.value is None:
            return f"unknown ({self.backups.why_not})"
        newest = self.backups.value.newest
        return "none" if newest is None else f"{spoken_duration(max(0.0, self.now - newest))} old"

    def findings(self, environment: Environment) -> list[Finding]:
        """What is not well with it."""
        project, found = self.project.value, []
        if project is None:
            return []
        name = project.name or project.ref
        if project.status != _HEALTHY:
            remedy = f"https://supabase.com/dashboard/project/{project.ref} and status.supabase.com"
            found.append(Finding("database", "", name, f"the database is {project.status}.", remedy=remedy))
        limit = environment.backup
        newest = self.backups.value.newest if self.backups.value else None
        if limit is not None and self.backups.value is not None:
            if newest is None:
                found.append(Finding("no_backup", "", name, "there is no completed backup."))
            elif self.now - newest > limit.max_age_h * 3600:
                says = f"the newest backup is {self._backup}, at most {limit.max_age_h:g} h are declared."
                found.append(Finding("old_backup", "", name, says, "warn"))
        return found

    def as_row(self) -> dict[str, Any]:
        """All of it as plain data; null is what is not known."""
        newest = self.backups.value.newest if self.backups.value else None
        return {
            "project": self.name or None,
            "ref": self.project.value.ref if self.project.value else None,
            "status": self.project.value.status if self.project.value else None,
            "newest_backup_at": rfc3339(newest) if newest is not None else None,
            "pitr": self.backups.value.pitr_enabled if self.backups.value else None,
            "says": self.says,
        }


def see_database(context: Context, environment: Environment) -> DatabaseSeen:
    """Two calls (projects, backups); none where no project is declared or no token is there."""
    name, now = environment.supabase_project or "", context.clock.now()
    if not name:
        why = "no supabase_project in the inventory"
        return DatabaseSeen(name, absent(why), absent(why), now)

    def find() -> Project:
        found = context.client(Supabase).find(name)
        if found is None:
            raise NoSuchProject(f"the token sees no project {name}.", remedy="Check supabase_project in the inventory.")
        return found

    try:
        project = read(find)
    except NoSuchProject as error:
        project = Reading(why_not=error.message, error=error)
    if project.value is None:
        return DatabaseSeen(name, project, absent(project.why_not), now)
    ref = project.value.ref
    return DatabaseSeen(name, project, read(lambda: context.client(Supabase).backups(ref)), now)

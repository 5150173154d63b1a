"""What the Management API says of a project, as far as connection strings are concerned."""

from __future__ import annotations

from hotops.core.context import Context
from hotops.core.errors import ApiError, UsageError, WireError
from hotops.dsn.budget import Budget
from hotops.dsn.judging import Circumstances, ProjectFacts
from hotops.inventory.adding import to_add
from hotops.inventory.database import DatabaseUse
from hotops.inventory.schema import Environment
from hotops.supabase.client import Supabase

_EXAMPLE = "database: {secret: DATABASE_URL, use: server}"


class NoProject(UsageError):
    """No project is declared, or the token sees none of that name."""

    code = "no_project"


def project_facts(context: Context, name: str | None, *, with_room: bool = False) -> ProjectFacts | None:
    """The project of this name or ref; None where none is named. `with_room` asks how many connections it takes.

    Two calls, three with room. Raises NoProject, and what the API raises.
    """
    if name is None:
        return None
    supabase = context.client(Supabase)
    project = supabase.find(name)
    if project is None:
        raise NoProject(
            f"The Supabase token sees no project {name}.", remedy="Check `supabase_project` and whose token it is."
        )
    pooler = supabase.pooler(project.ref)
    connections = None
    if with_room:
        try:
            (row,) = supabase.look(project.ref, "select current_setting('max_connections')::int as most")
            connections = int(row["most"])
        except (ApiError, WireError, ValueError):
            connections = None  # a database that does not answer is what this is about; the room is then not known
    return ProjectFacts(
        project.ref,
        project.name,
        pooler.db_host if pooler else None,
        pooler.default_pool_size if pooler else None,
        pooler.max_client_conn if pooler else None,
        connections,
    )


def circumstances_of(use: DatabaseUse) -> Circumstances:
    """What is declared, in the judge's words."""
    budget = Budget(use.processes, use.pool) if use.processes and use.pool else None
    return Circumstances(use.use, use.client, use.ipv6, use.prepared_statements, use.mode, budget)


def declared_use(environment: Environment, name: str | None, selection: tuple[str, ...]) -> tuple[str, DatabaseUse]:
    """The app of this name (else the only selected one that declares a database), and its declared use.

    Raises UsageError where there is none, or more than one.
    """
    declaring = [app for app in environment.apps.values() if app.database is not None]
    if name is None:
        chosen = [app for app in declaring if not selection or app.host in selection]
        if not declaring:
            host = selection[0] if len(selection) == 1 else "APP"
            raise UsageError(
                "No app of the inventory declares `database`, so it is not known which secret holds a connection"
                " string.",
                remedy=to_add(environment, _EXAMPLE, host=host),
                code="no_database_declared",
            )
        if len(chosen) != 1 or chosen[0].database is None:
            several = ", ".join(app.host for app in chosen or declaring)
            raise UsageError(
                f"Which app? {len(chosen)} of the selected apps declare `database`; it has to be one of {several}.",
                remedy=f"Name it: -l {(chosen or declaring)[0].host}",
            )
        return chosen[0].app, chosen[0].database
    found = next((app for app in environment.apps.values() if name in (app.host, app.app)), None)
    if found is None:
        raise UsageError(f"The inventory has no app {name}.", remedy=f"It has {', '.join(environment.apps)}.")
    if found.database is None:
        raise UsageError(
            f"{name} declares no `database`, so it is not known which secret holds its connection string.",
            remedy=to_add(environment, _EXAMPLE, host=found.host),
            code="no_database_declared",
        )
    return found.app, found.database

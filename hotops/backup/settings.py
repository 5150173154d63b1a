"""What a backup's operation works with: options first, then the inventory, then what is usual."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from hotops.backup.connection import Connection
from hotops.backup.errors import KeysUnusable
from hotops.backup.keys import Opener, sandbox_keys
from hotops.backup.store import Store
from hotops.core.context import Context
from hotops.core.errors import UsageError
from hotops.core.operation import Spec
from hotops.core.secret import Secret
from hotops.inventory.policy import Backup
from hotops.inventory.schema import Environment

#: Where a sandbox's backups go when nobody says it: beside its databases, and away with them.
SANDBOX_STORE = "sandbox:backups"


class Where(Spec):
    """Which database's backups, and where they are kept."""

    store: str | None = Field(
        None,
        description="Where backups are kept: a folder, s3://bucket/prefix, gs://… or az://…; the inventory's if omitted.",
    )
    database: str | None = Field(
        None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$",
        description="Name under which the backups are kept; the inventory's supabase_project if omitted.",
    )


@dataclass(frozen=True)
class Settings:
    """The resolved place of one database's backups."""

    environment: str
    env_kind: str
    database: str
    store: Store
    declared: Backup


def database_of(environment: Environment, want: Where) -> str:
    """The name under which a database's backups are kept. Raises UsageError."""
    hosts = list(environment.databases)
    name = want.database or environment.supabase_project or (hosts[0] if len(hosts) == 1 else None)
    if not name:
        raise UsageError(
            f"{environment.name} names no database.", remedy="Set supabase_project in the inventory, or give database."
        )
    return name


def settings_of(context: Context, want: Where) -> Settings:
    """Raises UsageError where neither an option nor the inventory says it."""
    environment: Environment = context.environment
    declared = environment.backup or Backup()
    url = want.store or declared.store or (SANDBOX_STORE if environment.env_kind == "sandbox" else None)
    if not url:
        raise UsageError(
            f"{environment.name} does not say where backups are kept.",
            remedy="Set backup: {store: s3://bucket/prefix, recipients: [age1…, age1…]} in the inventory, or give store.",
        )
    name = database_of(environment, want)
    below = Path(environment.project_dir)
    store = Store.of(url, below=below, environ=context.world.environ)
    return Settings(environment.name, environment.env_kind, name, store, declared)


def connection_of(context: Context, variable: str) -> Connection:
    """The database that an environment variable names; in the sandbox, where it is not set, the project's own.

    Raises DsnRefused.
    """
    given = context.world.environ.get(variable, "")
    if not given.strip() and context.world.kind == "sandbox":
        own = context.world.databases.get(getattr(context.environment, "supabase_project", None) or "")
        given = own.reveal() if own else ""
    return Connection.parse(given, context.world, named=variable)


def recipients_of(context: Context, settings: Settings, given: tuple[str, ...]) -> tuple[str, ...]:
    """For whom a backup is sealed: the option, then the inventory; in the sandbox, where neither says it, its own keys."""
    declared = given or settings.declared.recipients
    if declared or settings.env_kind != "sandbox":
        return declared
    return sandbox_keys(keep=not context.check).recipients


def has_identity(context: Context, settings: Settings, variable: str) -> bool:
    """Whether there is an identity to open a backup with."""
    return bool(context.world.environ.get(variable, "").strip()) or _is_pretended(settings)


def opener_of(context: Context, settings: Settings, variable: str) -> Opener:
    """The age identity in an environment variable, or in the file that it names; in the sandbox its own.

    Raises KeysUnusable.
    """
    value = context.world.environ.get(variable, "").strip()
    if not value and _is_pretended(settings):
        return sandbox_keys(keep=not context.check)
    if not value:
        raise KeysUnusable(
            f"{variable} is not set: no identity opens this backup.",
            remedy=f"export {variable}=/path/of/key.txt (a file that age-keygen made).",
        )
    if "AGE-SECRET-KEY-" not in value:
        try:
            value = Path(value).expanduser().read_text(encoding="utf-8")
        except OSError as error:
            raise KeysUnusable(f"The file that {variable} names can't be read: {error.strerror}.") from None
    return Opener(Secret(value))


def _is_pretended(settings: Settings) -> bool:
    """Whether the sandbox's own keys seal this database's backups."""
    return settings.env_kind == "sandbox" and not settings.declared.recipients


def newest_own_backup(context: Context) -> float | None:
    """When the newest whole backup of the environment's database was taken. Raises UsageError, StoreFailed."""
    from hotops.backup.manifest import listed

    settings = settings_of(context, Where())
    found, _wrong = listed(settings.store, settings.environment, settings.database)
    return found[0].manifest.taken_at if found else None

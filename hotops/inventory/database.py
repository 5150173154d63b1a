"""What an inventory says of an app's database: which secret holds its connection string, and what it is used for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from hotops.inventory.spec import SecretName, Spec


class DatabaseUse(Spec):
    """An app's use of its database."""

    secret: str = Field(
        "DATABASE_URL", min_length=1, description="Where the vault has the connection string: a name, or path#KEY."
    )
    names: tuple[SecretName, ...] | None = Field(
        None, description="Secrets of the app that take the whole string; DATABASE_URL, or none with `parts`."
    )
    parts: str | None = Field(
        None,
        pattern=r"^[A-Z][A-Z0-9_]*_$",
        description="Prefix of the names that take its parts: POSTGRES_ for POSTGRES_HOST, _PORT, _USERNAME, _PASSWORD,"
        " _DATABASE.",
    )
    project: str | None = Field(
        None, min_length=1, description="Supabase project, by name or ref; the inventory's supabase_project if omitted."
    )
    use: Literal["migrations", "server", "serverless", "backup", "replication"] = Field(
        "server", description="What it is used for."
    )
    client: Literal["libpq", "prisma", "rails", "other"] = Field("other", description="The client that reads it.")
    mode: Literal["direct", "session", "transaction"] | None = Field(
        None, description="The connection that has to be used; whatever suits the use if omitted."
    )
    prepared_statements: bool = Field(default=True, description="Whether the client prepares statements.")
    ipv6: bool = Field(default=True, description="Whether there is IPv6 where it runs; Fly's machines have it.")
    processes: int | None = Field(None, ge=1, description="Processes of the app on all machines.")
    pool: int | None = Field(None, ge=1, description="Connections that each process opens at most.")

    @property
    def whole_names(self) -> tuple[str, ...]:
        """The names that take the whole string."""
        if self.names is not None:
            return self.names
        return () if self.parts else ("DATABASE_URL",)

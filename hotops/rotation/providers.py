"""Which provider issues which credential, by what the secret map says."""

from __future__ import annotations

from hotops.core.context import Context
from hotops.core.errors import UsageError
from hotops.database.project import project_facts
from hotops.dsn.proof import Prover
from hotops.inventory.schema import Environment
from hotops.rotation.postgres import PostgresRoles
from hotops.rotation.provider import Provider
from hotops.secrets.secret_map import MappedSecret
from hotops.supabase.client import Supabase


def provider_of(context: Context, environment: Environment, name: str, secret: MappedSecret) -> Provider:
    """The provider of a secret of the map. Raises UsageError where none is declared, and what the provider raises."""
    declared = secret.provider
    if declared is None:
        raise UsageError(
            f"The map does not say who issues {name}.",
            remedy="Declare it: provider: {kind: postgres, owner: shop_app}.",
        )
    project = project_facts(context, environment.supabase_project)
    if project is None:
        raise UsageError("No Supabase project is declared.", remedy="Set supabase_project in the inventory.")
    return PostgresRoles(context.client(Supabase), project.ref, declared.owner, Prover(context.world).prove)

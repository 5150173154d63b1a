"""Which provider issues which credential, by what the secret map says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from hotops.core.context import Context
from hotops.core.errors import UsageError
from hotops.core.operation import Fact
from hotops.core.secret import Secret
from hotops.database.project import project_facts
from hotops.dsn.proof import Prover
from hotops.inventory.schema import Environment
from hotops.rotation.checklist import GuidedByHand
from hotops.rotation.fly_tokens import FlyDeployToken
from hotops.rotation.generated import GeneratedSecret
from hotops.rotation.postgres import PostgresRoles
from hotops.rotation.postgres_password import PostgresOnePassword
from hotops.rotation.provider import Provider
from hotops.rotation.supabase_keys import SupabaseApiKey
from hotops.secrets.issuers import Checklist, FlyToken, Generated, PostgresPassword, PostgresProvider, SupabaseKey
from hotops.secrets.secret_map import MappedSecret
from hotops.supabase.client import Supabase
from hotops.vault.names import sibling_path
from hotops.vault.vault import Item


@dataclass(frozen=True)
class Asked:
    """What a provider is made of: the secret, its place in the vault, and what the rotation does for it."""

    context: Context
    environment: Environment
    name: str
    secret: MappedSecret
    item: Item
    fingerprint: Callable[[Secret], str]
    present: Callable[[], Secret]
    place: Callable[[Mapping[str, Secret]], Fact]


def provider_of(asked: Asked) -> Provider:
    """The provider of a secret of the map. Raises UsageError where none is declared, and what the provider raises."""
    context, fingerprint = asked.context, asked.fingerprint
    match asked.secret.provider:
        case PostgresProvider(owner=owner):
            return PostgresRoles(context.client(Supabase), _ref(asked), owner, Prover(context.world).prove)
        case PostgresPassword():
            prove = Prover(context.world).prove
            return PostgresOnePassword(context.client(Supabase), _ref(asked), prove, fingerprint)
        case Generated() as declared:
            return GeneratedSecret(declared, fingerprint, asked.place, asked.present)
        case SupabaseKey() as declared:
            return SupabaseApiKey(context, _ref(asked), declared, fingerprint)
        case FlyToken() as declared:
            name = f"hotops {asked.environment.name} {asked.name}"
            return FlyDeployToken(context, asked.environment.fly_org, name, declared, asked.present, fingerprint)
        case Checklist() as declared:
            return GuidedByHand(context, declared, asked.name, sibling_path(asked.item.path, "new"), fingerprint)
        case _:
            raise UsageError(
                f"The map does not say who issues {asked.name}.",
                remedy="Declare it: provider: {kind: generated}, postgres, supabase_key, fly_token or checklist.",
            )


def _ref(asked: Asked) -> str:
    project = project_facts(asked.context, asked.environment.supabase_project)
    if project is None:
        raise UsageError("No Supabase project is declared.", remedy="Set supabase_project in the inventory.")
    return project.ref

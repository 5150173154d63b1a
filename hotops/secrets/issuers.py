"""Who issues a secret, as the map declares it: what a rotation needs to make a successor and to end the old one."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from hotops.inventory.spec import AppName, SecretName, Spec


class Issued(Spec):
    """What every issuer has."""

    overlap_s: float = Field(
        30.0,
        ge=0,
        description="How long the old one stays valid once the new one is everywhere, in seconds. Above 300 the run"
        " ends meanwhile, and the next one takes the old one away.",
    )


class PostgresProvider(Issued):
    """The credential is a connection string of one of two login roles of an owner role."""

    kind: Literal["postgres"] = Field(description="postgres: the login roles OWNER_a and OWNER_b, in turn.")
    owner: str = Field(pattern=r"^[a-z_][a-z0-9_]{0,50}$", description="The owner role, which itself may not log in.")


class PostgresPassword(Issued):
    """The credential is a connection string of the project's own role `postgres`, which has one password."""

    kind: Literal["postgres_password"] = Field(
        description="postgres_password: a new one ends the old one at once; never scheduled, needs accept_outage."
    )


class Generated(Issued):
    """The credential is random bytes that nobody issues: a session secret, the key of a webhook's signature."""

    kind: Literal["generated"] = Field(description="generated: random bytes.")
    bytes: int = Field(32, ge=16, le=256, description="How many.")
    form: Literal["hex", "base64", "urlsafe"] = Field("hex", description="hex, base64 or urlsafe (no padding).")
    previous: SecretName | None = Field(
        None,
        description="Secret of the map that the app takes as valid too: it gets the new one first, then the old one.",
    )


class SupabaseKey(Issued):
    """The credential is an API key of the project (`sb_secret_…`, `sb_publishable_…`)."""

    kind: Literal["supabase_key"] = Field(description="supabase_key: an API key of the Supabase project.")
    name: str = Field(
        pattern=r"^[a-z_][a-z0-9_]{1,59}$", description="Name of the keys at Supabase; they are NAME_a and NAME_b."
    )
    type: Literal["secret", "publishable"] = Field("secret", description="secret or publishable.")
    role: str = Field("service_role", pattern=r"^[a-z_][a-z0-9_]*$", description="Role that a secret key acts as.")


class FlyToken(Issued):
    """The credential is a token of Fly's, for one app or for the whole organisation."""

    kind: Literal["fly_token"] = Field(description="fly_token: a deploy token of Fly's.")
    app: AppName | None = Field(None, description="The app that it is for; the whole organisation if omitted.")
    expires_days: int = Field(180, ge=1, le=7300, description="After how many days it expires by itself.")


class Check(Spec):
    """A reading call that tells whether a credential is valid."""

    url: str = Field(pattern=r"^https://", description="Address that is read with it.")
    header: str = Field("Authorization", description="Header that carries it.")
    scheme: str = Field("Bearer", description="Word before it in the header; empty for none.")


class Checklist(Issued):
    """The credential is changed by a person, step by step; hotops says which, waits, and verifies."""

    kind: Literal["checklist"] = Field(description="checklist: a person makes it, hotops verifies.")
    url: str = Field("", description="Page where it is made and revoked.")
    steps: tuple[str, ...] = Field((), description="What to do there, a sentence each.")
    check: Check | None = Field(None, description="The reading call that tells whether it is valid.")


Issuer = Annotated[
    PostgresProvider | PostgresPassword | Generated | SupabaseKey | FlyToken | Checklist,
    Field(discriminator="kind"),
]

"""Which secrets an app has, and whether its machines were given their present values. Never a value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.fly.client import Fly
from hotops.fly.models import AppSecret
from hotops.fly.secrets import SecretState, deployed_state
from hotops.info.reported import Reported, time_text

#: Releases that are asked for: a machine that was updated by an older one is rare, and counts as unknown.
_RELEASES = 100


class SecretsWanted(Spec):
    """Which secrets of which app."""

    app: str = Field(min_length=1, description="Name of the app.")
    names: tuple[str, ...] = Field((), description="Only secrets with these names; all if empty.")


class SecretFound(Reported):
    """A secret without its value."""

    name: str = Field(description="Name of the secret.")
    digest: str = Field(description="Digest of the value; equal values have equal digests.")
    state: SecretState = Field(
        description="Whether machines were given the present value: `deployed` (all), `staged` (none), `partial`"
        " (some), or `unknown`."
    )
    updated_at: str | None = Field(description="When the value was written last, RFC 3339.")


@dataclass(frozen=True)
class SecretsSeen:
    """The secrets and the state of each."""

    found: tuple[AppSecret, ...]
    states: dict[str, SecretState]


class SecretInfo(Operation[SecretsWanted, SecretsSeen]):
    """List an app's secrets by name, digest and state. Raises NotFound, Forbidden, Unauthorized."""

    name = "fly_secret_info"
    Want = SecretsWanted
    effect = "read"
    docs = Documented(
        short="List the secrets of an app of Fly.io, never their values",
        description=(
            "Returns names and digests of an app's secrets, and whether its machines were given the present values.",
            "Fly keeps secrets in a vault that can't be read back, so no value can be returned.",
        ),
        returns={
            "secrets": {
                "description": "The secrets, by name.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": SecretFound,
            },
            "missing": {
                "description": "Those of O(names) that the app does not have.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": [],
            },
        },
        examples="""
- name: See which secrets wait for a deploy
  hotops.core.fly_secret_info:
    app: "{{ inventory_hostname }}"
  register: found

- name: What the app needs is there, and deployed
  hotops.core.fly_secret_info:
    app: shop-production
    names: "{{ required_secrets }}"
  register: found
  failed_when: >-
    found is failed
    or found.missing | length > 0
    or found.secrets | rejectattr("state", "equalto", "deployed") | length > 0
""",
        see_also=("fly_app_info", "fly_release_info"),
    )

    def observe(self) -> SecretsSeen:
        fly, app = self.context.client(Fly), self.want.app
        found = fly.secrets.list(app)
        states = deployed_state(found, fly.machines.list(app), fly.releases.list(app, limit=_RELEASES))
        wanted = self.want.names
        return SecretsSeen(tuple(secret for secret in found if not wanted or secret.name in wanted), states)

    def report(self, state: SecretsSeen, plan: Plan, done: Done) -> dict[str, Any]:
        ordered = sorted(state.found, key=lambda secret: secret.name)
        there = {secret.name for secret in ordered}
        return {
            "secrets": [_found(secret, state.states[secret.name]).model_dump() for secret in ordered],
            "missing": [name for name in self.want.names if name not in there],
        }


def _found(secret: AppSecret, state: SecretState) -> SecretFound:
    return SecretFound(name=secret.name, digest=secret.digest, state=state, updated_at=time_text(secret.updated_at))

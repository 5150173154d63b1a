"""The secret map: which value of the vault goes under which names to which apps and which scopes of GitHub."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from hotops.inventory.spec import AppName, SecretName, Spec
from hotops.secrets.authenticate_spec import Authenticate
from hotops.secrets.issuers import Generated, Issuer

#: What of a value a target gets: all of it, its base64, or a part of a DSN.
Part = Literal["value", "base64", "host", "port", "user", "password", "database"]
#: Parts that hold the credential itself, and change with it. A host stays: it is no sign of age, and no leak.
CREDENTIAL_PARTS: frozenset[Part] = frozenset({"value", "base64", "password"})


def _as_names(given: Any) -> Any:
    """`NAME`, `[NAME, OTHER]` and `{NAME: part}` are all names with parts."""
    if isinstance(given, str):
        return {given: "value"}
    if isinstance(given, list | tuple):
        return {str(name): "value" for name in given}
    return given


def _as_format(given: Any) -> Any:
    """`dsn` is `{kind: dsn}`, `{hex: 32}` is 32 bytes in hex, `{pattern: …}` a regular expression."""
    if isinstance(given, str):
        return {"kind": given}
    if isinstance(given, Mapping) and "kind" not in given:
        if set(given) == {"hex"}:
            return {"kind": "hex", "bytes": given["hex"]}
        if set(given) == {"pattern"}:
            return {"kind": "pattern", "pattern": given["pattern"]}
    return given


def _as_authenticate(given: Any) -> Any:
    """`github` is `{kind: github}`."""
    return {"kind": given} if isinstance(given, str) else given


Names = Annotated[dict[SecretName, Part], BeforeValidator(_as_names), Field(min_length=1)]


class Format(Spec):
    """The form that a value must have."""

    kind: Literal["dsn", "url", "json", "base64", "hex", "pattern"] = Field(
        description="dsn, url, json, base64, hex (of `bytes` bytes), or pattern (a regular expression)."
    )
    bytes: int | None = Field(None, ge=1, description="How many bytes a hex value stands for.")
    pattern: str | None = Field(None, description="Regular expression that the whole value has to match.")

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        if (self.kind == "pattern") != (self.pattern is not None):
            raise PydanticCustomError("misshapen", "a pattern, and only that, needs `pattern`")
        if self.pattern is not None:
            try:
                re.compile(self.pattern)
            except re.error as error:
                raise PydanticCustomError("misshapen", "is no regular expression: {e}", {"e": str(error)}) from error
        return self


class GithubTargets(Spec):
    """Names at GitHub by scope."""

    repository: Names | None = Field(None, description="Names at the repository.")
    environments: dict[str, Names] = Field(default_factory=dict, description="Names by environment.")


class MappedSecret(Spec):
    """One value of the vault and its places."""

    vault: str | None = Field(
        None, min_length=1, description="Where it stands in the vault: name, slot, path#KEY; its own name if omitted."
    )
    fly: dict[AppName, Names] = Field(default_factory=dict, description="Names at Fly by app.")
    github: GithubTargets = Field(default_factory=GithubTargets, description="Names at GitHub by scope.")
    required: bool = Field(default=True, description="Whether a vault without it is refused.")
    rotate_days: int | None = Field(None, ge=1, description="How often it has to be rotated, in days.")
    provider: Issuer | None = Field(None, description="Who issues it, for secrets_rotate.yml.")
    format: Annotated[Format | None, BeforeValidator(_as_format)] = Field(None, description="The form of the value.")
    authenticate: Annotated[Authenticate | None, BeforeValidator(_as_authenticate)] = Field(
        None, description="How an audit tries it, where it may; by its form if omitted."
    )
    used_by: tuple[str, ...] = Field((), description="Who uses it; for people.")
    shared_ok: bool = Field(default=False, description="Whether other environments may have the same value.")


_REPOSITORY = "@repository"


@dataclass(frozen=True, order=True)
class Target:
    """One name at one place: `fly:shop-production/DATABASE_URL`, `github:staging/DATABASE_URL`."""

    destination: str
    name: str

    def __str__(self) -> str:
        return f"{self.destination}/{self.name}"


@dataclass(frozen=True)
class Placed:
    """What goes to a target: the map's secret and the part of it."""

    secret: str
    part: Part


def fly_destination(app: str) -> str:
    """The destination of an app's secrets."""
    return f"fly:{app}"


def github_destination(environment: str | None) -> str:
    """The destination of a scope's secrets; the repository's own is `github:@repository`."""
    return f"github:{environment or _REPOSITORY}"


def github_scope(destination: str) -> str | None:
    """The environment that a destination names; None for the repository."""
    scope = destination.removeprefix("github:")
    return None if scope == _REPOSITORY else scope


class SecretMap(Spec):
    """The map of one environment."""

    secrets: dict[SecretName, MappedSecret] = Field(min_length=1, description="Secrets by name.")
    unmanaged: dict[str, tuple[SecretName, ...]] = Field(
        default_factory=dict,
        description="Names that are somebody else's at an app, or at GitHub's `repository` or environment.",
    )

    @model_validator(mode="after")
    def _each_target_has_one_source(self) -> Self:
        fed: dict[Target, str] = {}
        for target, placed in self.placements():
            if target in fed:
                raise PydanticCustomError(
                    "misshapen",
                    "{target} is fed by both {one} and {other}",
                    {"target": str(target), "one": fed[target], "other": placed.secret},
                )
            fed[target] = placed.secret
        return self

    @model_validator(mode="after")
    def _each_second_name_is_a_secret(self) -> Self:
        for name, secret in self.secrets.items():
            second = secret.provider.previous if isinstance(secret.provider, Generated) else None
            if second is not None and (second not in self.secrets or second == name):
                raise PydanticCustomError(
                    "misshapen",
                    "{name} takes {second} as its second name, which is no other secret of this map",
                    {"name": name, "second": second},
                )
        return self

    def only(self, names: Collection[str]) -> SecretMap:
        """The map of some of its secrets; all of it where none is named."""
        if not names:
            return self
        return self.model_copy(update={"secrets": {key: item for key, item in self.secrets.items() if key in names}})

    def placements(self) -> Iterator[tuple[Target, Placed]]:
        """Every target with what it gets, in the map's order."""
        for name, secret in self.secrets.items():
            for app, names in secret.fly.items():
                yield from ((Target(fly_destination(app), at), Placed(name, part)) for at, part in names.items())
            if secret.github.repository:
                for at, part in secret.github.repository.items():
                    yield Target(github_destination(None), at.upper()), Placed(name, part)
            for scope, names in secret.github.environments.items():
                for at, part in names.items():
                    yield Target(github_destination(scope), at.upper()), Placed(name, part)

    def destinations(self) -> dict[str, dict[str, Placed]]:
        """What each destination gets, by name."""
        found: dict[str, dict[str, Placed]] = {}
        for target, placed in self.placements():
            found.setdefault(target.destination, {})[target.name] = placed
        return found

    def is_unmanaged(self, target: Target) -> bool:
        """Whether a name at a target is declared to be somebody else's."""
        scope = target.destination.partition(":")[2].removeprefix("@")
        return target.name in self.unmanaged.get(scope, ())

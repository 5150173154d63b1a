"""Who may do what: tokens in the forms clients send them, and the refusals of the Machines API."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

from hotops.sandbox.fly.errors import RefusalError
from hotops.sandbox.fly.world import App, Token, World
from hotops.sandbox.wire import Request


@dataclass(frozen=True)
class Grant:
    """What the tokens of one request allow together."""

    tokens: tuple[Token, ...]

    def check(self, app: App, *, writes: bool) -> None:
        """Raise 403 unless one token reaches this app (and may write, if asked)."""
        reaching = [token for token in self.tokens if reaches(token, app)]
        if not reaching:
            raise RefusalError(403, f"unauthorized: token is not permitted to access app {app.name!r}")
        if writes and not any(token.can_write for token in reaching):
            raise RefusalError(403, "unauthorized: token is read-only, this action is not permitted")

    def check_org(self, slug: str, *, writes: bool = False) -> None:
        """Raise 403 unless one token covers the whole organisation."""
        covering = [t for t in self.tokens if t.apps is None and t.org in {None, slug}]
        if not covering:
            raise RefusalError(403, f"unauthorized: token is not permitted to access organization {slug!r}")
        if writes and not any(token.can_write for token in covering):
            raise RefusalError(403, "unauthorized: token is read-only, this action is not permitted")

    def apps_of(self, world: World) -> list[App]:
        """The apps these tokens can see; an app-scoped token sees its own only."""
        return [app for app in world.apps.values() if any(reaches(token, app) for token in self.tokens)]


def reaches(token: Token, app: App) -> bool:
    """Whether a token covers an app."""
    if token.apps is not None:
        return app.name in token.apps
    return token.org in {None, app.org.slug}


def grant_of(world: World, request: Request, now: float) -> Grant:
    """The grant of a request's authorization header; raises 401 where no known token is in it.

    `Bearer` and `FlyV1` are both taken, several tokens are separated by commas, and basic authentication's password is
    a token (registry). Tokens that are not known beside one that is are passed over.
    """
    header = request.headers.get("authorization", "")
    scheme, _, rest = header.partition(" ")
    if scheme.lower() == "basic":
        rest = _password(rest)
    elif scheme.lower() not in {"bearer", "flyv1"}:
        rest = header
    given = [world.tokens[part.strip()] for part in rest.split(",") if part.strip() in world.tokens]
    known = [token for token in given if token.expires_at is None or token.expires_at > now]
    if not known:
        raise RefusalError(401, "unauthorized: invalid or missing token")
    return Grant(tuple(known))


def app_named(world: World, grant: Grant, name: str, *, writes: bool) -> App:
    """An app by its name: 404 where none has it, 403 where it is somebody else's."""
    app = world.apps.get(name)
    if app is None:
        raise RefusalError(404, f"app not found: {name}")
    grant.check(app, writes=writes)
    return app


def described(world: World, token: Token) -> dict[str, Any]:
    """What `GET /v1/tokens/current` tells of a token (Machines API, tokenInfo)."""
    scope = token.apps
    first = world.apps.get(scope[0]) if scope else None
    slug = token.org or (first.org.slug if first else next(iter(world.orgs), ""))
    org = world.orgs.get(slug)
    return {
        "token_id": token.id,
        "org_slug": slug,
        "organization": org.name if org else "",
        "apps": list(scope) if scope is not None else [],
        "user": token.user,
        "restricted_to_machine": "",
        "source_machine_id": "",
    }


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return ""

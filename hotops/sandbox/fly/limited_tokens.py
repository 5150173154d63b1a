"""Tokens that are made and revoked through GraphQL, for an app or a whole organisation."""

from __future__ import annotations

import re
import secrets
from datetime import UTC, datetime
from typing import Any

from hotops.sandbox.fly.world import App, Org, Token, World

_EXPIRY = re.compile(r"^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$")


def made_for(world: World, org: Org, app: App | None) -> list[dict[str, Any]]:
    """The tokens of an app, or of the organisation itself; never their values."""
    scope = (app.name,) if app else None
    mine = (token for token in world.tokens.values() if token.is_made and (token.org, token.apps) == (org.slug, scope))
    return [_shown(token) for token in mine]


def make(world: World, org: Org, app: App | None, *, name: str, expiry: str | None, now: float) -> dict[str, Any]:
    """Make one; its value is shown this once."""
    value = f"sandbox-{secrets.token_hex(16)}"
    found = _EXPIRY.match(expiry or "175200h")
    hours, minutes, seconds = (int(part or 0) for part in found.groups()) if found else (175200, 0, 0)
    token = Token(
        id=f"tok_{secrets.token_hex(8)}",
        org=org.slug,
        apps=(app.name,) if app else None,
        name=name,
        is_made=True,
        expires_at=now + hours * 3600 + minutes * 60 + seconds,
    )
    world.tokens[value] = token
    return {**_shown(token), "tokenHeader": value}


def revoke(world: World, token_id: str) -> bool:
    """Revoke the one of this id; whether there was one."""
    value = next((value for value, token in world.tokens.items() if token.id == token_id and token.is_made), None)
    if value is None:
        return False
    del world.tokens[value]
    return True


def _shown(token: Token) -> dict[str, Any]:
    expires_at = datetime.fromtimestamp(token.expires_at or 0, UTC).isoformat().replace("+00:00", "Z")
    return {
        "__typename": "LimitedAccessToken",
        "id": token.id,
        "name": token.name,
        "tokenHeader": None,
        "expiresAt": expires_at,
        "revokedAt": None,
    }

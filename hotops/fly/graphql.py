"""GraphQL: one call, whose errors come with status 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hotops.core.errors import NotFound, WireError
from hotops.fly.errors import QueryFailed
from hotops.fly.surfaces import Surfaces


def query(surfaces: Surfaces, document: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The `data` of a query, never a mutation: it is repeated on a broken connection.

    Raises NotFound for "Could not find …", QueryFailed for every other error (fly-go, GraphQL errors).
    """
    return _asked(surfaces, document, variables, idempotent=True)


def mutate(surfaces: Surfaces, document: str, variables: Mapping[str, Any], *, idempotent: bool) -> dict[str, Any]:
    """The `data` of a mutation; repeated where no answer came only if that does no harm. Raises as `query` does."""
    return _asked(surfaces, document, variables, idempotent=idempotent)


def _asked(surfaces: Surfaces, document: str, variables: Mapping[str, Any], *, idempotent: bool) -> dict[str, Any]:
    answer = surfaces.graphql.request(
        "POST", "/graphql", body={"query": document, "variables": dict(variables)}, idempotent=idempotent
    )
    reply = answer.object
    errors = reply.get("errors") or []
    if errors:
        first = errors[0] if isinstance(errors[0], dict) else {}
        message = answer.shown(str(first.get("message") or "GraphQL answered with an error"))
        code = str((first.get("extensions") or {}).get("code") or "")
        kind = NotFound if message.startswith("Could not find") or code == "NOT_FOUND" else QueryFailed
        raise kind(
            message,
            status=answer.status,
            request_id=answer.request_id,
            details={"cloud_code": code} if code else None,
        )
    if not isinstance(data := reply.get("data"), dict):
        raise WireError("Fly's GraphQL answered neither data nor an error.", remedy="Try again.", code="unknown_reply")
    return data

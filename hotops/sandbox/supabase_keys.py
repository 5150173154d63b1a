"""API keys of the twin's projects: made, revealed, deleted, as the Management API does it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

_NAME = re.compile(r"^[a-z_][a-z0-9_]{3,63}$")
_PREFIXES: Mapping[str, str] = {"secret": "sb_secret_", "publishable": "sb_publishable_"}


class KeyRefused(Exception):
    """An error answer: status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status, self.message = status, message


class ProjectKeys:
    """The keys of all projects; a project has its two legacy ones, the two that it was made with, and its seed's.

    `seeded` tells the latter of a project: values by name.
    """

    def __init__(self, seeded: Callable[[str], Mapping[str, str]]) -> None:
        self._seeded = seeded
        self._keys: dict[str, list[dict[str, Any]]] = {}

    def forget(self) -> None:
        """Back to what each project begins with."""
        self._keys.clear()

    def valid(self, ref: str) -> set[str]:
        """The values that count now."""
        return {key["api_key"] for key in self._of(ref, 0.0)}

    def answer(
        self, ref: str, method: str, rest: str, body: Mapping[str, Any], now: float, *, reveal: bool
    ) -> tuple[int, Any] | None:
        """Answer below `/api-keys`; None where there is no such path."""
        found = re.fullmatch(r"/api-keys(?:/(?P<id>[0-9a-f-]{36}))?", rest)
        if found is None:
            return None
        keys = self._of(ref, now)
        if found["id"] is None and method == "GET":
            return 200, [_shown(key, reveal=reveal) for key in keys]
        if found["id"] is None and method == "POST":
            return 201, _shown(self._make(keys, body, now), reveal=reveal)
        one = next((key for key in keys if key["id"] == found["id"]), None)
        if one is None:
            raise KeyRefused(404, "API key not found")
        if method == "DELETE":
            keys.remove(one)
            return 200, _shown(one, reveal=False)
        return (200, _shown(one, reveal=reveal)) if method == "GET" else None

    def _make(self, keys: list[dict[str, Any]], body: Mapping[str, Any], now: float) -> dict[str, Any]:
        kind, name = body.get("type"), body.get("name")
        if kind not in _PREFIXES:
            raise KeyRefused(400, "type: Invalid option: expected one of 'publishable'|'secret'")
        if not isinstance(name, str) or not _NAME.match(name):
            raise KeyRefused(400, "name: Invalid string: must match pattern /^[a-z_][a-z0-9_]+$/")
        if any(key["name"] == name for key in keys):
            raise KeyRefused(400, f"An API key named {name} exists already")
        made = _key(str(kind), name, now, body.get("secret_jwt_template"))
        keys.append(made)
        return made

    def _of(self, ref: str, now: float) -> list[dict[str, Any]]:
        if ref not in self._keys:
            seeded = [_key(_kind(value), name, now, value=value) for name, value in self._seeded(ref).items()]
            own = [_key("publishable", "default", now), _key("secret", "default", now)]
            self._keys[ref] = [*_legacy(ref), *own, *seeded]
        return self._keys[ref]


def _kind(value: str) -> str:
    return next(kind for kind, prefix in _PREFIXES.items() if value.startswith(prefix))


def _key(kind: str, name: str, now: float, template: Any = None, value: str = "") -> dict[str, Any]:
    value = value or _PREFIXES[kind] + secrets.token_urlsafe(24)
    at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "api_key": value,
        "id": str(uuid.uuid4()),
        "type": kind,
        "prefix": value[: len(_PREFIXES[kind]) + 5],
        "name": name,
        "description": None,
        "hash": base64.b64encode(hashlib.sha256(value.encode()).digest()).decode(),
        "secret_jwt_template": template if kind == "secret" else None,
        "inserted_at": at,
        "updated_at": at,
    }


def _legacy(ref: str) -> Iterator[dict[str, Any]]:
    """JWTs, which are shown in clear however one asks (seen in the vendor's recordings)."""
    for role in ("anon", "service_role"):
        claims = json.dumps({"iss": "supabase", "ref": ref, "role": role}).encode()
        parts = (b'{"alg":"HS256","typ":"JWT"}', claims, secrets.token_bytes(32))
        value = ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
        yield {"api_key": value, "id": None, "type": "legacy", "prefix": None, "name": role, "description": None}


def _shown(key: Mapping[str, Any], *, reveal: bool) -> dict[str, Any]:
    if reveal or key["type"] != "secret":
        return dict(key)
    return {**key, "api_key": key["prefix"] + "·" * 16}

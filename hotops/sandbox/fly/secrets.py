"""Machines REST: an app's secrets, written but never read back (Machines API, secrets)."""

from __future__ import annotations

import re
from typing import Any

from hotops.sandbox.fly.errors import RefusalError, invalid, json_reply, not_found, unmet
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.wire import Response

routes = Routes()
SECRETS = "/v1/apps/{app}/secrets"
NAME = re.compile(r"^[A-Za-z0-9_]+$")


def _check_version(call: Call) -> None:
    """Refuse a read that asks for a newer vault than there is; flyctl says `version`, the document `min_version`."""
    asked = call.request.value("min_version") or call.request.value("version")
    if asked.isdigit() and int(asked) > call.app.vault.version:
        raise unmet(f"secrets version {asked} is not available yet")


def _check_name(name: str) -> None:
    if not NAME.match(name):
        raise RefusalError(422, "Validation failed: Name only allows letters, numbers, and underscores")


@routes.on("GET", SECRETS, action="secrets_list")
def list_secrets(call: Call) -> Response:
    """Names, digests and times; `show_secrets` is refused in silence, values are write-only in practice (Fly docs)."""
    _check_version(call)
    vault = call.app.vault
    return json_reply({"secrets": [vault.shown(name) for name in sorted(vault.entries)]})


@routes.on("POST", SECRETS, action="secrets_update")
def update_secrets(call: Call) -> Response:
    """Write several secrets; null deletes one. No machine is touched by this."""
    values = call.payload.get("values")
    if not isinstance(values, dict):
        raise invalid("values is required")
    for name, value in values.items():
        _check_name(name)
        if value is not None and not isinstance(value, str):
            raise invalid(f"values.{name}: must be a string or null")
    vault = call.app.vault
    version = vault.write(values, call.now)
    shown = [vault.shown(name) for name in sorted(vault.entries)]
    return json_reply({"secrets": shown, "version": version, "Version": version})


@routes.on("GET", SECRETS + "/{name}", action="secrets_get")
def get_secret(call: Call) -> Response:
    """One secret, without its value."""
    _check_version(call)
    if call.params["name"] not in call.app.vault.entries:
        raise not_found("secret")
    return json_reply(call.app.vault.shown(call.params["name"]))


@routes.on("POST", SECRETS + "/{name}", action="secrets_set")
def set_secret(call: Call) -> Response:
    """Write one secret."""
    name, value = call.params["name"], call.payload.get("value")
    _check_name(name)
    if not isinstance(value, str):
        raise invalid("value is required")
    version = call.app.vault.write({name: value}, call.now)
    shown: dict[str, Any] = {**call.app.vault.shown(name), "version": version, "Version": version}
    return json_reply(shown, 201)


@routes.on("DELETE", SECRETS + "/{name}", action="secrets_delete")
def delete_secret(call: Call) -> Response:
    """Delete one secret; an unknown name too, which is how the present version is learnt."""
    version = call.app.vault.write({call.params["name"]: None}, call.now)
    return json_reply({"version": version, "Version": version})

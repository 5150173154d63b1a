"""Machines REST: metadata, which no lease guards and no new version follows (Machines API, metadata)."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.fly.errors import empty_reply, invalid, json_reply, not_found, unmet
from hotops.sandbox.fly.machines import MACHINE
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.wire import Response

routes = Routes()
METADATA = MACHINE + "/metadata"
KEY = METADATA + "/{key}"


def _stored(call: Call) -> dict[str, Any]:
    stored: dict[str, Any] = call.machine.config.setdefault("metadata", {})
    return stored


@routes.on("GET", METADATA, action="metadata_get")
def get_metadata(call: Call) -> Response:
    """The whole map."""
    return json_reply(_stored(call))


@routes.on("PUT", METADATA, action="metadata")
@routes.on("PATCH", METADATA, action="metadata")
def write_metadata(call: Call) -> Response:
    """Write several keys; null or "" removes one; 412 where `machine_version` is no longer the machine's."""
    expected = call.payload.get("machine_version")
    if expected and expected != call.machine.current.instance_id:
        raise unmet(f"machine version mismatch: current version is {call.machine.current.instance_id}")
    values = call.payload.get("metadata")
    if not isinstance(values, dict):
        raise invalid("metadata is required")
    stored = _stored(call)
    if call.request.method == "PUT":
        stored.clear()
    for key, value in values.items():
        _write(stored, key, value)
    return empty_reply()


@routes.on("GET", KEY, action="metadata_get")
def get_metadata_key(call: Call) -> Response:
    """One value; 404 where the key is not set."""
    value = _stored(call).get(call.params["key"])
    if value is None:
        raise not_found("metadata key")
    return json_reply({"value": value})


@routes.on("POST", KEY, action="metadata")
def write_metadata_key(call: Call) -> Response:
    """Write one value."""
    if "value" not in call.payload:
        raise invalid("value is required")
    _write(_stored(call), call.params["key"], call.payload["value"])
    return empty_reply()


@routes.on("DELETE", KEY, action="metadata")
def delete_metadata_key(call: Call) -> Response:
    """Remove one key; an unknown one too."""
    _stored(call).pop(call.params["key"], None)
    return empty_reply()


def _write(stored: dict[str, Any], key: str, value: Any) -> None:
    if value in {None, ""}:
        stored.pop(key, None)
        return
    if not isinstance(value, str):
        raise invalid(f"metadata.{key}: value must be a string")
    stored[key] = value

"""Secrets of repositories and environments: sealed on the way in, never told again; the twin really opens the boxes."""

from __future__ import annotations

import base64
import binascii
import re

from nacl.exceptions import CryptoError
from nacl.public import SealedBox

from hotops.sandbox.github.replies import RefusalError, empty_reply, invalid, json_reply, not_found, page_of, time_of
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.world import Keyring, Stored
from hotops.sandbox.wire import Response

LARGEST_BYTES = 48 * 1024
MOST = 100
"""Limits of a value and of a scope (GitHub docs, secrets)."""

NAME = re.compile(r"^(?!GITHUB_)[A-Z_][A-Z0-9_]*$")
_REPOSITORY = "/repos/{owner}/{repo}/actions/secrets"
_ENVIRONMENT = "/repos/{owner}/{repo}/environments/{environment}/secrets"

routes = Routes()


def _keyring(call: Call) -> Keyring:
    return call.environment.keyring if "environment" in call.params else call.repo.keyring


def _list(call: Call) -> Response:
    found = sorted(_keyring(call).values.items())
    return page_of(call.request, found, lambda item: _shown(*item), key="secrets")


def _public_key(call: Call) -> Response:
    ring = _keyring(call)
    return json_reply({"key_id": ring.key_id, "key": base64.b64encode(bytes(ring.key.public_key)).decode()})


def _get(call: Call) -> Response:
    name = call.params["name"].upper()
    found = _keyring(call).values.get(name)
    if found is None:
        raise not_found()
    return json_reply(_shown(name, found))


def _put(call: Call) -> Response:
    ring, name = _keyring(call), call.params["name"].upper()
    if not NAME.match(name):
        raise invalid("Secret names can only contain alphanumeric characters or underscores and start with a letter")
    if call.payload.get("key_id") != ring.key_id:
        raise invalid("The key_id provided is not the current public key's.")
    value = _opened(ring, call.payload.get("encrypted_value"))
    if len(value) > LARGEST_BYTES:
        raise invalid("Secret value is too large")
    known = ring.values.get(name)
    if known is None and len(ring.values) >= MOST:
        raise invalid(f"Secrets are limited to {MOST}")
    ring.values[name] = Stored(value, known.created_at if known else call.now, call.now)
    return json_reply({}, 201) if known is None else empty_reply()


def _delete(call: Call) -> Response:
    if _keyring(call).values.pop(call.params["name"].upper(), None) is None:
        raise not_found()
    return empty_reply()


def _opened(ring: Keyring, sealed: object) -> bytes:
    try:
        if not isinstance(sealed, str):
            raise RefusalError(400, "encrypted_value is missing")
        return bytes(SealedBox(ring.key).decrypt(base64.b64decode(sealed, validate=True)))
    except (CryptoError, binascii.Error, ValueError):
        raise invalid("Bad request - encrypted_value is not sealed with the public key") from None


def _shown(name: str, found: Stored) -> dict[str, str]:
    return {"name": name, "created_at": time_of(found.created_at), "updated_at": time_of(found.updated_at)}


for _base, _permission in ((_REPOSITORY, "secrets"), (_ENVIRONMENT, "environments")):
    routes.on("GET", f"{_base}/public-key", _permission, role="read")(_public_key)
    routes.on("GET", _base, _permission, role="write")(_list)
    routes.on("GET", f"{_base}/{{name}}", _permission, role="write")(_get)
    routes.on("PUT", f"{_base}/{{name}}", _permission)(_put)
    routes.on("DELETE", f"{_base}/{{name}}", _permission)(_delete)

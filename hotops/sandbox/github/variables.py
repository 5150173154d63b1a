"""Variables of repositories and environments: readable by whoever may."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.github.replies import (
    RefusalError,
    empty_reply,
    invalid,
    json_reply,
    not_found,
    page_of,
    time_of,
)
from hotops.sandbox.github.routing import Call, Routes
from hotops.sandbox.github.secrets import LARGEST_BYTES, NAME
from hotops.sandbox.github.world import Stored
from hotops.sandbox.wire import Response

_REPOSITORY = "/repos/{owner}/{repo}/actions/variables"
_ENVIRONMENT = "/repos/{owner}/{repo}/environments/{environment}/variables"

routes = Routes()


def _variables(call: Call) -> dict[str, Stored]:
    return call.environment.variables if "environment" in call.params else call.repo.variables


def _list(call: Call) -> Response:
    found = sorted(_variables(call).items())
    return page_of(call.request, found, lambda item: _shown(*item), key="variables", default=10)


def _get(call: Call) -> Response:
    name = call.params["name"].upper()
    return json_reply(_shown(name, _known(call, name)))


def _post(call: Call) -> Response:
    name, held = _name_in(call.payload), _variables(call)
    if name in held:
        raise RefusalError(409, "Already exists - Variable already exists")
    held[name] = Stored(_value_in(call.payload), call.now, call.now)
    return json_reply({}, 201)


def _patch(call: Call) -> Response:
    name, held = call.params["name"].upper(), _variables(call)
    known = _known(call, name)
    value = _value_in(call.payload) if "value" in call.payload else known.value
    renamed = _name_in(call.payload) if "name" in call.payload else name
    del held[name]
    held[renamed] = Stored(value, known.created_at, call.now)
    return empty_reply()


def _delete(call: Call) -> Response:
    _known(call, call.params["name"].upper())
    del _variables(call)[call.params["name"].upper()]
    return empty_reply()


def _known(call: Call, name: str) -> Stored:
    found = _variables(call).get(name)
    if found is None:
        raise not_found()
    return found


def _name_in(payload: dict[str, Any]) -> str:
    name = str(payload.get("name") or "").upper()
    if not NAME.match(name):
        raise invalid("Variable names can only contain alphanumeric characters or underscores")
    return name


def _value_in(payload: dict[str, Any]) -> bytes:
    value = payload.get("value")
    if not isinstance(value, str):
        raise invalid("value is missing")
    if len(value.encode()) > LARGEST_BYTES:
        raise invalid("Variable value is too large")
    return value.encode()


def _shown(name: str, found: Stored) -> dict[str, str]:
    return {
        "name": name,
        "value": found.value.decode(),
        "created_at": time_of(found.created_at),
        "updated_at": time_of(found.updated_at),
    }


for _base, _permission in ((_REPOSITORY, "actions_variables"), (_ENVIRONMENT, "environments")):
    routes.on("GET", _base, _permission, role="write")(_list)
    routes.on("POST", _base, _permission)(_post)
    routes.on("GET", f"{_base}/{{name}}", _permission, role="write")(_get)
    routes.on("PATCH", f"{_base}/{{name}}", _permission)(_patch)
    routes.on("DELETE", f"{_base}/{{name}}", _permission)(_delete)

"""The control interface of a sandbox: looking at the twin, breaking it, and moving it from outside the clouds."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from hotops.sandbox import happenings
from hotops.sandbox.fly.errors import RefusalError, json_reply
from hotops.sandbox.fly.world import App, Token
from hotops.sandbox.github import happenings as github
from hotops.sandbox.twin import Twin
from hotops.sandbox.wire import Request, Response

PREFIX = "/_sandbox/"
#: What a registry takes as a tag.
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
Payload = dict[str, Any]
Action = Callable[[Twin, Payload, float], Any]


class Control:
    """The control interface as a backend: one twin, requests under /_sandbox whose token was checked by the caller."""

    def __init__(self, twin: Twin) -> None:
        self._twin = twin

    def handle(self, request: Request, now: float) -> Response:
        """Answer a control request; `shutdown` is the server's own."""
        path = request.path
        if request.query and request.method == "GET":
            asked = json.dumps(dict(request.query)).encode()
            return control(self._twin, request.method, path, asked, now)
        return control(self._twin, request.method, path, request.body, now)


def control(twin: Twin, method: str, path: str, body: bytes, now: float) -> Response:
    """Answer one control call; the parameters of a GET may stand in the body as JSON or in the path's query.

    A fault may be removed by `DELETE /_sandbox/faults/ID`. Errors are 400 or 404 with `{"error"}` in the body.
    """
    path, _, query = path.partition("?")
    name, _, rest = path.removeprefix(PREFIX).strip("/").partition("/")
    action = ACTIONS.get((method.upper(), name))
    if action is None:
        return json_reply({"error": f"no such control: {method} {path}"}, 404)
    try:
        payload = json.loads(body) if body else {}
    except ValueError:
        return json_reply({"error": "the body is not valid JSON"}, 400)
    if not isinstance(payload, dict):
        return json_reply({"error": "the body is not a JSON object"}, 400)
    payload = {**dict(parse_qsl(query)), **payload}
    if rest:
        payload["id"] = rest
    with twin.lock:
        twin.ensure_planted(now)
        try:
            return json_reply(action(twin, payload, now))
        except RefusalError as refusal:
            return refusal.reply()
        except (KeyError, ValueError, TypeError) as error:
            return json_reply({"error": f"bad request: {error}"}, 400)


def _status(twin: Twin, payload: Payload, now: float) -> Payload:
    del payload
    return {
        "now": now,
        "speed": twin.settings.speed,
        "limits": twin.settings.limits,
        "propagation_s": twin.settings.propagation_s,
        "calls": twin.calls.count,
        "faults": len(twin.faults.shown()),
        "hostnames": twin.hostnames(),
        "apps": [happenings.app_status(twin.world, app, now) for app in twin.world.apps.values()],
    }


def _reset(twin: Twin, payload: Payload, now: float) -> Payload:
    twin.reset(now, payload or None)
    return {"ok": True}


def _log(twin: Twin, payload: Payload, now: float) -> Payload:
    del now
    entries = twin.calls.since(int(payload.get("since") or 0))
    return {"entries": entries, "last": twin.calls.count}


def _clear_log(twin: Twin, payload: Payload, now: float) -> Payload:
    del payload, now
    twin.calls.clear()
    return {"ok": True}


def _faults(twin: Twin, payload: Payload, now: float) -> Payload:
    del payload, now
    return {"faults": twin.faults.shown()}


def _add_fault(twin: Twin, payload: Payload, now: float) -> Payload:
    del now
    return twin.faults.add(payload).shown()


def _remove_faults(twin: Twin, payload: Payload, now: float) -> Payload:
    del now
    return {"removed": twin.faults.remove(payload.get("id"))}


def _push(twin: Twin, payload: Payload, now: float) -> Payload:
    app = _app(twin, payload)
    deploys = bool(payload.get("deploy", True))
    age_s = float(payload.get("age_s") or 0.0)
    tag = str(payload["tag"])
    if not _TAG.fullmatch(tag):
        raise RefusalError(400, f"{tag!r} is no tag of an image: letters, digits, and _ . - after the first")
    pushed = happenings.push(twin.world, app, tag, now, age_s=age_s, deploys=deploys, labels=payload.get("labels"))
    github.built(twin.github.hub, twin.world.images.content(tag).labels, now - age_s)
    return pushed


def _prune(twin: Twin, payload: Payload, now: float) -> Payload:
    del now
    repository = str(payload.get("repository") or payload["app"])
    if not twin.world.images.prune(repository, str(payload["tag"])):
        raise RefusalError(404, f"no image {repository}:{payload['tag']}")
    return {"ok": True}


def _tokens(twin: Twin, payload: Payload, now: float) -> Payload:
    del now
    access = payload.get("access", "write")
    if access not in {"read", "write"}:
        raise ValueError(f"access: {access!r} is neither 'read' nor 'write'")
    apps = payload.get("apps")
    for name in apps or []:
        if name not in twin.world.apps:
            raise RefusalError(404, f"unknown app {name!r}")
    value = f"sandbox-{secrets.token_hex(16)}"
    twin.world.tokens[value] = Token(
        id=f"tok_{secrets.token_hex(4)}",
        org=payload.get("org"),
        apps=tuple(apps) if apps is not None else None,
        can_write=access == "write",
    )
    return {"token": value}


def _machines(twin: Twin, payload: Payload, now: float) -> Payload:
    app = _app(twin, payload)
    wanted = payload.get("id")
    if wanted is not None and wanted not in app.machines:
        raise RefusalError(404, f"app {app.name!r} has no machine {wanted!r}")
    return {"machines": happenings.happen(twin.world, app, wanted, str(payload["do"]), now)}


def _secrets(twin: Twin, payload: Payload, now: float) -> Payload:
    app = _app(twin, payload)
    values = payload.get("set") or {}
    version = app.vault.write({str(name): value for name, value in values.items()}, now)
    if not payload.get("staged", False):
        happenings.redeploy(twin.world, app, now)
    return {"version": version}


def _settings(twin: Twin, payload: Payload, now: float) -> Payload:
    del now
    known = {"limits": bool, "propagation_s": float, "propagation_seed": int, "speed": float}
    for name, value in payload.items():
        if name not in known:
            raise ValueError(f"unknown setting {name!r}, known are {', '.join(sorted(known))}")
        setattr(twin.settings, name, known[name](value))
    return {name: getattr(twin.settings, name) for name in known}


def _github(twin: Twin, payload: Payload, now: float) -> Any:
    return github.happen(twin.github.hub, payload, now)


def _app(twin: Twin, payload: Payload) -> App:
    name = str(payload["app"])
    if name not in twin.world.apps:
        raise RefusalError(404, f"unknown app {name!r}, known are {', '.join(sorted(twin.world.apps))}")
    return twin.world.apps[name]


ACTIONS: dict[tuple[str, str], Action] = {
    ("GET", "status"): _status,
    ("POST", "reset"): _reset,
    ("GET", "log"): _log,
    ("DELETE", "log"): _clear_log,
    ("GET", "faults"): _faults,
    ("POST", "faults"): _add_fault,
    ("DELETE", "faults"): _remove_faults,
    ("POST", "push"): _push,
    ("POST", "prune"): _prune,
    ("POST", "tokens"): _tokens,
    ("POST", "machines"): _machines,
    ("POST", "secrets"): _secrets,
    ("POST", "settings"): _settings,
    ("POST", "github"): _github,
}

"""A project's own address, REF.supabase.co: its gateway, as far as it asks for an API key and knows it."""

from __future__ import annotations

import json
from typing import Any

from hotops.sandbox.projects import Databases
from hotops.sandbox.supabase_keys import ProjectKeys
from hotops.sandbox.wire import Request, Response

DOMAIN = "supabase.co"
#: What the log-in service tells anybody who has a key (GoTrue, GET /settings): some of it.
_SETTINGS = {"external": {"email": True, "phone": False}, "disable_signup": False, "mailer_autoconfirm": False}


class ProjectHosts:
    """The addresses of all projects. A key counts from the moment it is made until the moment it is deleted."""

    def __init__(self, databases: Databases, keys: ProjectKeys) -> None:
        self._databases, self._keys = databases, keys

    def handle(self, request: Request, now: float) -> Response:
        """Answer one request; every one of them needs a key, which its header or its address carries."""
        del now
        request.memory["effect"] = "none" if request.method in ("GET", "HEAD") else "write"
        ref = request.host.partition(".")[0]
        database = self._databases.find(ref)
        if database is None:
            return _json(404, {"message": "Project not found"})
        key = request.headers.get("apikey") or next(iter(request.values("apikey")), "")
        if not key:
            hint = "No `apikey` request header or url param was found."
            return _json(401, {"message": "No API key found in request", "hint": hint})
        if key not in self._keys.valid(ref):
            hint = "Double check your Supabase `anon` or `service_role` API key."
            return _json(401, {"message": "Invalid API key", "hint": hint})
        if database.status != "ACTIVE_HEALTHY":
            return _json(540, {"message": "Project paused"})
        if (request.method, request.path) == ("GET", "/auth/v1/settings"):
            return _json(200, _SETTINGS)
        return _json(404, {"message": "no Route matched with those values"})


def _json(status: int, payload: Any) -> Response:
    return Response(status, {"Content-Type": "application/json; charset=utf-8"}, json.dumps(payload).encode())

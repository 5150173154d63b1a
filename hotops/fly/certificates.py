"""Certificates of an app's host names."""

from __future__ import annotations

import builtins
from typing import Any

from hotops.fly.models import Certificate
from hotops.fly.surfaces import Surfaces, path

#: Pages are followed no further than this; nobody has so many host names.
_MOST_PAGES = 50


class Certificates:
    """Host names of an app and their certificates; an app on its `.fly.dev` name alone has none."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def list(self, app: str) -> builtins.list[Certificate]:
        """All host names, as summaries: no expiry in them (Machines API, list certificates)."""
        found: builtins.list[Certificate] = []
        cursor = ""
        for _ in range(_MOST_PAGES):
            params: dict[str, Any] = {"limit": 100, **({"cursor": cursor} if cursor else {})}
            answer = self._surfaces.call(
                "certificates.list", app, "GET", path("apps", app, "certificates"), params=params
            )
            names, page = answer.items("certificates"), answer.data or {}
            found += [Certificate.model_validate(item) for item in names]
            cursor = page.get("next_cursor") or ""
            if not cursor:
                break
        return found

    def get(self, app: str, hostname: str) -> Certificate:
        """One host name with its certificates and their expiry (Machines API, get certificate). Raises NotFound."""
        answer = self._surfaces.call("certificates.get", app, "GET", path("apps", app, "certificates", hostname))
        return Certificate.model_validate(answer.data)

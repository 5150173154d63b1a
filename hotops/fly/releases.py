"""Release records: what humans and flyctl believe was deployed. Nothing rolls out because of one."""

from __future__ import annotations

import builtins
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hotops.core.errors import ApiError, Forbidden, HotopsError, NotFound, ServerError, WireError
from hotops.fly import graphql
from hotops.fly.errors import is_unsent
from hotops.fly.models import Release
from hotops.fly.surfaces import Surfaces, path

Strategy = Literal["rolling", "immediate", "canary", "bluegreen"]
Status = Literal["running", "complete", "failed", "interrupted"]

_SETTLE_S = 0.5
#: How far the clouds' clock may be from ours when a record is told by its age.
_SKEW_S = 60.0

# flyctl, `releases`: the same field names, read only.
_HISTORY = """
query($app: String!, $limit: Int!) {
  app(name: $app) {
    releases: releasesUnprocessed(first: $limit) {
      nodes { id version description reason status imageRef stable user { id email name } createdAt }
    }
  }
}
"""
_DEFINITION = """
query($app: String!) { app(name: $app) { currentRelease: currentReleaseUnprocessed { configDefinition } } }
"""


@dataclass(frozen=True)
class Recorded:
    """What came of a record that may fail: the release, or a warning to show instead of it."""

    release: Release | None = None
    warning: str = ""


class Releases:
    """Release records of an app, newest first."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def list(self, app: str, *, limit: int = 25) -> builtins.list[Release]:
        """The newest records (flyctl, uiex releases); over GraphQL where the first way is refused or unknown."""
        try:
            answer = self._surfaces.uiex.request(
                "GET", f"/api/v1{path('apps', app, 'releases')}", params={"limit": limit}
            )
        except (NotFound, Forbidden):
            return self._history(app, limit)
        found = [Release.model_validate(item) for item in answer.items("releases")]
        return sorted(found, key=lambda release: -release.version)

    def current(self, app: str) -> Release | None:
        """The newest record, None where there is none yet (flyctl, uiex current release: 404)."""
        try:
            answer = self._surfaces.uiex.request("GET", f"/api/v1{path('apps', app, 'releases', 'current')}")
        except NotFound:
            return None
        data = answer.object
        return Release.model_validate(data.get("release") or data) if data else None

    def definition(self, app: str) -> dict[str, Any]:
        """The app config (fly.toml as JSON) that the newest release was made with, {} where it has none."""
        data = graphql.query(self._surfaces, _DEFINITION, {"app": app})
        if not isinstance(app_data := data.get("app"), dict):
            raise WireError(f"Fly told nothing about {app}.", remedy="Try again.", code="unknown_reply")
        return dict((app_data.get("currentRelease") or {}).get("configDefinition") or {})

    def create(
        self, app: str, *, image: str, strategy: Strategy = "rolling", definition: Mapping[str, Any] | None = None
    ) -> Release:
        """Write a record, once: an unclear answer is settled by looking for it (flyctl, uiex create release).

        A definition that is not known is written as null, never as an empty one: out of that flyctl would make machines
        without services and checks, without one it reads the machines instead (flyctl, remote config).
        """
        body = {
            "app_name": app,
            "build_id": 0,
            "definition": dict(definition) if definition else None,
            "image": image,
            "strategy": strategy.upper(),
        }
        asked_at = self._surfaces.clock.now()
        try:
            answer = self._surfaces.uiex.request("POST", "/api/v1/releases", body=body)
        except (ServerError, WireError) as error:
            if is_unsent(error):
                raise
            self._surfaces.clock.sleep(_SETTLE_S)
            for release in self.list(app, limit=5):
                if release.image_ref == image and (release.created_at or 0) >= asked_at - _SKEW_S:
                    return release
            raise
        data = answer.data or {}
        return Release.model_validate(data.get("release") or data)

    def update(self, release_id: str, status: Status, *, error: str = "", by: str = "hotops") -> Release:
        """Write how a release goes on or ended (flyctl, uiex update release). Safe to repeat."""
        metadata = {"post_deployment_info": {"flyctl_version": by, "error": error}} if error else None
        answer = self._surfaces.uiex.request(
            "PATCH",
            f"/api/v1{path('releases', release_id)}",
            body={"status": status, "metadata": metadata},
            idempotent=True,
        )
        data = answer.data or {}
        return Release.model_validate(data.get("release") or data)

    def try_create(
        self, app: str, *, image: str, strategy: Strategy = "rolling", definition: Mapping[str, Any] | None = None
    ) -> Recorded:
        """As `create`, with a warning instead of an error: a refused record must not fail a deploy."""
        try:
            return Recorded(self.create(app, image=image, strategy=strategy, definition=definition))
        except (ApiError, WireError) as error:
            return Recorded(warning=_warning(f"The release of {app} could not be recorded", error))

    def try_update(self, release_id: str, status: Status, *, error: str = "") -> Recorded:
        """As `update`, with a warning instead of an error. An empty id (no record was made) does nothing."""
        if not release_id:
            return Recorded()
        try:
            return Recorded(self.update(release_id, status, error=error))
        except (ApiError, WireError) as refused:
            return Recorded(warning=_warning(f"The release {release_id} could not be marked {status}", refused))

    def _history(self, app: str, limit: int) -> builtins.list[Release]:
        data = graphql.query(self._surfaces, _HISTORY, {"app": app, "limit": limit})
        nodes = ((data.get("app") or {}).get("releases") or {}).get("nodes") or []
        return [_from_graphql(node) for node in nodes]


def _from_graphql(node: Mapping[str, Any]) -> Release:
    user = node.get("user") or {}
    return Release.model_validate(
        {
            **node,
            "image_ref": node.get("imageRef"),
            "created_at": node.get("createdAt"),
            "user": user.get("email") or user.get("name") or "",
        }
    )


def _warning(what: str, error: HotopsError) -> str:
    return f"{what}: {error} The machines are what they should be; `fly releases` and `fly status` will not show it."

"""Apps: read one, list an organisation's, ask whether one exists, make and destroy one."""

from __future__ import annotations

import builtins

from hotops.core.errors import Forbidden, NotFound
from hotops.fly.models import App
from hotops.fly.surfaces import Surfaces, path


class Apps:
    """Apps. App names are global: another organisation's app answers 403, a free name 404 (Machines API, get app)."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def get(self, app: str) -> App:
        """One app.

        Raises Unauthorized (the token is unknown), Forbidden (the app exists, this token may not see it) and NotFound
        (nobody has an app of this name).
        """
        try:
            answer = self._surfaces.call("apps.get", app, "GET", path("apps", app))
        except Forbidden as error:
            raise Forbidden(
                f"The app {app} exists, but this token may not see it.",
                status=error.status,
                request_id=error.request_id,
                details=error.details,
                remedy=f"Use a token that covers it: fly tokens create deploy -a {app}",
            ) from error
        except NotFound as error:
            raise NotFound(
                f"There is no app {app} on Fly.",
                status=error.status,
                request_id=error.request_id,
                details=error.details,
                remedy="Check the name: fly apps list",
            ) from error
        return App.model_validate(answer.data)

    def list(self, org: str) -> builtins.list[App]:
        """An organisation's apps; empty when it has none. An app-scoped token is refused here or sees its own app only.

        Never needed to work on an app whose name is known. Raises Unauthorized, Forbidden, NotFound.
        """
        answer = self._surfaces.call("apps.list", org, "GET", "/apps", params={"org_slug": org})
        return [App.model_validate(item) for item in answer.items("apps")]

    def create(self, app: str, org: str) -> None:
        """Make an app. Names are global. Raises NameTaken, Forbidden, NotFound (the organisation)."""
        self._surfaces.call("apps.create", org, "POST", "/apps", body={"name": app, "org_slug": org})

    def destroy(self, app: str) -> None:
        """Destroy an app with its machines and volumes, for good. One that is gone already is fine."""
        try:
            self._surfaces.call("apps.delete", app, "DELETE", path("apps", app), idempotent=True)
        except NotFound:
            return

    def exists(self, app: str) -> bool:
        """Whether this token sees an app of this name: False for 404 alone, all other refusals are raised."""
        try:
            self.get(app)
        except NotFound:
            return False
        return True

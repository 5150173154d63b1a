"""Which apps there are."""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.fly.client import Fly
from hotops.fly.models import App
from hotops.info.reported import Reported


class AppsWanted(Spec):
    """Either one app or all of an organisation."""

    app: str | None = Field(None, min_length=1, description="Only this app. Exactly one of `app` and `org` is needed.")
    org: str | None = Field(None, min_length=1, description="All apps of the organisation with this slug.")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.app is None) == (self.org is None):
            raise ValueError("exactly one of app and org is needed")
        return self


class AppFound(Reported):
    """An app as Fly's API tells of it."""

    name: str = Field(description="Name of the app.")
    org: str = Field(description="Slug of its organisation.")
    status: str = Field(description="`pending` (never deployed), `deployed` or `suspended`.")
    hostname: str = Field(description="The name under which Fly always serves it.")
    machine_count: int | None = Field(description="How many machines it has, where the API says it.")


class AppInfo(Operation[AppsWanted, list[App]]):
    """Read one app, or list an organisation's. Raises NotFound, Forbidden, Unauthorized."""

    name = "fly_app_info"
    Want = AppsWanted
    effect = "read"
    docs = Documented(
        short="Read an app of Fly.io, or all of an organisation",
        description=(
            "Returns one app, or all apps of an organisation, always as a list.",
            "Names of apps are global. A token that covers one app sees others as absent.",
        ),
        returns={
            "apps": {
                "description": "The apps, by name.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": AppFound,
                "sample": [
                    {
                        "name": "shop-production",
                        "org": "acme",
                        "status": "deployed",
                        "hostname": "shop-production.fly.dev",
                        "machine_count": 2,
                    }
                ],
            }
        },
        examples="""
- name: The app is deployed
  hotops.core.fly_app_info:
    app: shop-production
  register: found
  failed_when: found is failed or found.apps[0].status != "deployed"

- name: See which apps the organisation has
  hotops.core.fly_app_info:
    org: "{{ fly_org }}"
  register: found
  run_once: true
""",
        see_also=("fly_machine_info", "fly_release_info", "fly_secret_info"),
    )

    def observe(self) -> list[App]:
        apps = self.context.client(Fly).apps
        if self.want.app is not None:
            return [apps.get(self.want.app)]
        return apps.list(str(self.want.org))

    def report(self, state: list[App], plan: Plan, done: Done) -> dict[str, Any]:
        return {"apps": [_found(app).model_dump() for app in sorted(state, key=lambda app: app.name)]}


def _found(app: App) -> AppFound:
    return AppFound(
        name=app.name,
        org=app.organization.slug,
        status=app.status,
        hostname=app.default_hostname,
        machine_count=app.machine_count,
    )

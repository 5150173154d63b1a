"""What was deployed, as the release records tell it."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.fly.client import Fly
from hotops.fly.models import Release
from hotops.info.reported import Reported, time_text


class ReleasesWanted(Spec):
    """Which releases of which app."""

    app: str = Field(min_length=1, description="Name of the app.")
    limit: int = Field(10, ge=1, le=100, description="How many of the newest releases.")


class ReleaseFound(Reported):
    """A release record."""

    version: int = Field(description="Number of the release.")
    status: str = Field(description="`pending`, `running`, `complete`, `failed` or `interrupted`.")
    image: str = Field(description="The image that was deployed, as it was written then.")
    strategy: str = Field(description="How machines were replaced.")
    description: str = Field(description="What the record says about itself.")
    user: str = Field(description="Who deployed, where the record says it.")
    created_at: str | None = Field(description="When, RFC 3339.")


class ReleaseInfo(Operation[ReleasesWanted, list[Release]]):
    """List an app's newest releases. Raises NotFound, Forbidden, Unauthorized."""

    name = "fly_release_info"
    Want = ReleasesWanted
    effect = "read"
    docs = Documented(
        short="List the releases of an app of Fly.io",
        description=(
            "Returns the newest release records of an app, newest first.",
            "A record says what somebody meant to deploy; M(hotops.core.fly_machine_info) says what really runs.",
        ),
        returns={
            "releases": {
                "description": "The releases, newest first.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": ReleaseFound,
            }
        },
        examples="""
- name: See the last ten releases
  hotops.core.fly_release_info:
    app: "{{ inventory_hostname }}"
  register: found

- name: The newest release is complete
  hotops.core.fly_release_info:
    app: shop-production
    limit: 1
  register: found
  failed_when: found is failed or found.releases[0].status != "complete"
""",
        see_also=("fly_app_info", "fly_machine_info"),
    )

    def observe(self) -> list[Release]:
        return self.context.client(Fly).releases.list(self.want.app, limit=self.want.limit)

    def report(self, state: list[Release], plan: Plan, done: Done) -> dict[str, Any]:
        return {"releases": [_found(release).model_dump() for release in state[: self.want.limit]]}


def _found(release: Release) -> ReleaseFound:
    return ReleaseFound(
        version=release.version,
        status=release.status,
        image=release.image_ref,
        strategy=release.strategy.lower(),
        description=release.description,
        user=release.user,
        created_at=time_text(release.created_at),
    )

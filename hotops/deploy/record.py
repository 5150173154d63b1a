"""Release records: written so that flyctl tells the truth, never a reason for a deploy to fail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from hotops.core.errors import ApiError, WireError
from hotops.core.operation import Fact
from hotops.fly import Fly
from hotops.fly.releases import Status, Strategy


def record_release(
    fly: Fly,
    app: str,
    image: str,
    status: Status,
    *,
    strategy: str = "rolling",
    definition: Mapping[str, Any] | None = None,
) -> Fact:
    """Record a release with the app's present definition: `release` and `version`, or a `warning` if it was refused.

    The definition is read where the caller does not know it. `strategy` is one that the deploy knows: another was
    refused before anything was written.
    """
    if definition is None:
        try:
            definition = fly.releases.definition(app)
        except (ApiError, WireError):
            definition = {}
    made = fly.releases.try_create(app, image=image, strategy=cast("Strategy", strategy), definition=definition)
    if made.release is None:
        return {"warning": made.warning}
    marked = fly.releases.try_update(made.release.id, status)
    fact: dict[str, object] = {"release": made.release.id, "version": made.release.version}
    return {**fact, "warning": marked.warning} if marked.warning else fact

"""What a deploy of the selected apps would be: made the same way for the gates and for the deploy itself."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from hotops.core.context import Context
from hotops.deploy.deploy import Deploy
from hotops.deploy.target import DeployWant, Target
from hotops.promote.canary import CanaryWatcher
from hotops.promote.pairs import Pair


def deploy_of(
    context: Context, pairs: Iterable[Pair], images: Mapping[str, str], verdict: dict[str, Any] | None = None
) -> Deploy:
    """The deploy operation of these apps; `images` by Fly app."""
    pairs = tuple(pairs)
    targets = tuple(
        Target(
            app=pair.target,
            image=images[pair.target],
            strategy=pair.app.deploy_strategy,
            max_unavailable=pair.app.max_unavailable,
            drain_s=pair.app.drain_s,
            wait_timeout_s=pair.app.wait_timeout_s,
            level=pair.level,
        )
        for pair in pairs
    )
    deploy = Deploy(DeployWant(targets=targets, verdict=verdict), context)
    deploy.canary_watch = CanaryWatcher(context, {pair.target: pair for pair in pairs})
    return deploy

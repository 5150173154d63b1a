"""How often promotions of an environment failed of late, in a row, as their evidence tells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from hotops.core.errors import ExitCode, HotopsError
from hotops.core.story import Story, show
from hotops.inventory.schema import Environment

#: So many failed runs in a row within that time, and the next is not tried: somebody looks first.
MOST = 5
WITHIN_S = 3600.0
_STAMP = "%Y%m%dT%H%M%SZ"
_FAILED = frozenset({ExitCode.ERROR, ExitCode.TOKEN, ExitCode.RESTORED, ExitCode.NOT_RESTORED})
_WORKED = frozenset({ExitCode.DONE})


@dataclass(frozen=True)
class Failed:
    """Failed runs since the last one that worked, newest first: the names of their evidence folders."""

    runs: tuple[str, ...]
    #: When the oldest of them began (unix seconds), 0 where there is none.
    since: float = 0.0

    @property
    def is_too_often(self) -> bool:
        return len(self.runs) >= MOST


def failed_lately(environment: Environment, now: float) -> Failed:
    """Runs of promote.yml and deploy.yml here that failed or died within an hour, since one ended well."""
    failed: list[str] = []
    since = 0.0
    for name, began, story in _runs(environment, now - WITHIN_S):
        if story.exit_code in _WORKED and story.life != "died":
            break
        if story.life == "died" or story.exit_code in _FAILED:
            failed.append(name)
            since = began
    return Failed(tuple(failed), since)


def _runs(environment: Environment, oldest: float) -> Iterator[tuple[str, float, Story]]:
    """Evidence of this environment, of this world, newest first."""
    pattern = re.compile(rf"(?P<at>\d{{8}}T\d{{6}}Z)-(?:promote|deploy)-{re.escape(environment.name)}(?:-\d+)?")
    try:
        names = sorted((path.name for path in environment.evidence_path.iterdir()), reverse=True)
    except OSError:
        return
    for name in names:
        found = pattern.fullmatch(name)
        if found is None:
            continue
        began = datetime.strptime(found["at"], _STAMP).replace(tzinfo=UTC).timestamp()
        if began < oldest:
            return
        try:
            story = show(environment.evidence_path / name)
        except HotopsError:
            continue  # a folder that holds no run
        if (story.environment, story.env_kind) == (environment.name, environment.env_kind):
            yield name, began, story

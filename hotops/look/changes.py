"""What changed in the last day, whoever did it: releases, secrets, machines, and hotops' own runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotops.core import story
from hotops.core.clock import parse_rfc3339, rfc3339
from hotops.core.errors import UsageError
from hotops.deploy import marks
from hotops.fly.image import FLY_REGISTRY
from hotops.inventory.schema import Environment
from hotops.look.app_seen import AppSeen

DAY_S = 86_400.0
#: A deploy's machine events lie between its record and this much later; what somebody did by hand lies elsewhere.
DEPLOY_TAKES_S = 1800.0
#: The record is written a moment before or after the first machine changes.
RECORD_LAG_S = 60.0
#: Things done within this time are one thing.
TOGETHER_S = 300.0
NOT_TOLD = "not told"
_BY_HAND = {
    "start": "started",
    "stop": "stopped",
    "restart": "restarted",
    "suspend": "suspended",
    "update": "updated",
    "launch": "made or updated",
    "destroy": "destroyed",
    "cordon": "cordoned",
    "uncordon": "uncordoned",
}
_LIFE = {"running": "goes on", "died": "died before its end", "unknown": "not sealed", "sealed": "ended"}
_RUN_FOLDER = re.compile(r"\d{8}T\d{6}Z-")


@dataclass(frozen=True)
class Change:
    """One change: when (unix seconds), where, what, and who as far as the cloud tells it."""

    at: float
    app: str
    what: str
    who: str = NOT_TOLD

    def as_row(self) -> dict[str, Any]:
        """The change as plain data."""
        return {"at": rfc3339(self.at), "app": self.app, "what": self.what, "who": self.who}


def changes_of(seen: AppSeen, since: float) -> list[Change]:
    """What changed at an app since then (unix seconds), in no order."""
    return [*_releases(seen, since), *_secrets(seen, since), *_by_hand(seen, since)]


def _releases(seen: AppSeen, since: float) -> Iterator[Change]:
    runs = {m.release_version: run for m in seen.own if (run := marks.run_of(m)) is not None}
    for release in seen.releases.value or ():
        if release.created_at is None or release.created_at < since:
            continue
        image = release.image_ref.partition("@")[0].removeprefix(f"{FLY_REGISTRY}/").removeprefix(f"{seen.name}:")
        named = "" if image in ("", f"v{release.version}") else f", {image}"
        ended = "" if release.is_complete else f", {release.status or 'its end is not recorded'}"
        run = runs.get(release.version)
        who = release.user or NOT_TOLD
        by = f" by hotops ({run})" if run else ""
        yield Change(release.created_at, seen.name, f"release v{release.version}{named}{ended}{by}", who)


def _secrets(seen: AppSeen, since: float) -> Iterator[Change]:
    written = sorted(
        (secret.updated_at, secret.name)
        for secret in seen.secrets.value or ()
        if secret.updated_at is not None and secret.updated_at >= since
    )
    staged = set(seen.staged)
    for at, names in _together(written):
        told = ", ".join(f"{name} (staged)" if name in staged else name for name in names)
        yield Change(at, seen.name, f"secrets written: {told}")


def _by_hand(seen: AppSeen, since: float) -> Iterator[Change]:
    """Machine events that somebody caused outside of a release."""
    deploys = [
        (release.created_at - RECORD_LAG_S, release.created_at + DEPLOY_TAKES_S)
        for release in seen.releases.value or ()
        if release.created_at is not None
    ]
    done: dict[str, list[tuple[float, str]]] = {}
    for machine in seen.own:
        for event in machine.events:
            if event.source != "user" or event.type not in _BY_HAND or event.at < since:
                continue
            if any(begin <= event.at <= end for begin, end in deploys):
                continue
            done.setdefault(event.type, []).append((event.at, machine.id))
    for kind, events in done.items():
        for at, machines in _together(sorted(events)):
            ids = sorted(set(machines))
            what = f"machine {ids[0]}" if len(ids) == 1 else f"{len(ids)} machines"
            yield Change(at, seen.name, f"{what} {_BY_HAND[kind]}, outside of a release")


def _together(events: Sequence[tuple[float, str]]) -> Iterator[tuple[float, list[str]]]:
    """Events in groups that lie close together, each with the time of its newest."""
    group: list[tuple[float, str]] = []
    for at, name in events:
        if group and at - group[-1][0] > TOGETHER_S:
            yield group[-1][0], [item for _, item in group]
            group = []
        group.append((at, name))
    if group:
        yield group[-1][0], [item for _, item in group]


def runs_of(environment: Environment, since: float) -> list[Change]:
    """The runs that left evidence on this computer, of this environment."""
    found = []
    for folder in _folders(environment.evidence_path):
        try:
            told = story.show(folder)
            began = parse_rfc3339(told.started_at)
        except (UsageError, ValueError):
            continue  # a folder that is no run, or one whose first line is not written yet
        if told.environment != environment.name or began < since:
            continue
        ended = f"{told.outcome} ({told.exit_code})" if told.outcome else _LIFE[told.life]
        reason = f": {told.reason}" if told.reason else ""
        found.append(Change(began, "", f"hotops {told.playbook}, {ended}{reason}", told.who or NOT_TOLD))
    return found


def _folders(evidence: Path) -> Iterable[Path]:
    try:
        return [entry for entry in evidence.iterdir() if _RUN_FOLDER.match(entry.name)]
    except OSError:
        return ()

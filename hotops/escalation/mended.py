"""Works again: which open issues of failures a good run mends, what it says there, and which of them it closes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

from hotops.github.issues import Issues
from hotops.github.models import Issue

#: A line of its own in each text, the first of which counts: below it the run's summary may quote others.
_NAMED = re.compile(r"^(?P<what>Run|Works again): `(?P<run>[^`\n]+)`\s*$", re.MULTILINE)
_STAMP = r"\d{8}T\d{6}Z"
ALL_APPS = "all apps"


@dataclass(frozen=True)
class Mending:
    """An open issue, and what a good run does about it."""

    issue: Issue
    is_told: bool
    is_closed: bool


def run_line(run: str) -> str:
    """Names a run that failed."""
    return f"Run: `{run}`"


def works_again_line(run: str) -> str:
    """Names a run that ended well after others that did not."""
    return f"Works again: `{run}`"


def title_stem(environment: str, *, is_sandbox: bool) -> str:
    """How the titles of an environment's issues begin; the apps follow."""
    return f"{'[sandbox] ' if is_sandbox else ''}hotops could not finish in {environment}: "


def mendings(
    issues: Issues, repo: str, *, stem: str, apps: Sequence[str], what: str, environment: str
) -> tuple[Mending, ...]:
    """What a good run of `what` over these apps (none: all of them) does: one call where no issue is open.

    A run mends the issues about apps that it was about. It says so once after a failure of its playbook, and closes an
    issue whose other playbooks, if it names any, work again too: what nobody knows to be mended stays open.
    """
    found: list[Mending] = []
    for issue in issues.list(repo):
        if not issue.title.startswith(stem) or not _is_about(issue.title.removeprefix(stem), apps):
            continue
        failing = still_failing([issue.body or "", *issues.comments(repo, issue.number)], environment)
        word = playbook_word(what)
        one = Mending(issue, is_told=word in failing, is_closed=failing <= {word})
        if one.is_told or one.is_closed:
            found.append(one)
    return tuple(found)


def still_failing(texts: Iterable[str], environment: str) -> set[str]:
    """The playbooks whose last run that an issue names failed; of a run without a known name, its whole name."""
    failing: set[str] = set()
    for text in texts:
        named = _NAMED.search(text)
        if named is None:
            continue
        playbook = playbook_of(named["run"], environment)
        if named["what"] == "Run":
            failing.add(playbook)
        else:
            failing.discard(playbook)
    return failing


def playbook_of(run: str, environment: str) -> str:
    """The playbook that a run's id names, as in 20260131T100000Z-promote-production; the id where it names none."""
    found = re.fullmatch(rf"{_STAMP}-(?P<playbook>.+)-{re.escape(environment)}(-\d+)?", run)
    return found["playbook"] if found else run


def playbook_word(what: str) -> str:
    """`promote`, however it was named: promote.yml, hotops.core.promote."""
    name = PurePath(what).name
    return name.removesuffix(".yml").removesuffix(".yaml").rpartition(".")[2] or name


def _is_about(which: str, apps: Sequence[str]) -> bool:
    return not apps or (which != ALL_APPS and set(which.split(", ")) <= set(apps))

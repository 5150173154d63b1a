"""Issues: found by label or title, opened once, told more by comments."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Literal

from hotops.github.api import Api, path
from hotops.github.models import Issue

#: Issues hold 65,536 characters (GitHub, validation of issues); what is longer is cut, with a word.
LONGEST_BODY = 65_536
_CUT = "\n\n… (cut)"


class Issues:
    """Issues of a repository, without pull requests."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def list(
        self, repo: str, *, labels: Sequence[str] = (), state: Literal["open", "closed", "all"] = "open"
    ) -> builtins.list[Issue]:
        """Issues that carry all of these labels."""
        params = {"state": state, **({"labels": ",".join(labels)} if labels else {})}
        found = [Issue.model_validate(item) for item in self._api.pages(path(repo, "issues"), params=params)]
        return [issue for issue in found if issue.pull_request is None]

    def create(
        self, repo: str, title: str, body: str = "", *, labels: Sequence[str] = (), assignees: Sequence[str] = ()
    ) -> Issue:
        """Open one. Who can't be assigned is left out by GitHub, in silence (REST, create an issue)."""
        sent: dict[str, Any] = {"title": title, "body": _fitting(body), "labels": list(labels)}
        if assignees:
            sent["assignees"] = list(assignees)
        return Issue.model_validate(self._api.write("POST", path(repo, "issues"), sent).data)

    def comment(self, repo: str, number: int, body: str) -> None:
        """Say more."""
        self._api.write("POST", path(repo, "issues", number, "comments"), {"body": _fitting(body)})

    def comments(self, repo: str, number: int) -> builtins.list[str]:
        """What was said, oldest first."""
        return [str(item.get("body") or "") for item in self._api.pages(path(repo, "issues", number, "comments"))]

    def close(self, repo: str, number: int) -> Issue:
        """Close it; a closed one is fine."""
        sent = {"state": "closed"}
        return Issue.model_validate(self._api.write("PATCH", path(repo, "issues", number), sent, idempotent=True).data)


def _fitting(body: str) -> str:
    return body if len(body) <= LONGEST_BODY else body[: LONGEST_BODY - len(_CUT)] + _CUT

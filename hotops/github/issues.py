"""Issues: found by label or title, opened once, told more by comments."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from typing import Any, Literal

from hotops.core.errors import ServerError, WireError
from hotops.github.api import Api, may_have_arrived, path
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

    def get(self, repo: str, number: int) -> Issue:
        """One by its number."""
        return Issue.model_validate(self._api.get(path(repo, "issues", number)).data)

    def create(
        self, repo: str, title: str, body: str = "", *, labels: Sequence[str] = (), assignees: Sequence[str] = ()
    ) -> Issue:
        """Open one. Who can't be assigned is left out by GitHub, in silence (REST, create an issue).

        An unclear answer is settled by looking for an open one of that title: whoever asks for one saw none before.
        """
        sent: dict[str, Any] = {"title": title, "body": fitting(body), "labels": list(labels)}
        if assignees:
            sent["assignees"] = list(assignees)
        try:
            return Issue.model_validate(self._api.write("POST", path(repo, "issues"), sent).data)
        except (ServerError, WireError) as error:
            found = self.titled(repo, title) if may_have_arrived(error) else None
            if found is None:
                raise
            return found

    def titled(self, repo: str, title: str) -> Issue | None:
        """The open one of this title, the newest of several; None where there is none."""
        return next((issue for issue in self.list(repo) if issue.title == title), None)

    def comment(self, repo: str, number: int, body: str) -> None:
        """Say more. An unclear answer is settled by looking whether it is said."""
        said = fitting(body)
        try:
            self._api.write("POST", path(repo, "issues", number, "comments"), {"body": said})
        except (ServerError, WireError) as error:
            if not may_have_arrived(error) or said not in self.comments(repo, number):
                raise

    def comments(self, repo: str, number: int) -> builtins.list[str]:
        """What was said, oldest first."""
        return [str(item.get("body") or "") for item in self._api.pages(path(repo, "issues", number, "comments"))]

    def close(self, repo: str, number: int) -> Issue:
        """Close it; a closed one is fine."""
        sent = {"state": "closed"}
        return Issue.model_validate(self._api.write("PATCH", path(repo, "issues", number), sent, idempotent=True).data)


def fitting(body: str) -> str:
    """A text as an issue or a comment can hold it."""
    return body if len(body) <= LONGEST_BODY else body[: LONGEST_BODY - len(_CUT)] + _CUT

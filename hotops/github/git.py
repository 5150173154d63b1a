"""Git references and annotated tags: what hotops keeps beside the code, seen by everybody, made atomically."""

from __future__ import annotations

import builtins

from hotops.core.errors import ServerError, WireError
from hotops.github.api import Api, may_have_arrived, path, ref_path
from hotops.github.errors import RefExists, Unprocessable
from hotops.github.models import Ref, Tag

_SETTLE_S = 0.5


class Git:
    """References by their full name (`refs/hotops/lock/production`)."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def head(self, repo: str, ref: str = "HEAD") -> str:
        """The commit behind a branch, a tag or HEAD: the sha alone (GitHub REST, get a commit, media type sha)."""
        answer = self._api.get(
            f"{path(repo, 'commits')}/{ref_path(ref)}", headers={"accept": "application/vnd.github.sha"}
        )
        return answer.text.strip()

    def ref(self, repo: str, name: str) -> Ref | None:
        """The reference, None where there is none.

        Read as a list: asked for by its name, a missing reference and a missing repository answer the same.
        """
        return next((found for found in self.refs(repo, name) if found.name == name), None)

    def refs(self, repo: str, prefix: str) -> builtins.list[Ref]:
        """All references that begin with `prefix`."""
        found = self._api.pages(f"{path(repo, 'git', 'matching-refs')}/{ref_path(_short(prefix))}", sized=False)
        return [Ref.model_validate(item) for item in found]

    def create_ref(self, repo: str, name: str, sha: str) -> bool:
        """Make it; False where somebody else was first. An unclear answer is settled by looking."""
        for last_try in (False, True):
            try:
                self._api.write("POST", path(repo, "git", "refs"), {"ref": name, "sha": sha})
            except RefExists:
                if not last_try:
                    return False
                now = self.ref(repo, name)  # our first try may have made it
                return now is not None and now.sha == sha
            except (ServerError, WireError) as error:
                if not may_have_arrived(error):
                    raise
                self._api.clock.sleep(_SETTLE_S)
                now = self.ref(repo, name)
                if now is not None:
                    return now.sha == sha
                if last_try:
                    raise
            else:
                return True
        raise AssertionError("unreachable")

    def move_ref(self, repo: str, name: str, sha: str) -> None:
        """Let it name another object, whatever it named. Raises Unprocessable where there is none."""
        target = f"{path(repo, 'git', 'refs')}/{ref_path(_short(name))}"
        self._api.write("PATCH", target, {"sha": sha, "force": True}, idempotent=True)

    def delete_ref(self, repo: str, name: str) -> None:
        """Delete it; an absent one is fine."""
        try:
            self._api.write("DELETE", f"{path(repo, 'git', 'refs')}/{ref_path(_short(name))}")
        except Unprocessable:
            if self.ref(repo, name) is not None:
                raise

    def create_tag(self, repo: str, name: str, message: str, commit: str) -> Tag:
        """Make an annotated tag object, which is seen only through a reference. Safe to repeat: one more is no harm."""
        body = {"tag": name, "message": message, "object": commit, "type": "commit"}
        answer = self._api.write("POST", path(repo, "git", "tags"), body, idempotent=True)
        return Tag.model_validate(answer.data)

    def tag(self, repo: str, sha: str) -> Tag:
        """An annotated tag by its sha."""
        return Tag.model_validate(self._api.get(path(repo, "git", "tags", sha)).data)


def _short(name: str) -> str:
    return name.removeprefix("refs/")

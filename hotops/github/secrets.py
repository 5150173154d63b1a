"""Secrets of a repository or of one of its environments: written, listed by name, never read."""

from __future__ import annotations

import builtins
import re
import threading
from typing import Literal

from hotops.core.errors import NotFound
from hotops.core.secret import Secret
from hotops.github.api import Api, path
from hotops.github.errors import SecretRefused, Unprocessable, environment_missing
from hotops.github.models import PublicKey, SecretInfo
from hotops.github.sealing import sealed

LARGEST_BYTES = 48 * 1024
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_name(name: str) -> str:
    """The name as GitHub stores it, in upper case. Raises SecretRefused for one that it would refuse (GitHub docs)."""
    stored = name.upper()
    if not _NAME.fullmatch(name) or stored.startswith("GITHUB_"):
        raise SecretRefused(
            f"{name!r} can't be the name of a secret or variable of GitHub.",
            remedy="Letters, digits and _, not beginning with a digit or GITHUB_.",
        )
    return stored


class Secrets:
    """Secrets by scope: `environment=None` is the repository itself.

    One public key is fetched for each scope and kept; where GitHub refuses it, it is fetched anew, once.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._keys: dict[tuple[str, str | None], PublicKey] = {}
        self._guard = threading.Lock()

    def list(self, repo: str, environment: str | None = None) -> builtins.list[SecretInfo]:
        """Names and times. Raises EnvironmentMissing, which no empty list must be mistaken for."""
        try:
            found = builtins.list(self._api.pages(_base(repo, environment), "secrets"))
        except NotFound as error:
            raise self._explained(error, repo, environment) from error
        return [SecretInfo.model_validate(item) for item in found]

    def put(self, repo: str, name: str, value: Secret, environment: str | None = None) -> Literal["created", "updated"]:
        """Seal and write one value. Safe to repeat. Raises SecretRefused before any call, EnvironmentMissing."""
        stored = check_name(name)
        if len(value.reveal().encode()) > LARGEST_BYTES:
            raise SecretRefused(
                f"The value of {stored} is larger than GitHub takes (48 KB).",
                remedy="Keep it elsewhere, and keep in GitHub only what opens it.",
            )
        key = self.public_key(repo, environment)
        try:
            return self._put(repo, stored, value, environment, key)
        except Unprocessable:
            with self._guard:
                self._keys.pop((repo, environment), None)
            renewed = self.public_key(repo, environment)
            if renewed.key_id == key.key_id:
                raise
            return self._put(repo, stored, value, environment, renewed)

    def delete(self, repo: str, name: str, environment: str | None = None) -> None:
        """Delete one; an absent one is fine. Raises EnvironmentMissing."""
        try:
            self._api.write("DELETE", f"{_base(repo, environment)}/{check_name(name)}")
        except NotFound as error:
            explained = self._explained(error, repo, environment)
            if explained is not error:
                raise explained from error
            if self._is_gone(repo, environment):
                raise

    def public_key(self, repo: str, environment: str | None = None) -> PublicKey:
        """The scope's key, kept for the life of this client. Raises EnvironmentMissing."""
        with self._guard:
            known = self._keys.get((repo, environment))
            if known is None:
                try:
                    answer = self._api.get(f"{_base(repo, environment)}/public-key")
                except NotFound as error:
                    raise self._explained(error, repo, environment) from error
                known = self._keys[(repo, environment)] = PublicKey.model_validate(answer.data)
            return known

    def _put(
        self, repo: str, name: str, value: Secret, environment: str | None, key: PublicKey
    ) -> Literal["created", "updated"]:
        body = {"encrypted_value": sealed(value, key), "key_id": key.key_id}
        answer = self._api.write("PUT", f"{_base(repo, environment)}/{name}", body)
        return "created" if answer.status == 201 else "updated"

    def _is_gone(self, repo: str, environment: str | None) -> bool:
        """Whether the scope itself, and not only the secret, is absent (or hidden from this token)."""
        try:
            self._api.get(_base(repo, environment), params={"per_page": 1})
        except NotFound:
            return True
        return False

    def _explained(self, error: NotFound, repo: str, environment: str | None) -> NotFound:
        """EnvironmentMissing where the repository can be read and the environment is not in it, else the error."""
        if environment is None:
            return error
        try:
            there = [str(item["name"]) for item in self._api.pages(path(repo, "environments"), "environments")]
        except NotFound:
            return error
        if environment.lower() in (name.lower() for name in there):
            return error
        return environment_missing(error, repo, environment, there)


def _base(repo: str, environment: str | None) -> str:
    if environment is None:
        return path(repo, "actions", "secrets")
    return path(repo, "environments", environment, "secrets")

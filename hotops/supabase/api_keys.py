"""API keys of a project: listed with their values, made, deleted (Management API, api-keys)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hotops.core.errors import NotFound
from hotops.core.secret import Secret
from hotops.supabase.client import EACH_ENDPOINT, Supabase


@dataclass(frozen=True)
class ApiKey:
    """A key. `value` is None where the token may not see it; a legacy one has no id."""

    id: str | None
    name: str
    type: str
    value: Secret | None = field(repr=False)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> ApiKey:
        shown = given.get("api_key")
        masked = not shown or "·" in shown or "•" in shown or "*" in shown  # secret keys without `reveal`
        return cls(
            given.get("id"), str(given.get("name") or ""), str(given.get("type") or "legacy"),
            None if masked else Secret(str(shown)),
        )  # fmt: skip


class ApiKeys:
    """The keys of projects, through the run's own client of the Management API."""

    def __init__(self, supabase: Supabase) -> None:
        self._supabase = supabase

    def all(self, ref: str) -> list[ApiKey]:
        """Every key, revealed (Management API, get project api keys)."""
        answer = self._supabase.http.request(
            "GET",
            f"/v1/projects/{ref}/api-keys",
            params={"reveal": "true"},
            limits=((f"api-keys:{ref}", EACH_ENDPOINT),),
        )
        return [ApiKey.of(item) for item in answer.items()]

    def create(self, ref: str, name: str, kind: Literal["secret", "publishable"], role: str) -> ApiKey:
        """Make a key; it is valid at once. Never repeated blindly: it is found by its name."""
        template = {"secret_jwt_template": {"role": role}} if kind == "secret" else {}
        answer = self._supabase.http.request(
            "POST",
            f"/v1/projects/{ref}/api-keys",
            params={"reveal": "true"},
            body={"type": kind, "name": name, "description": "made by hotops", **template},
            limits=((f"api-keys:{ref}", EACH_ENDPOINT),),
        )
        return ApiKey.of(answer.object)

    def delete(self, ref: str, key_id: str) -> None:
        """Delete a key: it is refused from then on. One that is gone is fine."""
        try:
            self._supabase.http.request(
                "DELETE",
                f"/v1/projects/{ref}/api-keys/{key_id}",
                limits=((f"api-key:{ref}", EACH_ENDPOINT),),
            )
        except NotFound:
            return

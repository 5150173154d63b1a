"""Declared requests: health checks and smoke routes."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hotops.inventory.spec import AbsoluteUrl, Body, Port, Spec, Statuses, UrlPath

Method = Literal["GET", "HEAD", "POST", "OPTIONS"]


class Probe(Spec):
    """What a request has to look like and what its answer has to be."""

    status: Statuses = Field((200,), description="The wanted HTTP status, or a list of them.")
    body: Body = Field(
        None,
        description="What the body has to be: a regular expression (searched), or a mapping the JSON has to contain.",
    )
    headers: dict[str, str] = Field(default_factory=dict, description="Request headers; no credentials.")
    user_agent: str | None = Field(None, description="User-Agent of the request; hotops' own if omitted.")
    budget_ms: int = Field(800, gt=0, description="Longest good answer time, in ms; the app's `budget_ms` if omitted.")


class HealthCheck(Probe):
    """How the app says that it is well."""

    path: UrlPath = Field("/health", description="Path of the health check.")
    port: Port | None = Field(None, description="Port inside the machine; the service's own if omitted.")


class SmokeRoute(Probe):
    """One route a user depends on; named by `path` (on the app's URL or on `host`) or by an absolute `url`."""

    path: UrlPath = Field("/", description="Path of the route.")
    method: Method = Field("GET", description="HTTP method.")
    host: str | None = Field(None, description="Another host name to ask for `path`; the app's own if omitted.")
    url: AbsoluteUrl | None = Field(None, description="An absolute URL instead of `path` and `host`.")

    @model_validator(mode="after")
    def _has_one_address(self) -> Self:
        if self.url and self.model_fields_set & {"path", "host"}:
            raise PydanticCustomError("misshapen", "has both a url and a path or host; one address is enough")
        return self

    def address(self, base_url: str) -> str:
        """The absolute URL to ask, where `base_url` is the app's URL."""
        if self.url:
            return self.url
        return (f"https://{self.host}" if self.host else base_url.rstrip("/")) + self.path

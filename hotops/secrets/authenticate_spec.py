"""How the map says that a credential is tried: by a kind that is known, or by an address that is read with it."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from hotops.inventory.spec import Spec

AskKind = Literal[
    "fly", "github", "supabase", "supabase_key", "postgres", "redis", "openai", "anthropic", "http", "none"
]


class Authenticate(Spec):
    """One reading call that tells whether a credential is valid. The value is in a header, never in the address."""

    kind: AskKind = Field(description="Whom to ask: a kind that is known, http with `url`, or none.")
    url: str | None = Field(None, pattern=r"^https://[^\s@]+$", description="Address that is read with it, for http.")
    header: str = Field("Authorization", pattern=r"^[A-Za-z0-9-]+$", description="Header that carries it.")
    scheme: str = Field("Bearer", description="Word before it in the header; empty for none.")
    headers: dict[str, str] = Field(default_factory=dict, description="Other headers of the call; no credentials.")

    @model_validator(mode="after")
    def _http_has_an_address(self) -> Self:
        if (self.kind == "http") != (self.url is not None):
            raise PydanticCustomError("misshapen", "kind http, and only that, needs `url`")
        return self

    def split_url(self) -> tuple[str, str]:
        """Scheme with host, and path with query."""
        parts = urlsplit(self.url or "")
        return f"{parts.scheme}://{parts.netloc}", (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

"""What the credential is and where Fly runs: tokens and regions."""

from __future__ import annotations

import builtins

from hotops.fly.models import Regions, Token
from hotops.fly.surfaces import Surfaces


class Tokens:
    """The credential itself."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def current(self) -> builtins.list[Token]:
        """What each token of the credential is for (Machines API, current token). Raises Unauthorized."""
        answer = self._surfaces.call("tokens.current", "self", "GET", "/tokens/current")
        return [Token.model_validate(item) for item in (answer.data or {}).get("tokens") or []]


class Places:
    """Regions."""

    def __init__(self, surfaces: Surfaces) -> None:
        self._surfaces = surfaces

    def list(self) -> Regions:
        """All regions and the nearest one (Machines API, platform regions)."""
        answer = self._surfaces.call("regions.list", "platform", "GET", "/platform/regions")
        return Regions.model_validate(answer.data or {})

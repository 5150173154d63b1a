"""Which credential goes to which of Fly's surfaces, and under which scheme."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from hotops.core.errors import ExitCode, HotopsError, WorldsMixed
from hotops.core.secret import Secret
from hotops.core.world import EnvKind

_SCHEMES = ("bearer", "flyv1")
#: What stands before the first `_` of a macaroon; everything else is a user's OAuth token (fly-go, tokens).
_MACAROONS = frozenset({"fm1r", "fm1a", "fm2"})
_LIVE = (*(f"{kind}_" for kind in sorted(_MACAROONS)), "fo1_")


class TokenEmpty(HotopsError):
    """A credential that holds no token, only spaces, commas or a scheme."""

    code = "token_missing"
    exit_code = ExitCode.TOKEN


@dataclass(frozen=True)
class Credentials:
    """The tokens of one credential, sorted as fly-go sorts them: a deploy token is several macaroons joined by commas.

    Joining a staging and a production token with a comma is how one run may hold both.
    """

    macaroons: tuple[str, ...] = field(repr=False)
    users: tuple[str, ...] = field(repr=False)

    @classmethod
    def parse(cls, token: Secret | str) -> Credentials:
        """Split on commas, drop each scheme and sort. Raises TokenEmpty where nothing is left."""
        text = token.reveal() if isinstance(token, Secret) else token
        tokens = [bare for part in text.split(",") if (bare := _without_scheme(part))]
        if not tokens:
            raise TokenEmpty(
                "The Fly token is empty.", remedy="export FLY_API_TOKEN=… (fly tokens create deploy -a APP)"
            )
        return cls(
            tuple(part for part in tokens if _is_macaroon(part)),
            tuple(part for part in tokens if not _is_macaroon(part)),
        )

    def machines(self) -> str:
        """Header for the Machines API and the logs: macaroons alone where there are any (fly-go, FlapsHeader)."""
        return f"{self._scheme} {self._preferred}"

    def graphql(self) -> str:
        """Header for GraphQL, which takes both kinds at once (fly-go, GraphQLHeader)."""
        return f"{self._scheme} {self._all}"

    def uiex(self) -> str:
        """Header for releases: always Bearer, even for macaroons (flyctl, uiex client)."""
        return f"Bearer {self._all}"

    def prometheus(self) -> str:
        """Header for metrics (Fly docs, metrics)."""
        return f"{self._scheme} {self._preferred}"

    def registry(self) -> str:
        """Header for the registry: Basic, user `x`, the token as the password (flyctl, docker authentication)."""
        return "Basic " + base64.b64encode(f"x:{self._preferred}".encode()).decode()

    def check_world(self, kind: EnvKind) -> None:
        """Raise WorldsMixed where a sandbox run holds what looks like a live token."""
        if kind == "sandbox" and any(part.startswith(_LIVE) for part in (*self.macaroons, *self.users)):
            raise WorldsMixed(
                "A live Fly token was given to the sandbox.", remedy="Leave the token out: the sandbox makes its own."
            )

    @property
    def _scheme(self) -> str:
        return "FlyV1" if self.macaroons else "Bearer"

    @property
    def _preferred(self) -> str:
        return ",".join(self.macaroons or self.users)

    @property
    def _all(self) -> str:
        return ",".join((*self.macaroons, *self.users))


def _without_scheme(part: str) -> str:
    """The bare token: `fly tokens create` prints `FlyV1 ` before it, so two that are joined hold the word twice."""
    text = part.strip()
    while (first := text.split(maxsplit=1)) and first[0].lower() in _SCHEMES:
        text = first[1].strip() if len(first) == 2 else ""
    return text


def _is_macaroon(token: str) -> bool:
    return token.partition("_")[0] in _MACAROONS

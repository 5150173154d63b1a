"""Fly's deploy tokens: made and revoked through GraphQL; also the one that this very run works with."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from hotops.core.context import Context
from hotops.core.errors import Forbidden, NotFound, Unauthorized, VerifyFailed
from hotops.core.operation import Fact
from hotops.core.secret import Secret
from hotops.fly import Fly
from hotops.fly.auth import Credentials
from hotops.fly.errors import QueryFailed
from hotops.rotation.provider import Alone, CanNotOverlap
from hotops.secrets.issuers import FlyToken


@dataclass(frozen=True)
class FlyDeployToken(Alone):
    """Tokens of one name. Fly shows a token's value once, so one whose answer was lost is never used.

    It is revoked with the old one, as everything of that name but the new one is.
    """

    context: Context
    org: str
    name: str
    declared: FlyToken
    #: The vault's present value.
    present: Callable[[], Secret]
    fingerprint: Callable[[Secret], str]

    @property
    def in_hand(self) -> bool:
        """Whether this run itself works with it."""
        return bool(_parts(self.present()) & _parts(self.context.world.credential("fly")))

    @property
    def revokes_first(self) -> bool:
        """The one in hand is what makes its successor: it goes last, and at once."""
        return not self.in_hand

    def successor(self, current: Secret) -> Secret:
        try:
            return self._fly.tokens.create(
                self.name, org=self.org, app=self.declared.app, expires_days=self.declared.expires_days
            )
        except (QueryFailed, Forbidden) as error:
            if "authorized" not in error.message.lower() and "permitted" not in error.message.lower():
                raise
            raise CanNotOverlap(
                "The Fly token of this run may not make tokens; a deploy token never may.",
                remedy='Run it once with your own: FLY_API_TOKEN="$(fly auth token)"',
                request_id=error.request_id,
            ) from error

    def activate(self, new: Secret) -> Fact:
        """It counts since it was made."""
        return {"valid": self.told(new), "id": self._id(new)}

    def prove(self, value: Secret) -> Fact:
        found = self._id(value)
        if found is None:
            raise VerifyFailed(
                "Fly refuses the new token.", remedy="Remove the .new sibling from the vault, and run it again."
            )
        return {"logged_in": self.told(value), "id": found}

    def revoke(self, old: Secret) -> Fact:
        """Revoke it, and others of this name that no vault knows; the one in hand is the last call of all."""
        mine, present = self._id(old), self.present()
        if present != old:
            new = self._id(present)
            made = self._fly.tokens.made(org=self.org, app=self.declared.app)
            for token in made:
                if token.name == self.name and token.id not in (mine, new):
                    self._revoked(token.id)
        if mine is not None:
            self._revoked(mine)
        return {"revoked": self.told(old), "id": mine}

    def told(self, value: Secret) -> str:
        return f"Fly token {self.fingerprint(value)[:8]}"

    @property
    def _fly(self) -> Fly:
        return self.context.client(Fly)

    def _revoked(self, token_id: str) -> None:
        with contextlib.suppress(NotFound):  # it is gone already
            self._fly.tokens.delete(token_id)

    def _id(self, value: Secret) -> str | None:
        """The id by which Fly knows a token, asked with the token itself; None where it is refused."""
        context = self.context
        with Fly(
            value,
            world=context.world,
            clock=context.clock,
            transport=context.make_transport,
            limiter=context.limiter,
            on_call=context.note_call,
        ) as fly:
            try:
                found = fly.tokens.current()
            except (Unauthorized, Forbidden):
                return None
        return found[0].token_id if found else None


def _parts(token: Secret) -> set[str]:
    found = Credentials.parse(token)
    return {*found.macaroons, *found.users}

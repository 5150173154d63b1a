"""What a rotation needs of whoever issues a credential: two that are valid at once, and one of them taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from hotops.core.errors import ExitCode, HotopsError
from hotops.core.operation import Fact
from hotops.core.secret import Secret


class CanNotOverlap(HotopsError):
    """The credential can't have a successor beside it: changing it is an outage, however brief."""

    code = "can_not_overlap"
    exit_code = ExitCode.NO_GO


class ByHand(HotopsError):
    """A person has to do the next step; the message says which, and hotops goes on from there."""

    code = "by_hand"
    exit_code = ExitCode.FINDINGS


class Provider(Protocol):
    """Issues and revokes one kind of credential. Each call is safe to repeat: an interrupted rotation goes on with it.

    A new kind is a class with these, a line in `hotops/rotation/providers.py` and its spec in `secrets/issuers.py`.
    """

    @property
    def overlaps(self) -> bool:
        """Whether old and new are valid at once; else activating the new one ends the old one, everywhere."""
        ...

    @property
    def revokes_first(self) -> bool:
        """Whether a leaked one can be taken away before its successor exists."""
        ...

    def by_hand(self, *, leaked: bool) -> tuple[str, ...]:
        """What a person has to do before there is a successor; nothing where the provider makes it."""
        ...

    def successor(self, current: Secret) -> Secret:
        """A new credential. One that its issuer makes is found again by its name after an interruption."""
        ...

    def activate(self, new: Secret) -> Fact:
        """Make it count, beside the present one. Raises CanNotOverlap before anything changes."""
        ...

    def beside(self, old: Secret) -> Mapping[str, Secret]:
        """Other secrets of the map that change with it, and to what, while old and new are both valid."""
        ...

    def prove(self, value: Secret) -> Fact:
        """Use it once, for reading. Raises VerifyFailed."""
        ...

    def revoke(self, old: Secret) -> Fact:
        """Take it away; one that is not valid any more is fine. `left` in the fact is what a person has to end."""
        ...

    def told(self, value: Secret) -> str:
        """What may be shown of a credential: a role, a fingerprint."""
        ...


class Alone:
    """What most credentials have in common: they overlap, can be revoked first, and change alone."""

    @property
    def overlaps(self) -> bool:
        return True

    @property
    def revokes_first(self) -> bool:
        return True

    def by_hand(self, *, leaked: bool) -> tuple[str, ...]:
        return ()

    def beside(self, old: Secret) -> Mapping[str, Secret]:
        return {}

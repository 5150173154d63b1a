"""What a rotation needs of whoever issues a credential: two that are valid at once, and one of them taken away."""

from __future__ import annotations

from typing import Protocol

from hotops.core.errors import ExitCode, HotopsError
from hotops.core.operation import Fact
from hotops.core.secret import Secret


class CanNotOverlap(HotopsError):
    """The credential can't have a successor beside it: changing it is an outage, however brief."""

    code = "can_not_overlap"
    exit_code = ExitCode.NO_GO


class Provider(Protocol):
    """Issues and revokes one kind of credential. Each call is safe to repeat: an interrupted rotation goes on with it.

    A new kind is a class with these five, and a line in `hotops/rotation/providers.py`.
    """

    def successor(self, current: Secret) -> Secret:
        """A new credential, valid nowhere yet: it is kept in the vault before `activate` makes it count."""
        ...

    def activate(self, new: Secret) -> Fact:
        """Make it count, beside the present one. Raises CanNotOverlap before anything changes."""
        ...

    def prove(self, value: Secret) -> Fact:
        """Use it once, for reading. Raises VerifyFailed."""
        ...

    def revoke(self, old: Secret) -> Fact:
        """Take it away; one that is not valid any more is fine."""
        ...

    def told(self, value: Secret) -> str:
        """What may be shown of a credential: a role, an id."""
        ...

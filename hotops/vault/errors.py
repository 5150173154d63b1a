"""What can be wrong with a vault; each names file and line, and never a value."""

from __future__ import annotations

from hotops.core.errors import UsageError


class VaultError(UsageError):
    """Something in the vault can't be used as it is; nothing was called."""

    code = "vault"


class VaultMissing(VaultError):
    """There is no vault at the declared place."""

    code = "vault_missing"


class VaultUnreadable(VaultError):
    """A file of the vault is in no form that is understood; `details` has file and line."""

    code = "vault_unreadable"


class VaultModes(VaultError):
    """Files or folders of the vault can be read by others."""

    code = "vault_modes"


class ClaimedTwice(VaultError):
    """Two places of the vault claim the same name: which one counts is not for a program to guess."""

    code = "claimed_twice"


class NotInVault(VaultError):
    """A name that the vault does not have."""

    code = "not_in_vault"


class Unfit(VaultError):
    """A value that must not go anywhere: a placeholder, an empty one, or one of the wrong form."""

    code = "unfit_secret"


class StaleReference(VaultError):
    """A reference whose fingerprint is not that of the present value: it was changed since."""

    code = "stale_reference"

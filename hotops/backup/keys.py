"""Who can open a backup: age recipients to seal it for, and the identity that opens it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hotops.backup.errors import BackupDamaged, KeysUnusable
from hotops.core.errors import MissingExtra
from hotops.core.secret import Secret
from hotops.core.state import private_folder, state_dir, write_atomically

LEAST_RECIPIENTS = 2
_RECIPIENT = re.compile(r"age1[0-9a-z]{20,}|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( .*)?")


class Sealer:
    """Seals bytes for all recipients, in the form that `age -d` opens."""

    def __init__(self, recipients: Sequence[str]) -> None:
        """Raises KeysUnusable: fewer than two different recipients, or one that is none."""
        self.recipients = tuple(dict.fromkeys(recipient.strip() for recipient in recipients if recipient.strip()))
        if len(self.recipients) < LEAST_RECIPIENTS:
            raise KeysUnusable(
                f"A backup is sealed for at least {LEAST_RECIPIENTS} keys, one of them kept offline: a single lost key would be the "
                f"loss of every backup. Given: {len(self.recipients)}.",
                remedy="age-keygen -o offline.key, keep the file away from this computer, and add its public key to recipients.",
            )
        self._parsed = [_recipient(recipient) for recipient in self.recipients]

    def seal(self, content: bytes) -> bytes:
        """`content` as an age file."""
        sealed: bytes = library().encrypt(content, self._parsed)
        return sealed


class Opener:
    """Opens what was sealed for one of these identities."""

    def __init__(self, identities: Secret) -> None:
        """`identities` as age-keygen writes them, one a line. Raises KeysUnusable."""
        lines = [line.strip() for line in identities.reveal().splitlines()]
        keys = [line for line in lines if line and not line.startswith("#")]
        try:
            self._identities = [library().x25519.Identity.from_str(key) for key in keys]
        except library().IdentityError:
            # Not chained: the cause quotes the key.
            raise KeysUnusable(
                "The identity is not an age key.", remedy="It is a line AGE-SECRET-KEY-1…, as age-keygen writes it."
            ) from None
        if not self._identities:
            raise KeysUnusable(
                "There is no age identity.", remedy="It is a line AGE-SECRET-KEY-1…, as age-keygen writes it."
            )

    @property
    def recipients(self) -> tuple[str, ...]:
        """Their public halves."""
        return tuple(str(identity.to_public()) for identity in self._identities)

    def open(self, sealed: bytes, what: str) -> bytes:
        """The content of an age file. Raises KeysUnusable (not for us) and BackupDamaged."""
        try:
            content: bytes = library().decrypt(sealed, self._identities)
        except library().DecryptError as error:
            if "No matching" in str(error):
                raise KeysUnusable(
                    f"{what} is sealed for other keys than this one.",
                    remedy="The backup's manifest lists its recipients: take the identity of one of them.",
                ) from None
            raise BackupDamaged(f"{what} can't be opened: {error}.", remedy="Take another backup.") from None
        return content


def sandbox_keys(*, keep: bool = True) -> Opener:
    """Two keys for backups of the sandbox, where nobody has any: made once, in the state folder (`keep`).

    Of a live database they would be worth nothing: both lie on one computer.
    """
    path = private_folder(state_dir() / "keys") / "sandbox-backup.key"
    if not path.exists():
        made = "".join(f"{library().x25519.Identity.generate()}\n" for _key in range(LEAST_RECIPIENTS))
        if not keep:
            return Opener(Secret(made))
        write_atomically(path, "# Opens backups that were made of a sandbox on this computer.\n" + made)
    return Opener(Secret(path.read_text(encoding="utf-8")))


def library() -> Any:
    """pyrage. Raises MissingExtra."""
    try:
        import pyrage
    except ImportError:
        raise MissingExtra("Backups need pyrage, which is age.", remedy="pip install 'hotops[backup]'") from None
    return pyrage


def _recipient(text: str) -> Any:
    if not _RECIPIENT.fullmatch(text):
        raise KeysUnusable(f"{text[:16]}… is no age recipient.", remedy="It begins with age1 or ssh-ed25519.")
    try:
        if text.startswith("ssh-"):
            return library().ssh.Recipient.from_str(text)
        return library().x25519.Recipient.from_str(text)
    except library().RecipientError as error:
        raise KeysUnusable(f"{text[:16]}… is no age recipient: {error}.") from None

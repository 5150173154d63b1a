"""A value sealed for GitHub: libsodium's sealed box, base64."""

from __future__ import annotations

import base64

from hotops.core.secret import Secret
from hotops.github.models import PublicKey


def sealed(value: Secret, key: PublicKey) -> str:
    """The box that only the holder of the scope's private key opens (GitHub docs, encrypting secrets)."""
    from nacl.public import PublicKey as BoxKey
    from nacl.public import SealedBox

    box = SealedBox(BoxKey(base64.b64decode(key.key)))
    return base64.b64encode(box.encrypt(value.reveal().encode())).decode()

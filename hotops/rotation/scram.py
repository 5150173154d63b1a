"""What PostgreSQL stores of a password, computed here: the password itself is in no statement and in no log."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets

from hotops.core.secret import Secret

_ITERATIONS = 4096


def verifier(password: Secret) -> str:
    """The SCRAM-SHA-256 verifier of an ASCII password (RFC 5803; PostgreSQL, pg_authid.rolpassword)."""
    salt = secrets.token_bytes(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.reveal().encode("ascii"), salt, _ITERATIONS)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    told = [base64.b64encode(part).decode() for part in (salt, stored, server)]
    return f"SCRAM-SHA-256${_ITERATIONS}:{told[0]}${told[1]}:{told[2]}"

"""Signed statements: who on which machine vouches for a verdict or for a run's evidence.

A statement is JSON in a DSSE envelope (Dead Simple Signing Envelope 1.0.2, secure-systems-lab/dsse), signed with
Ed25519. The key's id *is* the public key, so a signature can be checked anywhere; whether the key is one of the team's
is another question, answered by the list of known keys. An envelope has one form only (canonical JSON, canonical
base64): a file that differs by a single byte is another file.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import fcntl
import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

from hotops.core.errors import HotopsError
from hotops.core.state import private_folder, state_dir

_KEY_ID = re.compile(r"ed25519:[0-9a-f]{64}")


class SigningKeyUnusable(HotopsError):
    """This machine's signing key is damaged or readable by others."""

    code = "signing_key"


class SignatureInvalid(HotopsError):
    """An envelope is malformed, is about something else, or its signature is not of what it holds."""

    code = "signature"


class Signed(NamedTuple):
    """What a valid envelope holds: the JSON body, the key that signed it, and whether this machine knows that key."""

    body: dict[str, Any]
    key_id: str
    known: bool


def canonical_json(value: object) -> bytes:
    """The one form of a JSON value that is hashed and signed: sorted keys, no spaces, UTF-8."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")  # a lone surrogate becomes its JSON escape


def sign(payload_type: str, body: Mapping[str, object]) -> dict[str, Any]:
    """A DSSE envelope over `body`, signed with this machine's key (made at first use).

    `payload_type` is a media type and says what the body is; the signature covers it.
    Raises SigningKeyUnusable.
    """
    payload = canonical_json(body)
    key = _own_key()
    signature = key.sign(_pre_authentication_encoding(payload_type, payload)).signature
    return {
        "payloadType": payload_type,
        "payload": _base64(payload),
        "signatures": [{"keyid": _key_id(key.verify_key), "sig": _base64(signature)}],
    }


def verify_envelope(envelope: object, *, payload_type: str) -> Signed:
    """What `envelope` holds, if it is of `payload_type` and its signature is right.

    A right signature of an unknown key is no error: `known` is False, and the caller decides.
    Raises SignatureInvalid.
    """
    payload, key_id, signature = _parts(envelope, payload_type)
    try:
        VerifyKey(bytes.fromhex(key_id.removeprefix("ed25519:"))).verify(
            _pre_authentication_encoding(payload_type, payload), signature
        )
    except BadSignatureError as error:
        raise SignatureInvalid("The signature is not of this content: it was changed after it was signed.") from error
    try:
        body = json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise SignatureInvalid(f"The signed content is not JSON: {error}.") from error
    if not isinstance(body, dict):
        raise SignatureInvalid("The signed content is not a JSON object.")
    return Signed(body, key_id, key_id in known_keys())


def own_key_id() -> str:
    """The id of this machine's key, which is made if there is none. Raises SigningKeyUnusable."""
    return _key_id(_own_key().verify_key)


def known_keys() -> frozenset[str]:
    """The ids of the keys that this machine trusts: its own ones and those of colleagues.

    One id per line in `<state>/keys/evidence.pub`, anything behind it is a comment; add a colleague's line by hand.
    """
    try:
        text = (_keys_folder() / "evidence.pub").read_text(encoding="utf-8")
    except FileNotFoundError:
        return frozenset()
    words = (line.split(maxsplit=1)[0] for line in text.splitlines() if line.strip())
    return frozenset(word for word in words if _KEY_ID.fullmatch(word))


def _pre_authentication_encoding(payload_type: str, payload: bytes) -> bytes:
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def _parts(envelope: object, payload_type: str) -> tuple[bytes, str, bytes]:
    match envelope:
        case {
            "payloadType": str(found_type),
            "payload": str(payload),
            "signatures": [{"keyid": str(key_id), "sig": str(signature), **more_of_signature}],
            **more,
        } if not more and not more_of_signature:
            pass
        case _:
            raise SignatureInvalid("This is not an envelope with one signature (payloadType, payload, signatures).")
    if found_type != payload_type:
        raise SignatureInvalid(f"The envelope is a {found_type!r}, wanted is a {payload_type!r}.")
    if not _KEY_ID.fullmatch(key_id):
        raise SignatureInvalid("The envelope's keyid is not `ed25519:` and 64 hex digits.")
    return _from_base64(payload), key_id, _from_base64(signature)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def _from_base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise SignatureInvalid(f"The envelope holds bad base64: {error}.") from error
    if _base64(data) != text:  # the last character has spare bits, which would let two texts mean the same bytes
        raise SignatureInvalid("The envelope holds base64 in a form that hotops does not write.")
    return data


def _key_id(key: VerifyKey) -> str:
    return f"ed25519:{bytes(key).hex()}"


def _keys_folder() -> Path:
    return private_folder(state_dir() / "keys")


def _own_key() -> SigningKey:
    try:
        path = _keys_folder() / "evidence.key"
        try:
            key = _read_key(path)
        except FileNotFoundError:
            key = _make_key(path)
        _make_known(_key_id(key.verify_key))
    except OSError as error:
        raise SigningKeyUnusable(
            f"The signing key can't be read or made: {error}.",
            remedy="HOTOPS_STATE_DIR names the folder whose `keys` hold it.",
        ) from error
    return key


def _read_key(path: Path) -> SigningKey:
    with path.open(encoding="ascii", errors="replace") as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        text = file.read().strip()
    if mode & 0o077:
        raise SigningKeyUnusable(
            f"{path} has mode {mode:o}: others on this machine can read or replace the key.",
            remedy=f"If you trust all who could, `chmod 600 {path}`; else remove it, a new one is made.",
        )
    try:
        return SigningKey(bytes.fromhex(text))
    except ValueError:
        # Not chained: the cause quotes what it could not read.
        raise SigningKeyUnusable(
            f"{path} does not hold a key (64 hex digits).",
            remedy="Restore it, or remove it: a new one is made, and evidence signed before stays checkable.",
        ) from None


def _make_key(path: Path) -> SigningKey:
    """Several processes may come here at once: `link` lets one win, and all use the winner's key."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 600
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(SigningKey.generate().encode().hex() + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first: its key is the one
            path.hardlink_to(temporary)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        Path(temporary).unlink(missing_ok=True)
    return _read_key(path)


def _make_known(key_id: str) -> None:
    """Keep the public half apart from the private one: it has to outlive a lost or replaced private key."""
    if key_id in known_keys():
        return
    with (_keys_folder() / "evidence.pub").open("a+", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        fcntl.flock(file, fcntl.LOCK_EX)
        if key_id in known_keys():
            return
        file.seek(0)
        text = file.read()
        file.write(f"{'' if not text or text.endswith(chr(10)) else chr(10)}{key_id} this machine\n")
        file.flush()
        os.fsync(file.fileno())

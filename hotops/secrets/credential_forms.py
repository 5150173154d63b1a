"""What kind of credential a value is, told by its form alone: nobody is asked."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any

from hotops.core.secret import Secret

_JWT = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.(?P<claims>eyJ[A-Za-z0-9_-]{4,})\.[A-Za-z0-9_-]*")
#: Roles of Supabase's own JWTs, which say what a key may do.
_SUPABASE_ROLES = {
    "service_role": "read and write all data of the project, past row level security",
    "anon": "what row level security leaves to everybody; it is made to be public",
}


@dataclass(frozen=True)
class Form:
    """A kind of credential. `ask` is how it can be used once, for reading; `end` where it is taken away.

    `ref` is the Supabase project that a key names, `expires_at` when it ends by itself (unix seconds), if it says so.
    """

    form: str
    what: str
    may: str
    ask: str | None
    end: str
    ref: str | None = None
    expires_at: float | None = None


def form_of(value: Secret) -> Form | None:
    """The kind of a value; None for one in no known form, such as random bytes."""
    text = value.reveal().strip()
    found = _JWT.fullmatch(text)
    if found is not None:
        return _jwt(found["claims"])
    return next((form for pattern, form in _known() if pattern.match(text)), None)


@lru_cache
def _known() -> tuple[tuple[re.Pattern[str], Form], ...]:
    document = json.loads(files("hotops.secrets").joinpath("credential_forms.json").read_text(encoding="utf-8"))
    return tuple(
        (
            re.compile(item["pattern"]),
            Form(item["form"], item["what"], item["may"], item["ask"], item["end"]),
        )
        for item in document["forms"]
    )


def _jwt(encoded: str) -> Form:
    """A JWT's claims are readable by everybody; only Supabase's say anything that is known here."""
    claims = _claims(encoded)
    expires = claims.get("exp")
    expires_at = float(expires) if isinstance(expires, int | float) else None
    role, ref = claims.get("role"), claims.get("ref")
    if claims.get("iss") == "supabase" and role in _SUPABASE_ROLES and isinstance(ref, str):
        return Form(
            f"supabase_{role}_key",
            f"the legacy {role} key of the Supabase project {ref}",
            _SUPABASE_ROLES[role],
            "supabase_key",
            "Supabase dashboard, project settings, API keys: disable the legacy keys once new ones are in use",
            ref,
            expires_at,
        )
    return Form("jwt", "a JWT", "what its issuer lets it", None, "ask its issuer", None, expires_at)


def _claims(encoded: str) -> dict[str, Any]:
    try:
        found = json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}

"""What happens on the twin's GitHub without any client asking, and looking at what no client may see."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from hotops.sandbox.github.replies import RefusalError
from hotops.sandbox.github.world import Environment, Hub, Repository, Token

Payload = Mapping[str, Any]


def happen(hub: Hub, payload: Payload, now: float) -> Any:
    """Do what `do` names, to the repository `repo` (the first one if omitted).

    `token` makes one for `login` with `permissions`; `secrets` tells what arrived, base64, of the repository or of its
    `environment`; `renew_key` gives that scope another key pair.
    """
    deed = DEEDS.get(str(payload.get("do")))
    if deed is None:
        raise ValueError(f"do: {payload.get('do')!r} is not one of {', '.join(DEEDS)}")
    try:
        return deed(hub, payload, now)
    except RefusalError as refusal:
        raise ValueError(refusal.message) from refusal


def repository_of(hub: Hub, payload: Payload) -> Repository:
    """The repository that is meant. Raises ValueError."""
    name = payload.get("repo")
    found = hub.repository(str(name)) if name else next(hub.all_repositories(), None)
    if found is None:
        raise ValueError(f"repo: {name!r} is not one of {', '.join(r.full_name for r in hub.all_repositories())}")
    return found


def _environment(hub: Hub, payload: Payload) -> Environment | None:
    name = payload.get("environment")
    if name is None:
        return None
    found = repository_of(hub, payload).environments.get(str(name).lower())
    if found is None:
        raise ValueError(f"environment: there is no {name!r}")
    return found


def _token(hub: Hub, payload: Payload, now: float) -> Any:
    del now
    login = hub.account(str(payload["login"])).login
    chosen = payload.get("repositories")
    value = f"sandbox-{secrets.token_hex(16)}"
    hub.tokens[value] = Token(
        login,
        permissions=payload.get("permissions"),
        repositories=tuple(chosen) if chosen is not None else None,
        of_actions=bool(payload.get("of_actions", False)),
    )
    return {"token": value}


def _secrets(hub: Hub, payload: Payload, now: float) -> Any:
    del now
    scope = _environment(hub, payload) or repository_of(hub, payload)
    return {name: base64.b64encode(held.value).decode() for name, held in scope.keyring.values.items()}


def _renew_key(hub: Hub, payload: Payload, now: float) -> Any:
    del now
    (_environment(hub, payload) or repository_of(hub, payload)).keyring.renew()
    return {"ok": True}


DEEDS: dict[str, Callable[[Hub, Payload, float], Any]] = {
    "token": _token,
    "secrets": _secrets,
    "renew_key": _renew_key,
}

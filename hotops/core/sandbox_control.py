"""Talking to a running sandbox: its control interface, which the real clouds do not have."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from hotops.core.errors import HotopsError
from hotops.core.secret import Secret
from hotops.core.world import SandboxDown

TIMEOUT_S = 60.0


class SandboxRefused(HotopsError):
    """The sandbox did not do what was asked; the message is its own."""

    code = "sandbox_refused"


class ControlClient:
    """The control interface of one sandbox, from its state file. Each call is a connection of its own.

    Raises, on every call: SandboxRefused for an answer that is an error, SandboxDown when nobody answers.
    """

    def __init__(self, state: Mapping[str, Any]) -> None:
        self._address = urlsplit(state["control"]["url"])
        self._token = Secret(state["control"]["token"])

    def status(self) -> dict[str, Any]:
        """What the sandbox holds: apps, machines, releases."""
        return dict(self.call("GET", "status"))

    def reset(self) -> None:
        """Back to the seed: clouds, databases, log and faults."""
        self.call("POST", "reset")

    def entries(self, since: int = 0) -> list[dict[str, Any]]:
        """Calls answered after number `since`, oldest first."""
        return list(_inner(self.call("GET", f"log?{urlencode({'since': since})}"), "entries", "log"))

    def clear_entries(self) -> None:
        """Empty the log; the numbers go on."""
        self.call("DELETE", "log")

    def faults(self) -> list[dict[str, Any]]:
        """The faults in force."""
        return list(_inner(self.call("GET", "faults"), "faults"))

    def add_fault(self, fault: Mapping[str, Any]) -> dict[str, Any]:
        """Break calls; the answer is the fault with its id."""
        return dict(self.call("POST", "faults", fault))

    def clear_faults(self) -> None:
        """End all faults."""
        self.call("DELETE", "faults")

    def push(self, app: str, tag: str, *, age_s: float = 0.0, deploy: bool = True) -> dict[str, Any]:
        """Push an image and have the app's machines run it, as a release of that age."""
        return dict(self.call("POST", "push", {"app": app, "tag": tag, "age_s": age_s, "deploy": deploy}))

    def lose_database(self, ref: str) -> None:
        """Let a Supabase project lose its server and disk; its archive of backups stays."""
        self.call("POST", "database", {"ref": ref, "do": "lose"})

    def shutdown(self) -> None:
        """Ask the sandbox to end; it answers before it does."""
        self.call("POST", "shutdown")

    def call(self, method: str, action: str, payload: Mapping[str, Any] | None = None) -> Any:
        """Any action of the control interface; the answer's JSON, None where it has none."""
        connection = http.client.HTTPConnection(str(self._address.hostname), self._address.port, timeout=TIMEOUT_S)
        headers = {"Authorization": f"Bearer {self._token.reveal()}", "Content-Type": "application/json"}
        body = None if payload is None else json.dumps(payload)
        try:
            connection.request(method, f"/_sandbox/{action}", body, headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise SandboxDown(
                f"The sandbox does not answer ({type(error).__name__}).", remedy="hotops sandbox down, then up."
            ) from error
        finally:
            connection.close()
        document = _parsed(content)
        if answer.status >= 400:
            said = document.get("error") if isinstance(document, dict) else None
            raise SandboxRefused(
                f"The sandbox refused {method} {action.partition('?')[0]}: {said or answer.status}.",
                remedy="hotops sandbox status shows what there is, docs/sandbox.md what can be asked of it.",
            )
        return document


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content) if content else None
    except ValueError:
        return None


def _inner(document: Any, *names: str) -> list[dict[str, Any]]:
    """The list in a document, bare or under one of the names."""
    if isinstance(document, dict):
        document = next((document[name] for name in names if name in document), [])
    return document if isinstance(document, list) else []

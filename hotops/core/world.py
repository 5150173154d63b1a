"""Which world a run talks to, live clouds or the sandbox, and with which credentials. The two never mix."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from hotops.core.errors import ExitCode, HotopsError, UsageError, WorldsMixed
from hotops.core.secret import Secret
from hotops.core.state import process_is_alive, read_json, state_dir

EnvKind = Literal["live", "sandbox"]

#: Where each surface lives, and the vendor's own variable that moves it.
ENDPOINTS: Mapping[str, tuple[str, str | None]] = {
    "fly_machines": ("https://api.machines.dev", "FLY_FLAPS_BASE_URL"),
    "fly_api": ("https://api.fly.io", "FLY_API_BASE_URL"),
    "fly_uiex": ("https://api.fly.io", "FLY_UIEX_BASE_URL"),
    "fly_registry": ("https://registry.fly.io", None),
    "supabase": ("https://api.supabase.com", None),
    "github": ("https://api.github.com", None),
}

#: The vendors' own names, in the vendors' own precedence: flyctl lets an empty FLY_ACCESS_TOKEN hide FLY_API_TOKEN.
CREDENTIALS: Mapping[str, tuple[str, ...]] = {
    "fly": ("FLY_ACCESS_TOKEN", "FLY_API_TOKEN"),
    "supabase": ("SUPABASE_ACCESS_TOKEN",),
    "github": ("GITHUB_TOKEN", "GH_TOKEN"),
}

_HOW_TO_MAKE: Mapping[str, str] = {
    "fly": "export FLY_API_TOKEN=… (fly tokens create deploy -a APP; one for each app, joined by commas)",
    "supabase": "export SUPABASE_ACCESS_TOKEN=… (dashboard, access tokens)",
    "github": "export GITHUB_TOKEN=… (gh auth token)",
}

_LIVE_TOKEN = re.compile(r"^\s*(?:(?:Bearer|FlyV1)\s+)?(?:fm[12][ra]?_|fm2_|fo1_|sbp_|gh[pousr]_|github_pat_)")


class TokenMissing(HotopsError):
    """No credential for a cloud; the remedy says what to export."""

    code = "token_missing"
    exit_code = ExitCode.TOKEN


class SandboxDown(HotopsError):
    """The inventory is a sandbox one and no sandbox runs."""

    code = "sandbox_down"


@dataclass(frozen=True)
class Address:
    """Where a name:port of the real world is found in the sandbox."""

    address: str
    port: int
    tls: bool


@dataclass(frozen=True)
class World:
    """Endpoints, credentials and, in a sandbox, the map from real names to loopback addresses."""

    kind: EnvKind
    environ: Mapping[str, str] = field(repr=False, default_factory=lambda: os.environ)
    hosts: Mapping[str, Address] | None = None
    ca_file: Path | None = None
    tokens: Mapping[str, Secret] = field(repr=False, default_factory=dict)
    #: In a sandbox: the connection string of each project's database, by its name and by its reference.
    databases: Mapping[str, Secret] = field(repr=False, default_factory=dict)

    @classmethod
    def of(cls, kind: EnvKind, environ: Mapping[str, str] | None = None) -> World:
        """The world of an inventory's `env_kind`.

        Raises WorldsMixed (a live token in a sandbox run, a loopback URL in a live one) and SandboxDown.
        """
        environ = os.environ if environ is None else environ
        return cls._sandbox(environ) if kind == "sandbox" else cls._live(environ)

    @classmethod
    def _live(cls, environ: Mapping[str, str]) -> World:
        for _, variable in ENDPOINTS.values():
            if variable and is_loopback(environ.get(variable, "")):
                raise WorldsMixed(
                    f"{variable} points to this computer, but the inventory says env_kind: live.",
                    remedy=f"unset {variable}, or use an inventory with env_kind: sandbox.",
                )
        return cls("live", environ)

    @classmethod
    def _sandbox(cls, environ: Mapping[str, str]) -> World:
        state = sandbox_state()
        own = ((state or {}).get("clients") or {}).values()  # a sandbox's token in the form that a client insists on
        for names in CREDENTIALS.values():
            for name in names:
                if _LIVE_TOKEN.match(environ.get(name, "")) and environ[name] not in own:
                    raise WorldsMixed(
                        f"{name} holds a live token, but the inventory says env_kind: sandbox.",
                        remedy=f"Run it without: env -u {name} …",
                    )
        if state is None:
            raise SandboxDown("No sandbox runs on this computer.", remedy="hotops sandbox up --detach")
        hosts = {name: Address(item["address"], item["port"], item["tls"]) for name, item in state["hosts"].items()}
        tokens = {cloud: Secret(value) for cloud, value in state["tokens"].items()}
        databases = {name: Secret(value) for name, value in (state.get("databases") or {}).items()}
        return cls("sandbox", environ, hosts, Path(state["ca_file"]), tokens, databases)

    def endpoint(self, surface: str) -> str:
        """Base URL of a surface, without a trailing slash."""
        default, variable = ENDPOINTS[surface]
        moved = self.environ.get(variable, "") if variable and self.kind == "live" else ""
        return (moved or default).rstrip("/")

    def has_credential(self, cloud: str) -> bool:
        """Whether a credential is there (it may still be refused)."""
        return cloud in self.tokens or any(self.environ.get(name) for name in CREDENTIALS[cloud])

    def credential(self, cloud: str) -> Secret:
        """The token for a cloud. Raises TokenMissing, which says what to export."""
        if self.kind == "sandbox":
            if cloud not in self.tokens:
                raise TokenMissing(f"The sandbox has no {cloud} token.", remedy="hotops sandbox reset")
            return self.tokens[cloud]
        for name in CREDENTIALS[cloud]:
            if name in self.environ:
                value = self.environ[name].strip()
                if value:
                    return Secret(value)
                hidden = [other for other in CREDENTIALS[cloud] if other != name and self.environ.get(other)]
                if hidden:
                    raise TokenMissing(f"{name} is set but empty, and hides {hidden[0]}.", remedy=f"unset {name}")
        raise TokenMissing(
            f"No {cloud} token: {' or '.join(CREDENTIALS[cloud])} is not set.", remedy=_HOW_TO_MAKE[cloud]
        )

    def locate(self, host: str, port: int) -> Address | None:
        """The sandbox's address of a name, None if it has none (it then does not resolve); live worlds map nothing."""
        return self.hosts.get(f"{host}:{port}") if self.hosts is not None else None


def sandbox_state() -> dict[str, Any] | None:
    """The running sandbox's state file (schema 1), None if none runs. Raises UsageError for another schema."""
    path = state_dir() / "sandbox" / "state.json"
    state = read_json(path)
    if state is None or not process_is_alive(int(state["pid"])):
        return None
    if state.get("schema") != 1:
        raise UsageError(f"{path} was written by another version of hotops.", remedy="hotops sandbox down")
    return dict(state)


def looks_live(token: str) -> bool:
    """Whether a token has the form of a real cloud's."""
    return _LIVE_TOKEN.match(token) is not None


def is_loopback(url: str) -> bool:
    """Whether a URL names this computer."""
    host = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False

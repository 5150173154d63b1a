"""Everything that exists on the twin's Fly: organisations, apps, tokens, images, and the settings of the platform."""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hotops.sandbox.fly.ids import Identifiers
from hotops.sandbox.fly.images import Images
from hotops.sandbox.fly.machine import Machine
from hotops.sandbox.fly.vault import Vault

if TYPE_CHECKING:
    from hotops.sandbox.fly.volumes import Volume

Connect = Callable[[str], "str | None"]


@dataclass
class Org:
    """An organisation; two of them share no registry."""

    slug: str
    name: str
    id: str
    numeric_id: int


@dataclass
class Release:
    """One release record: bookkeeping only, nothing rolls out because of it (flyctl, releases)."""

    id: str
    version: int
    status: str
    strategy: str
    user: str
    created_at: float
    image_ref: str
    definition: dict[str, Any] | None
    description: str = ""
    reason: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass
class Group:
    """What the seed says of a process group beyond its machines' config."""

    needs_database: bool = False
    needs_secrets: tuple[str, ...] = ()


@dataclass
class Certificate:
    """A certificate of an app; `expires_at` in unix seconds."""

    hostname: str
    created_at: float
    expires_at: float
    status: str = "Ready"


@dataclass
class Access:
    """An access line the proxy wrote for a real request."""

    at: float
    machine_id: str
    region: str
    method: str
    path: str
    status: int
    message: str = ""


@dataclass
class App:
    """An app. `machines` holds destroyed ones too: they stay readable."""

    name: str
    org: Org
    id: str
    numeric_id: int
    created_at: float
    primary_region: str
    vault: Vault
    status: str = "pending"
    hostnames: list[str] = field(default_factory=list)
    certificates: dict[str, Certificate] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    machines: dict[str, Machine] = field(default_factory=dict)
    releases: list[Release] = field(default_factory=list)
    volumes: dict[str, Volume] = field(default_factory=dict)
    ips: list[dict[str, Any]] = field(default_factory=list)
    traffic_rps: float = 0.0
    turn: int = 0
    access_lines: deque[Access] = field(default_factory=lambda: deque(maxlen=5000))

    def alive(self, now: float) -> list[Machine]:
        """Machines that exist for the API now."""
        return [m for m in self.machines.values() if not m.lost and m.state != "destroyed" and m.visible_at <= now]


@dataclass(frozen=True)
class Token:
    """A token: all of the twin (`apps` None, `org` None), one organisation, or some apps; reading or writing."""

    id: str
    org: str | None = None
    apps: tuple[str, ...] | None = None
    can_write: bool = True
    user: str = "operator@example.com"
    name: str = ""
    #: Whether it was made by another one: a deploy token, which makes no others (seen with real ones).
    is_made: bool = False
    expires_at: float | None = None


@dataclass
class Settings:
    """How the platform behaves. `speed` divides the platform's own durations, never limits, leases or waits.

    `propagation_s` is the longest time until the proxy learns of a cordon or a stopped machine; each change takes its
    own share of it, drawn by `propagation_seed`. Assumed, the documents say nothing exact (Fly community threads tell
    of seconds to minutes).
    """

    speed: float = 1.0
    limits: bool = True
    propagation_s: float = 5.0
    propagation_seed: int = 0

    def scaled(self, seconds: float) -> float:
        return seconds / self.speed


@dataclass
class World:
    """The whole of the twin's Fly."""

    settings: Settings
    connect: Connect
    orgs: dict[str, Org] = field(default_factory=dict)
    apps: dict[str, App] = field(default_factory=dict)
    images: Images = field(default_factory=Images)
    tokens: dict[str, Token] = field(default_factory=dict, repr=False)
    ids: Identifiers = field(default_factory=Identifiers)
    digest_key: bytes = field(default_factory=lambda: secrets.token_bytes(16), repr=False)
    created_at: float = 0.0

    def add_org(self, slug: str, name: str) -> Org:
        numeric_id = self.ids.numeric()
        org = Org(slug, name, hashlib.sha256(slug.encode()).hexdigest()[:20], numeric_id)
        self.orgs[slug] = org
        return org

    def add_app(self, name: str, org: Org, now: float, primary_region: str = "ord") -> App:
        app = App(
            name=name,
            org=org,
            id=name,
            numeric_id=self.ids.numeric(),
            created_at=now,
            primary_region=primary_region,
            vault=Vault(self.digest_key),
            hostnames=[f"{name}.fly.dev"],
        )
        self.apps[name] = app
        return app

    def app_of_hostname(self, hostname: str) -> App | None:
        """The app that answers for a host name: its own, or one it has a certificate for."""
        return next((a for a in self.apps.values() if hostname in a.hostnames or hostname in a.certificates), None)

    def machine(self, machine_id: str) -> tuple[App, Machine] | None:
        """A machine by its id alone, wherever it is."""
        for app in self.apps.values():
            if machine_id in app.machines:
                return app, app.machines[machine_id]
        return None

"""What Fly's interfaces answer, as data: apps, machines, releases, secrets, logs. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import Field, field_validator

from hotops.fly.config import PLATFORM_VERSION, MachineConfig
from hotops.fly.image import ImageRef
from hotops.fly.reply import Moment, Reply


class Organization(Reply):
    """The organisation that an app belongs to."""

    slug: str = ""
    name: str = ""


class App(Reply):
    """An app (Machines API, App). `status` is pending, deployed or suspended."""

    id: str = ""
    name: str
    status: str = ""
    network: str = ""
    organization: Organization = Field(default_factory=Organization)
    machine_count: int | None = None
    volume_count: int | None = None

    @property
    def is_deployed(self) -> bool:
        """Whether it ever was deployed (flyctl counts a suspended app too)."""
        return self.status in ("deployed", "suspended")

    @property
    def default_hostname(self) -> str:
        """The name under which Fly's proxy always serves the app."""
        return f"{self.name}.fly.dev"


class Exit(Reply):
    """How a process ended (an event's `exit_event`). `requested_stop`: somebody asked for it, so it is no crash."""

    exit_code: int = 0
    guest_exit_code: int = 0
    guest_signal: int = 0
    signal: int = -1
    oom_killed: bool = False
    requested_stop: bool = False
    restarting: bool = False
    error: str = ""
    exited_at: Moment = None

    @property
    def is_crash(self) -> bool:
        """Whether it ended badly and unasked: a non-zero code, a signal of the kernel, or out of memory."""
        return not self.requested_stop and (self.oom_killed or self.exit_code != 0 or self.guest_exit_code != 0)


class Event(Reply):
    """Something that happened to a machine (Machines API, MachineEvent); `timestamp` in unix milliseconds."""

    id: str = ""
    type: str = ""
    status: str = ""
    source: str = ""
    timestamp: int = 0
    request: dict[str, Any] = Field(default_factory=dict)

    @property
    def at(self) -> float:
        """Unix seconds."""
        return self.timestamp / 1000

    @property
    def exit(self) -> Exit | None:
        """The exit it reports: directly in `request`, or in its `MonitorEvent` (both are seen)."""
        found = self.request.get("exit_event") or (self.request.get("MonitorEvent") or {}).get("exit_event")
        return Exit.model_validate(found) if found else None

    @property
    def restart_count(self) -> int:
        return int(self.request.get("restart_count") or 0)


class Check(Reply):
    """The present outcome of one health check (Machines API, CheckStatus): passing, warning or critical."""

    name: str
    status: str = ""
    output: str = ""
    updated_at: Moment = None

    @property
    def is_passing(self) -> bool:
        return self.status == "passing"


class Machine(Reply):
    """A machine (Machines API, Machine). `instance_id` changes with each update: it is the version to pass on.

    `config` is None and `incomplete_config` set while its host does not answer (`host_status` not ok).
    """

    id: str
    name: str = ""
    state: str = ""
    region: str = ""
    instance_id: str = ""
    private_ip: str = ""
    created_at: Moment = None
    updated_at: Moment = None
    image_ref: ImageRef | None = None
    config: MachineConfig | None = None
    incomplete_config: MachineConfig | None = None
    events: tuple[Event, ...] = ()
    checks: tuple[Check, ...] = ()
    host_status: str = "ok"
    cordoned: bool = False
    nonce: str = Field("", repr=False)

    @field_validator("image_ref", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        return None if isinstance(value, dict) and not value.get("repository") else value

    @field_validator("checks")
    @classmethod
    def _own_checks(cls, checks: tuple[Check, ...]) -> tuple[Check, ...]:
        # Rows of Fly's bluegreen compatibility probe are no checks of the app (flyctl strips them too).
        return tuple(check for check in checks if not check.name.startswith("bg_deployments_compat"))

    @property
    def known_config(self) -> MachineConfig:
        """The config, the incomplete one where the host does not answer, else an empty one."""
        return self.config or self.incomplete_config or MachineConfig({})

    @property
    def process_group(self) -> str:
        return self.known_config.process_group

    @property
    def metadata(self) -> dict[str, str]:
        return self.known_config.metadata

    @property
    def release_version(self) -> int | None:
        return self.known_config.release_version

    @property
    def is_platform_managed(self) -> bool:
        """Whether deploys own it; flyctl ignores a machine without this mark."""
        return self.metadata.get(PLATFORM_VERSION) == "v2"


class ConfigVersion(Reply):
    """One version of a machine and the config it had (Machines API, MachineVersion): a rollback's other half."""

    version: str
    user_config: MachineConfig = MachineConfig({})


class Lease(Reply):
    """A machine's lease (Machines API, Lease); `expires_at` in unix seconds, `version` the machine's instance id."""

    nonce: str = Field("", repr=False)
    expires_at: float = 0
    owner: str = ""
    description: str = ""
    version: str = ""


class Waited(Reply):
    """How a wait ended: the state that was reached and the machine's version then."""

    ok: bool = True
    state: str = ""
    version: str = ""
    event_id: str = ""


class ExecResult(Reply):
    """What a command inside a machine did."""

    exit_code: int = 0
    exit_signal: int = 0
    stdout: str = ""
    stderr: str = ""


class Release(Reply):
    """A release record: bookkeeping for humans, nothing rolls out because of it (flyctl, releases).

    `status` is pending, running, complete, failed or interrupted; `image_ref` the text that was deployed.
    """

    id: str = ""
    version: int = 0
    status: str = ""
    stable: bool = False
    in_progress: bool = False
    strategy: str = ""
    description: str = ""
    reason: str = ""
    user: str = ""
    image_ref: str = ""
    created_at: Moment = None

    @field_validator("status", mode="after")
    @classmethod
    def _lower(cls, value: str) -> str:
        return value.lower()

    @property
    def is_complete(self) -> bool:
        return self.status in ("complete", "succeeded")


class AppSecret(Reply):
    """An app's secret without its value: equal digests mean equal values (Machines API, AppSecret)."""

    name: str
    digest: str = ""
    created_at: Moment = None
    updated_at: Moment = None


class SecretsWrite(Reply):
    """What a write to the vault answered. Pass `version` as `min_secrets_version` to every later create and update."""

    version: int = 0
    secrets: tuple[AppSecret, ...] = ()


class LogLine(Reply):
    """One line of an app's log; `at` in unix seconds. `status` and `url` only on lines that the proxy wrote."""

    id: str = ""
    at: float = 0
    message: str = ""
    level: str = ""
    instance: str = ""
    region: str = ""
    provider: str = ""
    status: int | None = None
    method: str = ""
    url: str = ""
    error_code: str = ""
    error: str = ""


class Region(Reply):
    """A place where machines run (Machines API, platform regions)."""

    code: str
    name: str = ""
    geo_region: str = ""
    deprecated: bool = False
    requires_paid_plan: bool = False
    gateway_available: bool = False


class Regions(Reply):
    """All regions, and the one nearest to this computer."""

    nearest: str = ""
    regions: tuple[Region, ...] = ()

    def __contains__(self, code: str) -> bool:
        return any(region.code == code for region in self.regions)


class Token(Reply):
    """What one of the credentials may do (Machines API, current token). `apps` is empty where it is not app-scoped."""

    token_id: str = ""
    org_slug: str = ""
    organization: str = ""
    apps: tuple[str, ...] = ()
    user: str = ""
    restricted_to_machine: str = ""
    source_machine_id: str = ""

    def covers(self, app: str, org: str = "") -> bool:
        """Whether it can be meant for this app (of this organisation): False is sure, True may still be read-only."""
        if self.apps:
            return app in self.apps
        return not org or not self.org_slug or org == self.org_slug


class Volume(Reply):
    """A volume (Machines API, Volume); sizes in GB and bytes."""

    id: str
    name: str = ""
    state: str = ""
    size_gb: int = 0
    region: str = ""
    zone: str = ""
    encrypted: bool = False
    attached_machine_id: str = ""
    created_at: Moment = None
    snapshot_retention: int = 0
    auto_backup_enabled: bool = False
    host_status: str = "ok"
    fstype: str = ""
    type: str = ""
    bytes_used: int = 0
    bytes_total: int = 0


class Snapshot(Reply):
    """A snapshot of a volume (Machines API, VolumeSnapshot); `volume_size` is what a restore needs, in bytes."""

    id: str = ""
    size: int = 0
    volume_size: int = 0
    digest: str = ""
    created_at: Moment = None
    status: str = ""
    retention_days: int | None = None


class IssuedCertificate(Reply):
    """One key type's certificate."""

    type: str = ""
    expires_at: Moment = None
    certificate_authority: str = ""


class CertificateEntry(Reply):
    """A certificate of a host name: Fly's own (ACME) or one that was uploaded."""

    source: str = ""
    status: str = ""
    issuer: str = ""
    created_at: Moment = None
    expires_at: Moment = None
    issued: tuple[IssuedCertificate, ...] = ()

    def expiries(self) -> Iterator[float]:
        """Every expiry it names, in unix seconds."""
        yield from (at for at in (self.expires_at, *(item.expires_at for item in self.issued)) if at is not None)


class Certificate(Reply):
    """A host name of an app and its certificates (Machines API, CertificateSummary and CertificateDetail).

    A list holds summaries: `certificates` is filled by `certificates.get` only.
    """

    hostname: str
    status: str = ""
    configured: bool = False
    acme_requested: bool = False
    dns_provider: str = ""
    certificates: tuple[CertificateEntry, ...] = ()
    dns_requirements: dict[str, Any] = Field(default_factory=dict)
    validation_errors: tuple[dict[str, Any], ...] = ()
    rate_limited_until: Moment = None

    @property
    def expires_at(self) -> float | None:
        """The earliest expiry among its active certificates in unix seconds, None where none says one."""
        active = [entry for entry in self.certificates if entry.status in ("active", "")]
        return min((at for entry in active for at in entry.expiries()), default=None)


class Sample(Reply):
    """One series of a metrics query: its labels and (unix seconds, value) points, one for an instant query."""

    labels: dict[str, str] = Field(default_factory=dict)
    points: tuple[tuple[float, float], ...] = ()

    @property
    def value(self) -> float:
        """The last point's value; raises IndexError where there is none."""
        return self.points[-1][1]

"""The schema of all inventories: an environment and its apps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from hotops.core.state import state_dir
from hotops.core.world import EnvKind
from hotops.inventory.database import DatabaseUse
from hotops.inventory.gates import GATES
from hotops.inventory.policy import Backup, Drills, Escalation, Evidence, Level, Notification, Waiver, WatchLimits
from hotops.inventory.probes import HealthCheck, SmokeRoute
from hotops.inventory.sandbox_spec import SandboxTarget, SandboxWorld
from hotops.inventory.spec import (
    AbsoluteUrl,
    AppName,
    EnvVarName,
    GroupName,
    MemoryMb,
    OrgSlug,
    RepoName,
    Seconds,
    SecretName,
    Spec,
    off_is_a_word,
    unknown_key,
)
from hotops.inventory.windows import Freeze, Window

DeployStrategy = Literal["rolling", "bluegreen", "canary", "immediate"]


def _as_host_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _gate_exists(name: str) -> str:
    if name not in GATES:
        raise unknown_key(name, GATES, "gate")
    return name


def _gates_may_be_softened(gates: dict[str, Waiver]) -> dict[str, Waiver]:
    for name, waiver in gates.items():
        if waiver.level != "require" and not GATES[name].waivable:
            raise PydanticCustomError(
                "never_waived",
                "this gate can never be waived: {meaning}",
                {"key": name, "meaning": GATES[name].meaning},
            )
    return gates


GateName = Annotated[str, AfterValidator(_gate_exists)]
Gates = Annotated[dict[GateName, Waiver], AfterValidator(_gates_may_be_softened)]


class ProcessGroup(Spec):
    """What is declared about a process group; only what is declared is checked for drift."""

    count: int | None = Field(None, ge=0, description="How many machines.")
    memory_mb: MemoryMb | None = Field(None, description="Memory of each machine, in MiB, a multiple of 256.")
    cpus: int | None = Field(None, ge=1, description="CPUs of each machine.")
    cpu_kind: Literal["shared", "performance"] | None = Field(None, description="CPU kind.")
    autostop: Annotated[Literal["off", "stop", "suspend"] | None, BeforeValidator(off_is_a_word)] = Field(
        None, description="Whether the proxy stops idle machines."
    )
    autostart: bool | None = Field(None, description="Whether the proxy starts a stopped machine when it is needed.")
    min_machines_running: int | None = Field(
        None, ge=0, description="Machines that the proxy leaves running in the primary region."
    )


class App(Spec):
    """A Fly app, which is a host of the group `apps`. Set for a group or for all, a key is the default of each app."""

    #: Known from where the host stands, not from a key of its own.
    PLACED: ClassVar[frozenset[str]] = frozenset({"host"})

    host: str = Field(description="Name of the host in the inventory.")
    app: AppName = Field(description="Name of the Fly app; the host's name if omitted.")
    fly_org: OrgSlug = Field(description="Organisation of the app.")
    promote_from: AppName | None = Field(None, description="The Fly app whose image is promoted to this one.")
    source_org: OrgSlug | None = Field(None, description="Organisation of `promote_from`; the app's own if omitted.")
    url: AbsoluteUrl = Field(description="Base URL of the app; https://<app>.fly.dev if omitted.")
    source_url: AbsoluteUrl | None = Field(
        None, description="URL of `promote_from`; https://<promote_from>.fly.dev if omitted."
    )
    process_groups: dict[GroupName, ProcessGroup] = Field(
        default_factory=dict, description="Declared process groups by name; observed if omitted."
    )
    memory_floor_mb: MemoryMb | None = Field(None, description="Least memory of every machine, in MiB.")
    fly_toml: str | None = Field(
        None, min_length=1, description="The app's fly.toml, below the project's folder; read for drift if declared."
    )
    fly_toml_write: bool = Field(
        default=False, description="Whether scaling writes the new size into `fly_toml`, so that no deploy undoes it."
    )
    health: tuple[HealthCheck, ...] = Field((), description="Health checks; the app's own checks if omitted.")
    smoke: tuple[SmokeRoute, ...] = Field((), description="Routes that have to answer before and after a deploy.")
    required_secrets: tuple[SecretName, ...] = Field((), description="Secrets that have to exist and be deployed.")
    shared_secrets_ok: tuple[SecretName, ...] = Field(
        (),
        description="Secrets that may have one value at source and target; others with equal digests are a finding.",
    )
    deploy_strategy: DeployStrategy = Field("rolling", description="How machines are replaced.")
    max_unavailable: float = Field(
        0.33,
        gt=0,
        description="Machines of a group replaced at once: below 1 a share of them (at least one), else a number.",
    )
    drain_s: Seconds = Field(
        10.0, description="Time between taking a machine out of rotation and replacing it, in seconds."
    )
    wait_timeout_s: Seconds = Field(300.0, gt=0, description="Longest wait for a machine to be healthy, in seconds.")
    windows: tuple[Window, ...] = Field((), description="When a deploy may start; always if omitted.")
    freezes: tuple[Freeze, ...] = Field((), description="When no deploy may start.")
    soak_s: Seconds = Field(600.0, description="How long the source has to have run the image, in seconds.")
    watch_s: Seconds = Field(600.0, description="How long the app is watched after a deploy, in seconds.")
    watch: WatchLimits = Field(default_factory=WatchLimits, description="What the watch tolerates.")
    samples: int = Field(60, ge=1, description="Measured requests of the latency gate.")
    warmup: int = Field(3, ge=0, description="Requests before the measured ones.")
    budget_ms: int = Field(
        800, gt=0, description="Highest 95th percentile of the latency gate, and default budget of probes, in ms."
    )
    required_checks: tuple[str, ...] = Field(
        (), description="CI checks that have to be green on the image's commit, by name; an absent one is red."
    )
    test_evidence: dict[str, Evidence] = Field(
        default_factory=dict, description="Results that tests have to have left for the image's commit, by name."
    )
    after: Annotated[tuple[str, ...], BeforeValidator(_as_host_list)] = Field(
        (), description="Hosts that are deployed before this one."
    )
    notifications: tuple[Notification, ...] = Field((), description="Who is told about a run.")
    exec_checks: bool = Field(
        default=False, description="Whether hotops may run a command inside a machine to ask the check's path there."
    )
    challenge_secrets: bool = Field(
        default=False,
        description="Whether hotops may run a command inside a machine to ask, with a nonce, whether it holds a value.",
    )
    database: DatabaseUse | None = Field(None, description="How the app uses its database, for dsn_fix.yml.")
    sandbox: SandboxTarget | None = Field(None, description="The app's pretended world; only in a sandbox inventory.")

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        """What follows from other keys: names, URLs, organisations, budgets of probes."""
        if not isinstance(data, Mapping):
            return data
        filled = dict(data)
        filled.setdefault("app", filled.get("host"))
        filled.setdefault("url", f"https://{filled['app']}.fly.dev")
        source = filled.get("promote_from")
        if source is not None:
            filled.setdefault("source_url", f"https://{source}.fly.dev")
            if "fly_org" in filled:
                filled.setdefault("source_org", filled["fly_org"])
        if "budget_ms" in filled:
            for key in ("health", "smoke"):
                filled[key] = _with_budget(filled.get(key, ()), filled["budget_ms"])
        return filled

    @model_validator(mode="after")
    def _differs_from_its_source(self) -> Self:
        if self.promote_from == self.app:
            raise PydanticCustomError("source_is_target", "promote_from names the app itself", {"key": "promote_from"})
        return self


def _with_budget(probes: Any, budget_ms: Any) -> Any:
    if not isinstance(probes, list | tuple):
        return probes
    return [{"budget_ms": budget_ms, **probe} if isinstance(probe, Mapping) else probe for probe in probes]


class Database(Spec):
    """A Supabase project, which is a host of the group `databases`."""

    PLACED: ClassVar[frozenset[str]] = frozenset({"host"})

    host: str = Field(description="Name of the host in the inventory.")
    supabase_project: str = Field(
        min_length=1, description="Name of the project; the inventory's project or the host's name if omitted."
    )
    supabase_ref: str | None = Field(
        None, pattern=r"^[a-z]{20}$", description="The project's ref, 20 lower-case letters."
    )


class Environment(Spec):
    """An environment: what all its apps have in common, and the apps by host, in the inventory's order."""

    PLACED: ClassVar[frozenset[str]] = frozenset({"project_dir", "inventory", "apps", "databases"})

    name: str = Field(
        alias="env_name", pattern=r"^[A-Za-z0-9_-]+$", description="Name; the inventory's folder name if omitted."
    )
    env_kind: EnvKind = Field(
        description="live: the real clouds; sandbox: their twin on this computer. The two never mix."
    )
    fly_org: OrgSlug = Field(description="Organisation of the apps; one app may say otherwise.")
    github_repo: RepoName | None = Field(None, description="Repository, in the form owner/name.")
    supabase_project: str | None = Field(
        None, min_length=1, description="Supabase project behind the apps: its name or its ref."
    )
    evidence_dir: str = Field(
        "artifacts/deployment", min_length=1, description="Folder of evidence, below the project's folder."
    )
    feedback_file: str | None = Field(None, min_length=1, description="File that gets a short entry for each run.")
    notifications: tuple[Notification, ...] = Field((), description="Who is told about a run.")
    escalation: Escalation = Field(
        default_factory=Escalation, description="How people are called when a run failed twice in a row."
    )
    gates: Gates = Field(default_factory=dict, description="Softened gates by name.")
    windows: tuple[Window, ...] = Field((), description="When a deploy may start; one app may say otherwise.")
    freezes: tuple[Freeze, ...] = Field((), description="When no deploy may start; one app may say otherwise.")
    train: Literal["together", "independent"] = Field(
        "together",
        description="together: one app's failure brings all apps of the run back; independent: only its own, `after` "
        "is then an order and no more.",
    )
    approval: Literal["none", "self", "github"] = Field(
        "none",
        description="Who approves a plan before it is carried out: nobody; who runs it, with approve=ID; a reviewer of "
        "`github_environment`.",
    )
    blocking_labels: tuple[str, ...] = Field(
        (), description="Labels of issues, such as P0, of which none may be open when something is promoted."
    )
    approval_wait_s: Seconds = Field(
        0.0, description="How long a run waits for an approval at GitHub, in seconds; else it stops with code 5."
    )
    github_environment: str | None = Field(
        None, min_length=1, description="Environment of GitHub whose reviewers approve; `env_name` if omitted."
    )
    clock_skew_s: Seconds = Field(
        30.0, description="Tolerated difference between this computer's clock and the clouds', in seconds."
    )
    backup: Backup | None = Field(None, description="What the backup gate asks for; not asked if omitted.")
    vault: str | None = Field(
        None,
        min_length=1,
        description="The vault: a folder of env files or a SOPS file (.json); in a sandbox one of its own if omitted.",
    )
    secret_map: str | None = Field(
        None,
        min_length=1,
        description="Which secret goes where: a YAML file; inventories/secret_maps/<env_name>.yml if omitted.",
    )
    env_matrix: str | None = Field(
        None,
        min_length=1,
        description="Markdown file below the project's folder in which the audit keeps what is where; none if omitted.",
    )
    dr: Drills = Field(default_factory=Drills, description="What a disaster may cost, and how often drills are due.")
    deploy_token_env: EnvVarName | None = Field(
        None, description="Environment variable with the Fly token; FLY_API_TOKEN if omitted."
    )
    sandbox_world: SandboxWorld | None = Field(
        None, description="The rest of the pretended world; only in a sandbox inventory."
    )

    project_dir: Path = Field(
        description="Folder at which all relative paths begin: the one that holds inventories/, else the inventory's."
    )
    inventory: Path | None = Field(None, description="The inventory's folder or file.")
    apps: dict[str, App] = Field(description="Apps by host.")
    databases: dict[str, Database] = Field(default_factory=dict, description="Databases by host.")

    @property
    def evidence_path(self) -> Path:
        """Absolute folder of evidence."""
        return self.path(self.evidence_dir)

    @property
    def feedback_path(self) -> Path | None:
        """Absolute path of the feedback file, or None."""
        return self.path(self.feedback_file) if self.feedback_file else None

    @property
    def vault_path(self) -> Path | None:
        """Absolute path of the vault, or None where none is declared; a sandbox has one of its own."""
        if self.vault:
            return self.path(self.vault)
        return state_dir() / "sandbox" / "vault" if self.env_kind == "sandbox" else None

    @property
    def secret_map_path(self) -> Path:
        """Absolute path of the secret map, whether it is there or not."""
        return self.path(self.secret_map or f"inventories/secret_maps/{self.name}.yml")

    def path(self, declared: str) -> Path:
        """A declared path made absolute; relative ones begin at the project's folder."""
        return self.project_dir / Path(declared).expanduser()

    def gate_level(self, gate: str, at: float) -> Level:
        """The level of a gate at the moment `at` (unix seconds)."""
        waiver = self.gates.get(gate)
        return waiver.level_at(at) if waiver else "require"

    def promotable(self) -> Iterator[App]:
        """Apps that have a source, in the order in which they are deployed."""
        return (app for app in self.in_order() if app.promote_from)

    def in_order(self) -> list[App]:
        """All apps, each after the ones it names in `after`, else in the inventory's order."""
        order: list[App] = []
        waiting = dict(self.apps)
        while waiting:
            ready = [app for app in waiting.values() if not any(host in waiting for host in app.after)]
            if not ready:
                raise ValueError(f"`after` runs in a circle: {', '.join(waiting)}")
            order.append(ready[0])
            del waiting[ready[0].host]
        return order

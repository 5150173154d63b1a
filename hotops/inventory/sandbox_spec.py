"""What a sandbox inventory may say about its pretended world; no live inventory may hold it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from hotops.inventory.spec import (
    AppName,
    GroupName,
    MemoryMb,
    OrgSlug,
    Port,
    RepoName,
    Seconds,
    SecretName,
    Spec,
    UrlPath,
    off_is_a_word,
)

Conclusion = Literal["success", "failure", "neutral", "skipped", "cancelled", "pending"]
SecretKind = Literal[
    "random", "json", "url", "supabase_url", "dsn_direct", "dsn_pooler", "dsn_transaction",
    "db_host", "db_user", "db_password", "pooler_host", "pooler_user", "absent",
]  # fmt: skip


def _kind_or_text(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


class SandboxSecret(Spec):
    """A pretended secret: a kind whose value is made when the sandbox starts, or a fixed text that is no secret."""

    kind: SecretKind = Field(
        "random",
        description="random; json (a made service account); url (the app's own); supabase_url; dsn_direct "
        "(db.<ref>.supabase.co:5432); dsn_pooler (session pooler, 5432); dsn_transaction (transaction pooler, 6543); "
        "db_host, db_user, db_password (the direct DSN's parts); pooler_host, pooler_user (the pooler's); "
        "absent (not there at all).",
    )
    text: str | None = Field(
        None, description="This very text instead; for values that are no secrets, such as scopes."
    )


Secrets = dict[SecretName, Annotated[SandboxSecret, BeforeValidator(_kind_or_text)]]


class SandboxRelease(Spec):
    """One release; the last one listed is what the machines run."""

    tag: str = Field(min_length=1, description="Image tag; words such as slow or crash make the image behave so.")
    version: int | None = Field(None, ge=1, description="Release number; one more than the one before if omitted.")
    status: Literal["complete", "failed", "interrupted"] = Field("complete", description="How it ended.")
    age_s: Seconds = Field(description="How long ago, in seconds.")
    labels: dict[str, str] | None = Field(
        None,
        description="Labels of its image; a GitHub Actions build's if omitted and there is a repository.",
    )
    pruned: bool = Field(default=False, description="Whether the registry has thrown its image away.")


class SandboxCertificate(Spec):
    """A certificate of a custom host name."""

    hostname: str = Field(min_length=1, description="The host name.")
    expires_in_days: float = Field(60, description="Days until it expires; negative: it has.")


class SandboxImage(Spec):
    """An image in a registry that no release made."""

    repository: AppName = Field(description="The app in whose repository it lies.")
    tag: str = Field(min_length=1, description="Its tag.")
    labels: dict[str, str] = Field(default_factory=dict, description="Labels, such as GH_SHA.")
    age_s: Seconds = Field(600, description="How long ago it was pushed, in seconds.")
    pruned: bool = Field(default=False, description="Whether the registry has thrown it away.")


class SandboxGroup(Spec):
    """A process group's machines."""

    count: int = Field(2, ge=0, description="How many machines.")
    regions: tuple[str, ...] = Field((), description="Regions in turn; the app's region if omitted.")
    cpu_kind: Literal["shared", "performance"] = Field("shared", description="CPU kind.")
    cpus: int = Field(1, ge=1, description="CPUs of each machine.")
    memory_mb: MemoryMb = Field(1024, description="Memory of each machine, in MiB.")
    service: Literal["https", "none"] = Field(
        "https", description="https: ports 443 and 80 to `internal_port`; none: a worker."
    )
    internal_port: Port = Field(8080, description="Port inside the machine.")
    health_path: UrlPath | None = Field("/health", description="Path of the service's check; null for no check.")
    check_interval_s: Seconds = Field(2, gt=0, description="Interval of the check, in seconds.")
    checks: dict[str, dict[str, Any]] = Field(
        default_factory=dict, description="Further checks as Fly's machine config has them."
    )
    autostop: Annotated[Literal["off", "stop", "suspend"], BeforeValidator(off_is_a_word)] = Field(
        "off", description="Whether the proxy stops idle machines."
    )
    min_machines_running: int = Field(1, ge=0, description="Machines that stay when idle ones are stopped.")
    state: Literal["started", "stopped", "suspended"] = Field("started", description="State at the start.")
    volume_gb: int | None = Field(
        None, ge=1, description="Size of the volume that each machine has, in GB; none if omitted."
    )
    needs_database: bool | None = Field(
        None, description="Whether it connects to its DSN; observed from its secrets if omitted."
    )
    needs_secrets: tuple[SecretName, ...] = Field((), description="Secrets without which it does not start.")


class SandboxApp(Spec):
    """A pretended app; what is not said follows from the app's own keys."""

    org: OrgSlug | None = Field(None, description="Organisation; the inventory's if omitted.")
    region: str = Field("ord", description="Primary region.")
    status: Literal["deployed", "suspended", "pending"] = Field("deployed", description="Status of the app.")
    groups: dict[GroupName, SandboxGroup] = Field(
        default_factory=dict, description="Process groups; `app` with 2 machines if omitted."
    )
    secrets: Secrets = Field(
        default_factory=dict, description="Deployed secrets by name; laid over the ones that follow by default."
    )
    staged_secrets: Secrets = Field(
        default_factory=dict, description="Secrets written after the release: staged, not deployed."
    )
    releases: tuple[SandboxRelease, ...] = Field(
        (), description="Releases, oldest first; a few complete ones if omitted."
    )
    certificates: tuple[SandboxCertificate, ...] = Field((), description="Certificates of custom host names.")
    env: dict[str, str] = Field(default_factory=dict, description="Plain environment of the machines.")
    release_command: str | None = Field(
        None, description="The release command of its fly.toml; `command-fails` in an image's tag lets it fail."
    )
    traffic_rps: float = Field(5, ge=0, description="Background traffic, in requests per second.")


class SandboxTarget(SandboxApp):
    """The pretended world of one host of the inventory: the app itself and what it is promoted from."""

    source: SandboxApp | None = Field(
        None, description="The source app; like the app itself, one release ahead, if omitted."
    )


class SandboxEnvironment(Spec):
    """An environment of a pretended repository, with the rules that guard jobs which name it."""

    reviewers: tuple[str, ...] = Field(
        (), max_length=6, description="Logins, one of whom has to approve; a team begins with @ (organisations only)."
    )
    prevent_self_review: bool = Field(default=False, description="Whether who started a run may not approve it.")
    can_admins_bypass: bool = Field(default=True, description="Whether administrators may go past the reviewers.")
    wait_timer_min: int = Field(0, ge=0, description="Minutes that a job waits before it starts.")
    branches: tuple[str, ...] | None = Field(None, description="Branches that may deploy; all if omitted.")
    secrets: Secrets = Field(default_factory=dict, description="Secrets by name, made as an app's are.")
    variables: dict[SecretName, str] = Field(default_factory=dict, description="Variables by name.")


class SandboxIssue(Spec):
    """An issue of a pretended repository."""

    title: str = Field(min_length=1, description="Its title.")
    labels: tuple[str, ...] = Field((), description="Its labels.")
    state: Literal["open", "closed"] = Field("open", description="open or closed.")


def _usual_checks() -> dict[str, Conclusion]:
    return {"build": "success"}


class SandboxArtifact(Spec):
    """An artifact of a pretended CI run."""

    age_s: Seconds = Field(600, description="How long ago it was made, in seconds.")
    files: dict[str, Any] = Field(
        default_factory=dict, description="Its files by name: a text, or anything else, which becomes JSON."
    )


class SandboxRepository(Spec):
    """A pretended repository of GitHub. A commit stands in it for each image that names one."""

    visibility: Literal["public", "private"] = Field("public", description="public or private.")
    owner_kind: Literal["user", "organization"] = Field(
        "user", description="Whether a user or an organisation owns it."
    )
    default_branch: str = Field("main", min_length=1, description="Its default branch.")
    branches: tuple[str, ...] = Field((), description="Further branches, which begin at the default one.")
    collaborators: dict[str, Literal["admin", "write", "read"]] = Field(
        default_factory=dict, description="Roles by login, besides the owner's."
    )
    environments: dict[str, SandboxEnvironment] = Field(
        default_factory=lambda: {
            "staging": SandboxEnvironment(),
            "production": SandboxEnvironment(reviewers=("reviewer",)),
        },
        description="Environments by name; staging, and production with the reviewer `reviewer`, if omitted.",
    )
    workflows: dict[str, str] = Field(
        default_factory=dict, description="Text of workflow files by file name, on the default branch."
    )
    checks: dict[str, Conclusion] = Field(
        default_factory=_usual_checks, description="Check runs by name, the same on every commit."
    )
    artifacts: dict[str, SandboxArtifact] = Field(
        default_factory=dict, description="Artifacts of each commit's CI run, by name."
    )
    issues: tuple[SandboxIssue, ...] = Field((), description="Its issues.")
    secrets: Secrets = Field(default_factory=dict, description="Secrets of the repository, made as an app's are.")
    variables: dict[SecretName, str] = Field(default_factory=dict, description="Variables of the repository.")


class SandboxWorld(Spec):
    """What the pretended world holds besides the inventory's apps."""

    apps: dict[AppName, SandboxApp] = Field(default_factory=dict, description="Further apps: databases, strays.")
    images: tuple[SandboxImage, ...] = Field((), description="Further images in the registries.")
    region: str = Field("us-east-1", description="Region of the Supabase project.")
    pitr: bool = Field(default=False, description="Whether the Supabase projects can be brought back to any moment.")
    repositories: dict[RepoName, SandboxRepository] = Field(
        default_factory=dict, description="Repositories of GitHub by name; a usual one for `github_repo` if omitted."
    )

"""A whole pretended world from a sandbox inventory: the document with which the sandbox starts."""

from __future__ import annotations

import hashlib
import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotops.core.errors import WorldsMixed
from hotops.inventory.listing import load_environment
from hotops.inventory.sandbox_spec import (
    SandboxApp,
    SandboxCertificate,
    SandboxGroup,
    SandboxRelease,
    SandboxSecret,
    SandboxTarget,
    SandboxWorld,
)
from hotops.inventory.schema import App, Environment
from hotops.inventory.seed_github import repositories_of
from hotops.inventory.seed_values import DSN_NAMES, PretendedProject, secret_values, usual_kinds

SCHEMA = 1
#: The source's newest release is at least this old, so that a soak gate of the usual length is met.
LEAST_SOAK_S = 7200.0
DAY_S = 86400.0
#: Releases of an app that declares none; a source is one release ahead of its target.
FIRST_RELEASE = 38
_RELEASES = tuple(
    SandboxRelease(tag=f"v{FIRST_RELEASE + index}", version=FIRST_RELEASE + index, age_s=days * DAY_S)
    for index, days in enumerate((30, 14, 6, 2))
)
#: What a source does not take over from its target.
_TARGETS_OWN = frozenset({"org", "releases", "staged_secrets", "certificates"})


def seed_from_inventory(path: Path | str) -> dict[str, Any]:
    """The seed of the inventory's sandbox; every secret in it is made now.

    Raises WorldsMixed for a live inventory, InventoryError for a wrong one.
    """
    return seed_of(load_environment(path))


def seed_of(environment: Environment) -> dict[str, Any]:
    """The seed of an environment that is already loaded."""
    if environment.env_kind != "sandbox":
        raise WorldsMixed(
            f"{environment.name} is a live environment; a sandbox is made of an inventory with env_kind: sandbox.",
            remedy="Name the sandbox inventory, such as inventories/sandbox.",
        )
    world = environment.sandbox_world or SandboxWorld()
    projects = _projects(environment, world)
    around = _Surroundings(projects[0] if environment.supabase_project else None, environment.github_repo)
    apps = _apps(environment, world, around)
    orgs = dict.fromkeys([environment.fly_org, *(app["org"] for app in apps)])
    return {
        "schema": SCHEMA,
        "fly": {
            "orgs": [{"slug": slug, "name": slug.replace("-", " ").title()} for slug in orgs],
            "apps": apps,
            "images": [image.model_dump(mode="json") for image in world.images],
        },
        "supabase": {"projects": [_project(project, environment.fly_org, pitr=world.pitr) for project in projects]},
        "github": {"repositories": repositories_of(environment, world, around.project, apps)},
    }


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What all apps of the world share."""

    project: PretendedProject | None
    github_repo: str | None


def _projects(environment: Environment, world: SandboxWorld) -> list[PretendedProject]:
    """The environment's own project first, then those of the group `databases`, each ref once."""
    declared: dict[str, str | None] = {}
    if environment.supabase_project:
        declared[environment.supabase_project] = None
    for database in environment.databases.values():
        declared[database.supabase_project] = database.supabase_ref
    made = [PretendedProject(name, world.region, ref) for name, ref in declared.items()]
    return list({project.ref: project for project in reversed(made)}.values())[::-1]


def _project(project: PretendedProject, organization: str, *, pitr: bool) -> dict[str, Any]:
    return {
        "ref": project.ref,
        "name": project.name,
        "region": project.region,
        "organization": organization,
        "db_pass": project.db_pass,
        "pitr": pitr,
    }


def _apps(environment: Environment, world: SandboxWorld, around: _Surroundings) -> list[dict[str, Any]]:
    """Every app once: the sources, the hosts, the rest of the world. A host's own `sandbox` says what it is."""
    made: dict[str, dict[str, Any]] = {}
    says_itself = {app.app for app in environment.apps.values() if app.sandbox is not None}
    for app in environment.apps.values():
        if app.promote_from and app.promote_from not in says_itself:
            made[app.promote_from] = _source(app, around)
    for app in environment.apps.values():
        if app.app not in made:
            made[app.app] = _target(app, around)
    for name, spec in world.apps.items():
        made[name] = _app(name, spec, spec.org or environment.fly_org, f"https://{name}.fly.dev", around)
    return list(made.values())


def _target(app: App, around: _Surroundings) -> dict[str, Any]:
    declared = app.sandbox or SandboxTarget()
    spec = _with_defaults(app, declared, around.project, world="production")
    return _app(app.app, spec, spec.org or app.fly_org, app.url, around)


def _source(app: App, around: _Surroundings) -> dict[str, Any]:
    """The source app: like the target where nothing else is declared, and one release ahead."""
    declared = app.sandbox or SandboxTarget()
    own = declared.source or SandboxApp()
    spec = SandboxApp().model_copy(
        update={
            **{name: getattr(declared, name) for name in SandboxApp.model_fields if name not in _TARGETS_OWN},
            **{name: getattr(own, name) for name in own.model_fields_set},
            "secrets": {**declared.secrets, **own.secrets},
            "releases": own.releases or _one_ahead(declared.releases or _RELEASES, max(LEAST_SOAK_S, 2 * app.soak_s)),
        }
    )
    spec = _with_defaults(app, spec, around.project, world="staging")
    return _app(str(app.promote_from), spec, spec.org or str(app.source_org), str(app.source_url), around)


def _one_ahead(releases: Sequence[SandboxRelease], age_s: float) -> tuple[SandboxRelease, ...]:
    following = FIRST_RELEASE + len(releases) if releases[-1].version is None else releases[-1].version + 1
    return (*releases, SandboxRelease(tag=f"v{following}", version=following, age_s=age_s))


def _with_defaults(app: App, spec: SandboxApp, project: PretendedProject | None, *, world: str) -> SandboxApp:
    """The declared world with what follows from the app's own keys: groups and secrets."""
    names = [*(["DATABASE_URL"] if project else []), "SESSION_SECRET", *app.required_secrets]
    usual = {**usual_kinds(names, project), "APP_ENV": SandboxSecret(text=world)}
    return spec.model_copy(update={"groups": spec.groups or _groups(app), "secrets": {**usual, **spec.secrets}})


def _groups(app: App) -> dict[str, SandboxGroup]:
    """The declared process groups; the first one serves, the others work behind it."""
    health_path = app.health[0].path if app.health else "/health"
    floor_mb = max(SandboxGroup().memory_mb, app.memory_floor_mb or 0)
    if not app.process_groups:
        return {"app": SandboxGroup(memory_mb=floor_mb, health_path=health_path)}
    groups: dict[str, SandboxGroup] = {}
    for name, wanted in app.process_groups.items():
        serves = not groups
        groups[name] = SandboxGroup(
            count=2 if wanted.count is None else wanted.count,
            memory_mb=wanted.memory_mb or floor_mb,
            cpus=wanted.cpus or 1,
            cpu_kind=wanted.cpu_kind or "shared",
            service="https" if serves else "none",
            health_path=health_path if serves else None,
        )
    return groups


def _app(name: str, spec: SandboxApp, org: str, url: str, around: _Surroundings) -> dict[str, Any]:
    """One app of the seed. Every app has releases, since there is no machine without one."""
    values = secret_values(spec.secrets, app_url=url, project=around.project)
    connects = any(values.get(secret, "").startswith(("postgres://", "postgresql://")) for secret in DSN_NAMES)
    connects = connects or bool(values.get("POSTGRES_HOST"))  # an app that takes a connection string in parts
    certificates = _certificates(spec, url)
    return {
        "name": name,
        "org": org,
        "status": spec.status,
        "hostnames": [f"{name}.fly.dev", *(certificate["hostname"] for certificate in certificates)],
        "certificates": certificates,
        "primary_region": spec.region,
        "secrets": values,
        "staged_secrets": secret_values(spec.staged_secrets, app_url=url, project=around.project),
        "releases": _numbered(spec.releases or _RELEASES, around.github_repo),
        "env": {"PRIMARY_REGION": spec.region, **spec.env},
        "release_command": spec.release_command,
        "traffic_rps": spec.traffic_rps,
        "groups": {
            group: _group(group_spec, spec.region, app_connects=connects)
            for group, group_spec in (spec.groups or {"app": SandboxGroup()}).items()
        },
    }


def _certificates(spec: SandboxApp, url: str) -> list[dict[str, Any]]:
    """The declared certificates, and one for the URL's own host name if that is a custom one."""
    declared = [certificate.model_dump() for certificate in spec.certificates]
    hostname = urllib.parse.urlsplit(url).hostname or ""
    if hostname.endswith(".fly.dev") or any(certificate["hostname"] == hostname for certificate in declared):
        return declared
    return [*declared, SandboxCertificate(hostname=hostname).model_dump()]


def _numbered(releases: Iterable[SandboxRelease], github_repo: str | None) -> list[dict[str, Any]]:
    numbered: list[dict[str, Any]] = []
    for release in releases:
        before = numbered[-1]["version"] if numbered else 0
        numbered.append(
            {
                "version": release.version or before + 1,
                "tag": release.tag,
                "status": release.status,
                "age_s": release.age_s,
                "labels": _build_labels(release.tag, github_repo) if release.labels is None else release.labels,
                "pruned": release.pruned,
            }
        )
    return numbered


def _build_labels(tag: str, github_repo: str | None) -> dict[str, str]:
    """What flyctl stamps on an image that GitHub Actions builds; one tag is one commit in all apps."""
    if github_repo is None:
        return {}
    return {"GH_SHA": hashlib.sha256(tag.encode()).hexdigest()[:40], "GH_REPO": github_repo}


def _group(spec: SandboxGroup, region: str, *, app_connects: bool) -> dict[str, Any]:
    return {
        "count": spec.count,
        "regions": list(spec.regions or (region,)),
        "guest": {"cpu_kind": spec.cpu_kind, "cpus": spec.cpus, "memory_mb": spec.memory_mb},
        "services": [_service(spec)] if spec.service == "https" else [],
        "checks": spec.checks,
        "state": spec.state,
        "restart": {"policy": "on-failure", "max_retries": 10},
        "needs_database": app_connects if spec.needs_database is None else spec.needs_database,
        "needs_secrets": list(spec.needs_secrets),
        "volume": {"size_gb": spec.volume_gb} if spec.volume_gb else None,
    }


def _service(spec: SandboxGroup) -> dict[str, Any]:
    """An HTTPS service as `fly deploy` makes it of `[http_service]` (Machines API, machine config)."""
    interval = f"{spec.check_interval_s:g}s"
    check = {
        "type": "http",
        "interval": interval,
        "timeout": "2s",
        "grace_period": "1s",
        "method": "get",
        "path": spec.health_path,
    }
    return {
        "protocol": "tcp",
        "internal_port": spec.internal_port,
        # Replies spell "off" as false and "stop" as true (Machines API).
        "autostop": {"off": False, "stop": True, "suspend": "suspend"}[spec.autostop],
        "autostart": True,
        "min_machines_running": spec.min_machines_running,
        "ports": [
            {"port": 80, "handlers": ["http"], "force_https": True},
            {"port": 443, "handlers": ["tls", "http"]},
        ],
        "concurrency": {"type": "requests", "soft_limit": 20, "hard_limit": 25},
        "checks": [check] if spec.health_path else [],
    }

"""A whole pretended world from a sandbox inventory: the document with which the sandbox starts."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from hotops.core.errors import WorldsMixed
from hotops.inventory.listing import load_environment
from hotops.inventory.sandbox_spec import (
    SandboxApp,
    SandboxGroup,
    SandboxRelease,
    SandboxSecret,
    SandboxTarget,
    SandboxWorld,
)
from hotops.inventory.schema import App, Environment
from hotops.inventory.seed_values import DSN_NAMES, PretendedProject, secret_values, usual_kinds

SCHEMA = 1
#: The source's newest release is at least this old, so that a soak gate of the usual length is met.
LEAST_SOAK_S = 7200.0
DAY_S = 86400.0
#: Release numbers of an app whose releases are not declared; a source is one release ahead.
FIRST_RELEASE = 38
RELEASES = 4
_OLDER_AGES_S = (30 * DAY_S, 14 * DAY_S, 6 * DAY_S, 2 * DAY_S)


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
    project = PretendedProject(environment.supabase_project, world.region) if environment.supabase_project else None
    apps: dict[str, dict[str, Any]] = {}
    for app in environment.apps.values():
        if app.promote_from:
            apps[app.promote_from] = _source(app, project)
    for app in environment.apps.values():
        apps[app.app] = _target(app, project)
    for name, spec in world.apps.items():
        apps[name] = _app(name, spec, spec.org or environment.fly_org, f"https://{name}.fly.dev", spec.secrets, project)
    orgs = dict.fromkeys([environment.fly_org, *(app["org"] for app in apps.values())])
    return {
        "schema": SCHEMA,
        "fly": {
            "orgs": [{"slug": slug, "name": slug.replace("-", " ").title()} for slug in orgs],
            "apps": list(apps.values()),
            "images": [image.model_dump(mode="json") for image in world.images],
        },
        "supabase": {"projects": [_project(project, environment.fly_org)] if project else []},
    }


def _project(project: PretendedProject, organization: str) -> dict[str, Any]:
    return {
        "ref": project.ref,
        "name": project.name,
        "region": project.region,
        "organization": organization,
        "db_pass": project.db_pass,
    }


def _target(app: App, project: PretendedProject | None) -> dict[str, Any]:
    spec = _with_defaults(app, app.sandbox or SandboxTarget(), project, world="production", ahead=0)
    made = _app(app.app, spec, spec.org or app.fly_org, app.url, spec.secrets, project)
    return _with_custom_names(made, app.url, app)


def _source(app: App, project: PretendedProject | None) -> dict[str, Any]:
    declared = app.sandbox or SandboxTarget()
    own = declared.source or SandboxApp()
    like_target = declared.model_copy(update={"releases": (), "staged_secrets": {}, "certificates": ()})
    spec = SandboxApp.model_validate(
        {
            **{name: getattr(like_target, name) for name in SandboxApp.model_fields},
            **{name: getattr(own, name) for name in own.model_fields_set},
            "secrets": {**declared.secrets, **own.secrets},
        }
    )
    spec = _with_defaults(app, spec, project, world="staging", ahead=1)
    name, url = str(app.promote_from), str(app.source_url)
    made = _app(name, spec, spec.org or str(app.source_org), url, spec.secrets, project)
    return _with_custom_names(made, url)


def _with_defaults(
    app: App, spec: SandboxApp, project: PretendedProject | None, *, world: str, ahead: int
) -> SandboxApp:
    """The declared world with what follows from the app's own keys: groups, secrets, releases."""
    names = [*(["DATABASE_URL"] if project else []), "SESSION_SECRET", *app.required_secrets]
    secrets = {**usual_kinds(names, project), "APP_ENV": SandboxSecret(text=world), **spec.secrets}
    return spec.model_copy(
        update={
            "groups": spec.groups or _groups(app),
            "secrets": secrets,
            "releases": spec.releases or _releases(ahead, newest_age_s=max(LEAST_SOAK_S, 2 * app.soak_s)),
        }
    )


def _groups(app: App) -> dict[str, SandboxGroup]:
    """The declared process groups; the first one serves, the others work behind it."""
    health_path = app.health[0].path if app.health else "/health"
    floor_mb = max(SandboxGroup.model_fields["memory_mb"].default, app.memory_floor_mb or 0)
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


def _releases(ahead: int, *, newest_age_s: float) -> tuple[SandboxRelease, ...]:
    versions = range(FIRST_RELEASE, FIRST_RELEASE + RELEASES + ahead)
    ages = [*_OLDER_AGES_S[:RELEASES], newest_age_s][: len(versions)]
    return tuple(
        SandboxRelease(tag=f"v{version}", version=version, age_s=age)
        for version, age in zip(versions, ages, strict=True)
    )


def _app(
    name: str,
    spec: SandboxApp,
    org: str,
    url: str,
    secrets: Mapping[str, SandboxSecret],
    project: PretendedProject | None,
) -> dict[str, Any]:
    """One app of the seed. Every app has a release, since a machine without one is not a deployed app's."""
    releases = spec.releases or _releases(0, newest_age_s=LEAST_SOAK_S)
    values = secret_values(secrets, app_url=url, project=project)
    connects = any(secret in values for secret in DSN_NAMES)
    groups = spec.groups or {"app": SandboxGroup()}
    return {
        "name": name,
        "org": org,
        "status": spec.status,
        "hostnames": [f"{name}.fly.dev"],
        "certificates": [certificate.model_dump() for certificate in spec.certificates],
        "primary_region": spec.region,
        "secrets": values,
        "staged_secrets": secret_values(spec.staged_secrets, app_url=url, project=project),
        "releases": _numbered(releases),
        "env": {"PRIMARY_REGION": spec.region, **spec.env},
        "traffic_rps": spec.traffic_rps,
        "groups": {group: _group(group_spec, spec.region, connects) for group, group_spec in groups.items()},
    }


def _with_custom_names(app: dict[str, Any], url: str, declared: App | None = None) -> dict[str, Any]:
    """The app with the host names of its URL and its certificates; a custom name without a certificate gets one."""
    hostname = urllib.parse.urlsplit(url).hostname or ""
    certified = [certificate["hostname"] for certificate in app["certificates"]]
    custom = [hostname] if hostname and not hostname.endswith(".fly.dev") and hostname not in certified else []
    app["certificates"] += [{"hostname": name, "expires_in_days": 60} for name in custom]
    app["hostnames"] += [*certified, *custom]
    return app


def _numbered(releases: Iterable[SandboxRelease]) -> list[dict[str, Any]]:
    numbered: list[dict[str, Any]] = []
    for release in releases:
        before = numbered[-1]["version"] if numbered else 0
        numbered.append(
            {
                "version": release.version or before + 1,
                "tag": release.tag,
                "status": release.status,
                "age_s": release.age_s,
            }
        )
    return numbered


def _group(spec: SandboxGroup, region: str, app_connects: bool) -> dict[str, Any]:
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

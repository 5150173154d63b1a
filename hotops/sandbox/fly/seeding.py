"""Making the world out of a seed: organisations, apps, images, back-dated releases and the machines that run them."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.fly import app_config, apps, lifecycle, making, volumes
from hotops.sandbox.fly.app_config import DEFAULT_GUEST
from hotops.sandbox.fly.images import REGISTRY
from hotops.sandbox.fly.machine import Machine
from hotops.sandbox.fly.world import App, Certificate, Group, Release, World

DAY_S = 86_400.0
CERTIFICATE_LIFE_S = 90 * DAY_S
VAULT_BEFORE_S = 60.0
FLYCTL_VERSION = "0.3.200"
DEFAULT_RELEASE = {"version": 1, "tag": "v1", "status": "complete", "age_s": DAY_S}


def plant(world: World, seed: dict[str, Any], now: float) -> None:
    """Fill an empty world from a seed's `fly` part; times in it are ages in seconds before `now`."""
    world.created_at = now
    for org in seed.get("orgs") or [{"slug": "personal", "name": "Personal"}]:
        world.add_org(str(org["slug"]), str(org.get("name") or org["slug"]))
    for image in seed.get("images") or []:
        pushed_at = now - float(image.get("age_s") or 0.0)
        world.images.push(image["repository"], image["tag"], pushed_at, image.get("labels"))
        if image.get("pruned"):
            world.images.prune(image["repository"], image["tag"])
    for wanted in seed.get("apps") or []:
        plant_app(world, wanted, now)


def plant_app(world: World, wanted: dict[str, Any], now: float) -> App:
    """Make one app of the seed with everything in it."""
    history = sorted(wanted.get("releases") or [DEFAULT_RELEASE], key=lambda release: int(release["version"]))
    oldest_at = now - max(float(release.get("age_s") or 0.0) for release in history)
    org = world.orgs.get(str(wanted.get("org") or "personal")) or next(iter(world.orgs.values()))
    app = world.add_app(str(wanted["name"]), org, oldest_at - DAY_S, str(wanted.get("primary_region") or "ord"))
    app.status = str(wanted.get("status") or "deployed")
    app.hostnames = [str(name) for name in wanted.get("hostnames") or app.hostnames]
    app.traffic_rps = float(wanted.get("traffic_rps") or 0.0)
    for certificate in wanted.get("certificates") or []:
        expires_at = now + float(certificate.get("expires_in_days", 60)) * DAY_S
        hostname = str(certificate["hostname"])
        app.certificates[hostname] = Certificate(hostname, expires_at - CERTIFICATE_LIFE_S, expires_at)
    for kind in ("v6", "shared_v4"):
        app.ips.append(apps.address(app, kind, app.created_at))
    if wanted.get("secrets"):
        app.vault.write(dict(wanted["secrets"]), oldest_at - VAULT_BEFORE_S)
    for release in history:
        _plant_release(world, app, wanted, release, now)
    _plant_machines(world, app, wanted, now)
    if wanted.get("staged_secrets"):
        since_s = now - app.releases[-1].created_at
        app.vault.write(dict(wanted["staged_secrets"]), now - min(since_s / 2, 300.0))
    return app


def _plant_release(world: World, app: App, wanted: dict[str, Any], release: dict[str, Any], now: float) -> None:
    created_at = now - float(release.get("age_s") or 0.0)
    tag = str(release["tag"])
    content = world.images.push(app.name, tag, created_at, release.get("labels"))
    image = f"{REGISTRY}/{app.name}:{tag}@{content.digest}"
    if release.get("pruned"):
        world.images.prune(app.name, tag)
    app.releases.append(
        Release(
            id=world.ids.short("rel_"),
            version=int(release["version"]),
            status=str(release.get("status") or "complete"),
            strategy="ROLLING",
            user=str(release.get("user") or "operator@example.com"),
            created_at=created_at,
            image_ref=image,
            definition=app_config.of_seed(app.name, app.primary_region, wanted),
            description="Release",
        )
    )


def machine_config(app: App, wanted: dict[str, Any], group_name: str, release: Release) -> dict[str, Any]:
    """The config of a group's machines at one release, as flyctl would have written it."""
    group: dict[str, Any] = wanted["groups"][group_name]
    config: dict[str, Any] = {
        "image": release.image_ref,
        "env": {"FLY_PROCESS_GROUP": group_name, "PRIMARY_REGION": app.primary_region, **(wanted.get("env") or {})},
        "guest": dict(group.get("guest") or DEFAULT_GUEST),
        "metadata": release_metadata(group_name, release),
        "init": {},
        "restart": dict(group.get("restart") or {"policy": "on-failure", "max_retries": 10}),
    }
    for key in ("services", "checks", "mounts", "schedule", "stop_config"):
        if group.get(key):
            config[key] = group[key]
    return config


def release_metadata(group_name: str, release: Release) -> dict[str, str]:
    """The metadata flyctl stamps on a machine at each release."""
    return {
        "fly_platform_version": "v2",
        "fly_process_group": group_name,
        "fly_release_id": release.id,
        "fly_release_version": str(release.version),
        "fly_flyctl_version": FLYCTL_VERSION,
    }


def _plant_machines(world: World, app: App, wanted: dict[str, Any], now: float) -> None:
    for group_name, group in (wanted.get("groups") or {}).items():
        app.groups[group_name] = Group(
            needs_database=bool(group.get("needs_database")),
            needs_secrets=tuple(group.get("needs_secrets") or ()),
        )
        regions = group.get("regions") or [app.primary_region]
        for number in range(int(group.get("count", 1))):
            _plant_machine(world, app, wanted, group_name, str(regions[number % len(regions)]), now=now)
    for machine in app.machines.values():
        lifecycle.advance(world, machine, now)
        _rest(world, machine, str(wanted["groups"][machine.group].get("state") or "started"), now)


def _plant_machine(world: World, app: App, wanted: dict[str, Any], group_name: str, region: str, *, now: float) -> None:
    versions = []
    for release in app.releases:
        payload = {"config": machine_config(app, wanted, group_name, release)}
        known = world.images.repositories[app.name]
        # A pruned image was there when the machine was made: put it back for the moment of resolving it.
        digest = release.image_ref.partition("@")[2]
        known.digests.setdefault(digest, release.created_at)
        versions.append(making.incarnation(world, app, payload, release.created_at))
        if digest not in known.tags.values():
            del known.digests[digest]
    wanted_volume = wanted["groups"][group_name].get("volume")
    if wanted_volume:
        # One of its own for each machine, in every version that it had.
        volume = volumes.plant(world, app, wanted_volume, region, now)
        mount = {"volume": volume.id, "path": str(wanted_volume.get("path") or "/data"), "name": volume.name}
        for version in versions:
            version.asked["mounts"] = version.config["mounts"] = [mount]
    machine = making.machine(world, app, {"region": region}, versions[0], app.releases[0].created_at)
    machine.versions = versions
    machine.updated_at = versions[-1].created_at
    app.machines[machine.id] = machine
    volumes.attach(app, machine)
    lifecycle.launch(world, machine, versions[-1].created_at, skip=False)


def _rest(world: World, machine: Machine, state: str, now: float) -> None:
    """Bring a seeded machine to rest in the state the seed wants, half way between its release and now."""
    at = machine.current.created_at + (now - machine.current.created_at) / 2
    if state == "stopped":
        lifecycle.stop(world, machine, at)
    elif state == "suspended":
        lifecycle.suspend(world, machine, at)
    lifecycle.advance(world, machine, now)

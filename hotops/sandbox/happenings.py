"""What happens on the twin without any client asking: pushes, deploys by others, machines that die or vanish."""

from __future__ import annotations

import copy
from typing import Any

from hotops.sandbox.fly import checks, lifecycle, seeding, volumes
from hotops.sandbox.fly.errors import RefusalError
from hotops.sandbox.fly.images import REGISTRY
from hotops.sandbox.fly.machine import Exit, Incarnation, Machine
from hotops.sandbox.fly.world import App, Release, World

DEEDS = ("kill", "stop", "suspend", "start", "lose", "host_down", "host_up")


def push(
    world: World,
    app: App,
    tag: str,
    now: float,
    *,
    age_s: float = 0.0,
    deploys: bool = True,
    labels: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Push an image into an app's repository and, if wanted, make its machines run it since `age_s` seconds."""
    at = now - age_s
    content = world.images.push(app.name, tag, at, labels)
    image = f"{REGISTRY}/{app.name}:{tag}@{content.digest}"
    if not deploys:
        return {"image": image, "digest": content.digest}
    release = _next_release(world, app, image, at)
    for machine in app.alive(now):
        lifecycle.advance(world, machine, now)
        config: dict[str, Any] = {**copy.deepcopy(machine.config), "image": image}
        config["metadata"] = {**config["metadata"], **seeding.release_metadata(machine.group, release)}
        _replace(world, app, machine, config, (at, now))
    return {"image": image, "digest": content.digest, "release": release.version}


def redeploy(world: World, app: App, now: float) -> None:
    """Make the machines run what they run already, with the vault as it is now."""
    newest = max(app.releases, key=lambda release: release.version, default=None)
    release = _next_release(world, app, newest.image_ref if newest else "", now)
    for machine in app.alive(now):
        lifecycle.advance(world, machine, now)
        config: dict[str, Any] = copy.deepcopy(machine.config)
        config["metadata"] = {**config["metadata"], **seeding.release_metadata(machine.group, release)}
        _replace(world, app, machine, config, (now, now))


def happen(world: World, app: App, machine_id: str | None, deed: str, now: float) -> list[str]:
    """Let something happen to one machine, or to all of an app; returns the ids.

    `kill` ends the process as the kernel would, `lose` makes the machine vanish, `host_down` its host unreachable.
    """
    if deed not in DEEDS:
        raise RefusalError(400, f"do: {deed!r} is not one of {', '.join(DEEDS)}")
    chosen = [m for m in app.alive(now) if machine_id in {None, m.id}]
    for machine in chosen:
        lifecycle.advance(world, machine, now)
        _do(world, machine, deed, now)
        volumes.follow_host(app, machine)
    return [machine.id for machine in chosen]


def app_status(world: World, app: App, now: float) -> dict[str, Any]:
    """An app in the sandbox's own status: what each machine is and runs."""
    rows = []
    for machine in app.alive(now):
        lifecycle.advance(world, machine, now)
        version = machine.current
        rows.append(
            {
                "id": machine.id,
                "group": machine.group,
                "region": machine.region,
                "state": machine.state,
                "tag": version.image.tag or version.image.content.tag,
                "digest": version.image.content.digest,
                "memory_mb": version.config["guest"]["memory_mb"],
                "cordoned": machine.cordoned,
                "host_status": machine.host_status,
                "checks": {row["name"]: row["status"] for row in checks.rows(world, machine, now)},
            }
        )
    newest = max(app.releases, key=lambda release: release.version, default=None)
    return {
        "name": app.name,
        "org": app.org.slug,
        "hostnames": app.hostnames,
        "release": newest.version if newest else None,
        "machines": rows,
    }


def _next_release(world: World, app: App, image: str, at: float) -> Release:
    newest = max(app.releases, key=lambda release: release.version, default=None)
    definition = copy.deepcopy(newest.definition if newest else {"app": app.name})
    release = Release(
        id=world.ids.short("rel_"),
        version=(newest.version if newest else 0) + 1,
        status="complete",
        strategy="ROLLING",
        user="operator@example.com",
        created_at=at,
        image_ref=image,
        definition=definition,
        description="Release",
    )
    app.releases.append(release)
    return release


def _replace(world: World, app: App, machine: Machine, config: dict[str, Any], times: tuple[float, float]) -> None:
    """Give a machine a version that began at the first of `times`; one of the past was given what it already had."""
    at, now = times
    image = world.images.resolve(str(config["image"])) or machine.current.image
    given = dict(machine.current.given) if at < now else app.vault.view()
    new = Incarnation(world.ids.ulid(at), config, image, given, at)
    rests = machine.state in {"stopped", "suspended"}
    lifecycle.replace(world, machine, at, new, skip=rests)
    lifecycle.advance(world, machine, now)
    machine.events.sort(key=lambda event: event.at)


def _do(world: World, machine: Machine, deed: str, now: float) -> None:
    if deed == "kill":
        lifecycle.kill(world, machine, now, Exit(137, signal=9))
    elif deed == "stop":
        lifecycle.stop(world, machine, now, "flyd")
    elif deed == "suspend":
        lifecycle.suspend(world, machine, now, "flyd")
    elif deed == "start":
        lifecycle.start(world, machine, now, "flyd")
    elif deed == "lose":
        machine.lost = True
        machine.agenda.clear()
    else:
        machine.host_status = "unreachable" if deed == "host_down" else "ok"

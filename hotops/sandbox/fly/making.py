"""Making machines and new versions of them out of a config: image, secrets view, names, addresses."""

from __future__ import annotations

from typing import Any

from hotops.sandbox.fly.errors import RefusalError, invalid, unmet
from hotops.sandbox.fly.ids import stable_number
from hotops.sandbox.fly.images import Resolved, split_reference
from hotops.sandbox.fly.machine import Incarnation, Machine
from hotops.sandbox.fly.machine_config import accepted
from hotops.sandbox.fly.world import App, World


def incarnation(world: World, app: App, payload: dict[str, Any], now: float) -> Incarnation:
    """A new version from a create or update request; raises 400 for a bad config or image, 412 for secrets to come.

    The machine is given the vault as it is now; with `min_secrets_version` above the vault's version the platform
    refuses (Machines API, create machine).
    """
    config = accepted(payload.get("config"))
    minimum = payload.get("min_secrets_version") or 0
    if int(minimum) > app.vault.version:
        raise unmet(f"secrets version {minimum} is not available yet, current version is {app.vault.version}")
    image = resolve(world, app, str(config["image"]))
    given = {} if payload.get("skip_secrets") else app.vault.view()
    return Incarnation(world.ids.ulid(now), config, image, given, now)


def resolve(world: World, app: App, reference: str) -> Resolved:
    """The image a reference means for this app; raises 400 where the registry would not give it.

    The twin's choice, as the documents name no status: 400 with the registry's own words. An image of another
    organisation is refused in the same way (Fly docs, registry access is per organisation).
    """
    repository, _, _ = split_reference(reference)
    owner = world.apps.get(repository or "")
    if owner is not None and owner.org.slug != app.org.slug:
        raise invalid(f"unable to pull image {reference}: denied: requested access to the resource is denied")
    found = world.images.resolve(reference)
    if found is None:
        raise invalid(f"unable to pull image {reference}: manifest unknown")
    return found


def machine(world: World, app: App, payload: dict[str, Any], version: Incarnation, now: float) -> Machine:
    """A machine with its first version, not launched yet; raises 409 where its name is taken, 400 for a bad region."""
    name = str(payload.get("name") or world.ids.machine_name())
    for other in app.machines.values():
        if other.name == name and other.state != "destroyed" and not other.lost:
            text = f"already_exists: unique machine name violation, machine ID {other.id} already exists with name"
            raise RefusalError(409, f'{text} "{name}"')
    region = str(payload.get("region") or app.primary_region)
    if not (region.isalpha() and len(region) == 3):
        raise invalid(f"region: unknown region {region!r}")
    machine_id = world.ids.machine()
    number = stable_number(machine_id)
    hextets = [f"{number >> shift & 0xFFFF:x}" for shift in (0, 16, 32, 48)]
    made = Machine(
        id=machine_id,
        name=name,
        app_name=app.name,
        region=region,
        private_ip=f"fdaa:0:{hextets[0]}:a7b:{hextets[1]}:{hextets[2]}:{hextets[3]}:2",
        created_at=now,
        updated_at=now,
        versions=[version],
    )
    if payload.get("skip_service_registration"):
        made.cordoned = True
        made.routing.append((now, True))
    return made

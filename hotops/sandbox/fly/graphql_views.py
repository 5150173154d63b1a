"""What GraphQL shows of the world: dictionaries whose callables are fields with arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hotops.sandbox.fly import lifecycle
from hotops.sandbox.fly.ids import rfc3339_seconds
from hotops.sandbox.fly.machine import Machine
from hotops.sandbox.fly.world import App, Org, Release, World

PAGE_INFO = {"hasNextPage": False, "hasPreviousPage": False, "startCursor": None, "endCursor": None}


def connection(nodes: Sequence[Any]) -> dict[str, Any]:
    """Nodes in one page."""
    return {"nodes": list(nodes), "totalCount": len(nodes), "pageInfo": PAGE_INFO}


def user(email: str) -> dict[str, Any]:
    """A person."""
    return {
        "__typename": "User",
        "id": f"user-{email.partition('@')[0]}",
        "email": email,
        "name": email.partition("@")[0],
        "enablePaidHobby": False,
    }


def organization(org: Org) -> dict[str, Any]:
    """An organisation."""
    return {
        "id": org.id,
        "internalNumericId": str(org.numeric_id),
        "slug": org.slug,
        "rawSlug": org.slug,
        "name": org.name,
        "type": "PERSONAL" if org.slug == "personal" else "SHARED",
        "paidPlan": True,
        "billable": True,
        "billingStatus": "CURRENT",
        "viewerRole": "admin",
        "members": {"edges": []},
        "addOns": connection([]),
    }


def release(record: Release) -> dict[str, Any]:
    """A release record."""
    created_at = rfc3339_seconds(record.created_at)
    return {
        "id": record.id,
        "version": record.version,
        "stable": record.status == "complete",
        "inProgress": record.status in {"pending", "running"},
        "reason": record.reason,
        "description": record.description,
        "status": record.status,
        "imageRef": record.image_ref,
        "deploymentStrategy": record.strategy,
        "configDefinition": record.definition,
        "user": user(record.user),
        "createdAt": created_at,
        "updatedAt": created_at,
    }


def machine(shown: Machine, app_shown: dict[str, Any]) -> dict[str, Any]:
    """A machine."""
    return {
        "id": shown.id,
        "name": shown.name,
        "state": shown.state,
        "region": shown.region,
        "instanceId": shown.current.instance_id,
        "app": app_shown,
        "config": shown.config,
        "createdAt": rfc3339_seconds(shown.created_at),
        "updatedAt": rfc3339_seconds(shown.updated_at),
        "ips": connection([]),
        "egressIpAddresses": connection([]),
    }


def app(world: World, shown: App, releases: list[Release], now: float) -> dict[str, Any]:
    """An app with everything that hangs on it; lists are made when asked for."""
    made: dict[str, Any] = {}
    newest = releases[0] if releases else None
    hostname = shown.hostnames[0] if shown.hostnames else None
    shared = next((ip["ip"] for ip in shown.ips if ip["shared"]), None)

    def history(info: Any, first: int | None = None) -> dict[str, Any]:
        del info
        return connection([release(record) for record in releases[: first or 25]])

    def machines(info: Any, **arguments: Any) -> dict[str, Any]:
        del info, arguments
        alive = shown.alive(now)
        for each in alive:
            lifecycle.advance(world, each, now)
        return connection([machine(each, made) for each in alive])

    def image(info: Any, ref: str) -> dict[str, Any] | None:
        del info
        found = world.images.resolve(ref)
        if found is None:
            return None
        size = sum(len(blob) for blob in found.content.blobs.values())
        return {
            "id": f"img_{found.content.digest[7:23]}",
            "ref": ref,
            "digest": found.content.digest,
            "compressedSize": str(size),
            "compressedSizeFull": str(size),
            "manifest": None,
            "tag": found.tag,
        }

    made.update(
        {
            "id": shown.id,
            "internalNumericId": shown.numeric_id,
            "name": shown.name,
            "hostname": hostname,
            "deployed": shown.status in {"deployed", "suspended"},
            "status": shown.status,
            "appUrl": f"https://{hostname}" if hostname else None,
            "platformVersion": "machines",
            "network": "default",
            "version": newest.version if newest else 0,
            "createdAt": rfc3339_seconds(shown.created_at),
            "cnameTarget": f"{shown.name}.fly.dev",
            "organization": organization(shown.org),
            "role": {"__typename": "EmptyRole", "name": ""},
            "config": {"definition": (newest.definition if newest else None) or {}, "valid": True, "errors": []},
            "services": [],
            "imageDetails": None,
            "imageUpgradeAvailable": False,
            "imageVersionTrackingEnabled": False,
            "image": image,
            "ipAddresses": connection([_address(ip) for ip in shown.ips if not ip["shared"]]),
            "sharedIpAddress": shared,
            "egressIpAddresses": connection([]),
            "certificates": connection([_certificate(name) for name in shown.certificates]),
            "machines": machines,
            "secrets": [_secret(shown, name) for name in sorted(shown.vault.entries)],
            "currentRelease": release(newest) if newest else None,
            "currentReleaseUnprocessed": release(newest) if newest else None,
            "releases": history,
            "releasesUnprocessed": history,
        }
    )
    return made


def _address(ip: dict[str, Any]) -> dict[str, Any]:
    kind = "v6" if ":" in ip["ip"] else "v4"
    return {
        "id": f"ip_{ip['ip']}",
        "address": ip["ip"],
        "type": kind,
        "region": ip["region"],
        "createdAt": ip["created_at"],
        "serviceName": ip["service_name"],
    }


def _certificate(hostname: str) -> dict[str, Any]:
    return {"id": f"cert_{hostname}", "hostname": hostname, "clientStatus": "Ready", "configured": True}


def _secret(shown: App, name: str) -> dict[str, Any]:
    entry = shown.vault.shown(name)
    return {"id": f"secret_{name}", "name": name, "digest": entry["digest"], "createdAt": entry["created_at"]}

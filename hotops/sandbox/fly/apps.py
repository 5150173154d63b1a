"""Machines REST: apps, addresses, regions, and what a token may do (Machines API, apps and platform)."""

from __future__ import annotations

import re
from typing import Any

from hotops.sandbox.fly import access, lifecycle
from hotops.sandbox.fly.errors import RefusalError, empty_reply, invalid, json_reply, not_found
from hotops.sandbox.fly.ids import rfc3339, stable_number
from hotops.sandbox.fly.routing import Call, Routes
from hotops.sandbox.fly.world import App
from hotops.sandbox.wire import Response

routes = Routes()
APP = "/v1/apps/{app}"
NAME = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
# Code, name, latitude, longitude, geographic region (Fly docs, regions).
REGIONS = (
    ("ams", "Amsterdam, Netherlands", 52.37, 4.9, "europe"),
    ("arn", "Stockholm, Sweden", 59.65, 17.92, "europe"),
    ("bom", "Mumbai, India", 19.09, 72.87, "asia_pacific"),
    ("cdg", "Paris, France", 48.86, 2.35, "europe"),
    ("dfw", "Dallas, Texas (US)", 32.78, -96.8, "north_america"),
    ("ewr", "Secaucus, NJ (US)", 40.79, -74.06, "north_america"),
    ("fra", "Frankfurt, Germany", 50.17, 8.67, "europe"),
    ("gru", "Sao Paulo, Brazil", -23.55, -46.63, "south_america"),
    ("iad", "Ashburn, Virginia (US)", 39.02, -77.54, "north_america"),
    ("jnb", "Johannesburg, South Africa", -26.2, 28.05, "africa"),
    ("lax", "Los Angeles, California (US)", 34.05, -118.24, "north_america"),
    ("lhr", "London, United Kingdom", 51.52, -0.06, "europe"),
    ("nrt", "Tokyo, Japan", 35.62, 139.75, "asia_pacific"),
    ("ord", "Chicago, Illinois (US)", 41.89, -87.64, "north_america"),
    ("sin", "Singapore, Singapore", 1.3, 103.86, "asia_pacific"),
    ("sjc", "San Jose, California (US)", 37.35, -121.96, "north_america"),
    ("syd", "Sydney, Australia", -33.87, 151.21, "asia_pacific"),
    ("yyz", "Toronto, Canada", 43.64, -79.45, "north_america"),
)


def shown(app: App, now: float) -> dict[str, Any]:
    """An app (Machines API, App). There is neither a host name nor a release in it."""
    return {
        "id": app.id,
        "internal_numeric_id": app.numeric_id,
        "name": app.name,
        "status": app.status,
        "network": "default",
        "machine_count": len(app.alive(now)),
        "volume_count": len(app.volumes),
        "organization": {"name": app.org.name, "slug": app.org.slug, "internal_numeric_id": app.org.numeric_id},
    }


@routes.on("GET", "/v1/apps")
def list_apps(call: Call) -> Response:
    """Apps of an organisation; an app-scoped token may not ask for them."""
    slug = call.request.value("org_slug")
    if slug not in call.world.orgs:
        raise not_found("organization")
    call.grant.check_org(slug)
    found = [shown(app, call.now) for app in call.world.apps.values() if app.org.slug == slug]
    return json_reply({"total_apps": len(found), "apps": found})


@routes.on("POST", "/v1/apps")
def create_app(call: Call) -> Response:
    """Create an app; names are global."""
    payload = call.payload
    name = str(payload.get("name") or payload.get("app_name") or "")
    slug = str(payload.get("org_slug") or "")
    if slug not in call.world.orgs:
        raise not_found("organization")
    call.grant.check_org(slug, writes=True)
    if not NAME.match(name):
        raise invalid("name: only lower-case letters, numbers and dashes are allowed")
    if name in call.world.apps:
        raise RefusalError(422, "Validation failed: Name has already been taken", "name_taken")
    app = call.world.add_app(name, call.world.orgs[slug], call.now)
    return json_reply(shown(app, call.now), 201)


@routes.on("GET", APP, action="app_get")
def get_app(call: Call) -> Response:
    """One app."""
    for machine in call.app.machines.values():
        lifecycle.advance(call.world, machine, call.now)
    return json_reply(shown(call.app, call.now))


@routes.on("DELETE", APP, action="app_delete")
def delete_app(call: Call) -> Response:
    """Delete an app with its machines and volumes."""
    del call.world.apps[call.app.name]
    return empty_reply(202)


@routes.on("GET", APP + "/ip_assignments", action="ips_list")
def list_ips(call: Call) -> Response:
    """Addresses of an app."""
    return json_reply({"ips": call.app.ips})


@routes.on("POST", APP + "/ip_assignments", action="ips_assign")
def assign_ip(call: Call) -> Response:
    """Give an app an address, from the ranges kept for documentation."""
    kind = str(call.payload.get("type") or "")
    if kind not in {"v4", "v6", "shared_v4", "private_v6"}:
        raise invalid(f"type: unknown address type {kind!r}")
    made = address(call.app, kind, call.now)
    call.app.ips.append(made)
    return json_reply(made)


@routes.on("DELETE", APP + "/ip_assignments/{ip}", action="ips_delete")
def release_ip(call: Call) -> Response:
    """Take an address from an app."""
    kept = [ip for ip in call.app.ips if ip["ip"] != call.params["ip"]]
    if len(kept) == len(call.app.ips):
        raise not_found("ip address")
    call.app.ips = kept
    return empty_reply()


@routes.on("GET", "/v1/platform/regions")
def list_regions(call: Call) -> Response:
    """Regions where machines can run."""
    del call
    rows = [
        {
            "code": code,
            "name": name,
            "latitude": latitude,
            "longitude": longitude,
            "gateway_available": True,
            "requires_paid_plan": False,
            "deprecated": False,
            "geo_region": geo,
        }
        for code, name, latitude, longitude, geo in REGIONS
    ]
    return json_reply({"nearest": "ord", "regions": rows})


@routes.on("GET", "/v1/tokens/current")
def current_token(call: Call) -> Response:
    """What the tokens of this request may do."""
    return json_reply({"tokens": [access.described(call.world, token) for token in call.grant.tokens]})


def address(app: App, kind: str, now: float) -> dict[str, Any]:
    """An address of a kind (v4, v6, shared_v4, private_v6) that stays the same for the app's n-th."""
    number = stable_number(app.name, kind, len(app.ips))
    values = {
        "v4": f"203.0.113.{number % 250 + 1}",
        "shared_v4": f"198.51.100.{number % 250 + 1}",
        "v6": f"2001:db8:1::{number & 0xFFFF:x}:{number >> 16 & 0xFFFF:x}",
        "private_v6": f"fdaa:0:{number & 0xFFFF:x}::2",
    }
    return {
        "ip": values[kind],
        "region": "global",
        "service_name": "",
        "shared": kind == "shared_v4",
        "created_at": rfc3339(now),
    }

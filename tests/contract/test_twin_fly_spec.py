"""Every field the twin replies exists in the published Machines API document, but for a documented few."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from hotops.sandbox.fly.api import MACHINES_ROUTES
from hotops.sandbox.twin import Twin
from tests.twin.asking import START, Asker, app_seed, fly_seed

ROOT = Path(__file__).parents[2]
DOCUMENT = "fly-machines.openapi.json"
MACHINES = "/v1/apps/shop/machines"
DEVIATIONS: dict[str, Any] = json.loads(
    Path(__file__).with_name("twin_fly_deviations.json").read_text(encoding="utf-8")
)
ALLOWED = {(row["schema"], row["field"]) for row in DEVIATIONS["fields"]}


def document_path() -> Path:
    """Where the document should be: HOTOPS_SPECS, else beside the project."""
    return Path(os.environ.get("HOTOPS_SPECS") or ROOT.parent / "shared" / "specs") / DOCUMENT


pytestmark = pytest.mark.skipif(
    not document_path().exists(), reason=f"{document_path().name} is absent; set HOTOPS_SPECS to its folder"
)


@cache
def document() -> dict[str, Any]:
    """The published document."""
    loaded: dict[str, Any] = json.loads(document_path().read_text(encoding="utf-8"))
    return loaded


def name_of(schema: dict[str, Any]) -> str:
    """The component a schema refers to, "" for an inline one."""
    return str(schema.get("$ref", "")).rpartition("/")[2]


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its reference followed."""
    if schema.get("allOf"):
        schema = schema["allOf"][0]
    name = name_of(schema)
    found: dict[str, Any] = document()["components"]["schemas"][name] if name else schema
    return found


def unknown_fields(value: Any, schema: dict[str, Any], where: str = "") -> Iterator[str]:
    """Paths of the fields in a reply that its schema does not hold, deviations left out."""
    if schema.get("allOf"):
        schema = schema["allOf"][0]
    name, shape = name_of(schema), resolved(schema)
    if isinstance(value, list):
        for item in value:
            yield from unknown_fields(item, shape.get("items", {}), f"{where}[]")
    elif isinstance(value, dict):
        known: dict[str, Any] = shape.get("properties", {})
        others = shape.get("additionalProperties")
        free = bool(others) or not known
        for key, inner in value.items():
            if key in known:
                yield from unknown_fields(inner, known[key], f"{where}.{key}")
            elif isinstance(others, dict):
                yield from unknown_fields(inner, others, f"{where}.{key}")
            elif not free and (name, key) not in ALLOWED:
                yield f"{where}.{key} is not in {name or 'the schema'}"


def component(name: str) -> dict[str, Any]:
    """A reference to a component."""
    return {"$ref": f"#/components/schemas/{name}"}


def reply_schema(method: str, path: str, status: int) -> dict[str, Any]:
    """The document's schema for a reply."""
    responses = document()["paths"][path][method.lower()]["responses"]
    content = responses[str(status)].get("content", {})
    found: dict[str, Any] = content.get("application/json", {}).get("schema", {})
    return found


@pytest.fixture
def sky() -> Asker:
    """A twin without limits."""
    twin = Twin(fly_seed(app_seed("shop", staged_secrets={"B": "y"})), connect=lambda dsn: None, now=START)
    twin.limits = False
    return Asker(twin)


READS = [
    ("/apps?org_slug=personal", "/apps"),
    ("/apps/shop", "/apps/{app_name}"),
    ("/apps/shop/machines", "/apps/{app_name}/machines"),
    ("/apps/shop/machines?summary=true", "/apps/{app_name}/machines"),
    ("/apps/shop/machines/{id}", "/apps/{app_name}/machines/{machine_id}"),
    ("/apps/shop/machines/{id}/events", "/apps/{app_name}/machines/{machine_id}/events"),
    ("/apps/shop/machines/{id}/versions", "/apps/{app_name}/machines/{machine_id}/versions"),
    ("/apps/shop/machines/{id}/metadata", "/apps/{app_name}/machines/{machine_id}/metadata"),
    ("/apps/shop/machines/{id}/ps", "/apps/{app_name}/machines/{machine_id}/ps"),
    ("/apps/shop/machines/{id}/wait?state=started", "/apps/{app_name}/machines/{machine_id}/wait"),
    ("/apps/shop/secrets", "/apps/{app_name}/secrets"),
    ("/apps/shop/secrets/APP_ENV", "/apps/{app_name}/secrets/{secret_name}"),
    ("/apps/shop/volumes", "/apps/{app_name}/volumes"),
    ("/apps/shop/certificates", "/apps/{app_name}/certificates"),
    ("/apps/shop/certificates/www.shop.example.com", "/apps/{app_name}/certificates/{hostname}"),
    ("/apps/shop/ip_assignments", "/apps/{app_name}/ip_assignments"),
    ("/orgs/personal/machines", "/orgs/{org_slug}/machines"),
    ("/platform/regions", "/platform/regions"),
    ("/tokens/current", "/tokens/current"),
]


@pytest.mark.parametrize(("target", "path"), READS, ids=[target for target, _ in READS])
def test_every_field_read_from_the_twin_is_published(sky: Asker, target: str, path: str) -> None:
    machine = sky.machines()[0]["id"]
    reply = sky.get("/v1" + target.replace("{id}", machine))
    assert reply or target.endswith("/volumes")
    assert list(unknown_fields(reply, reply_schema("get", path, 200))) == []


def test_every_field_of_a_volume_and_its_snapshots_is_published() -> None:
    groups = {"app": {"count": 1, "volume": {"size_gb": 4}}}
    sky = Asker(Twin(fly_seed(app_seed("shop", groups=groups)), connect=lambda dsn: None, now=START))
    (volume,) = sky.get("/v1/apps/shop/volumes")
    snapshots = sky.get(f"/v1/apps/shop/volumes/{volume['id']}/snapshots")
    assert list(unknown_fields([volume], reply_schema("get", "/apps/{app_name}/volumes", 200))) == []
    path = "/apps/{app_name}/volumes/{volume_id}/snapshots"
    assert list(unknown_fields(snapshots, reply_schema("get", path, 200))) == []


def test_every_field_written_back_by_the_twin_is_published(sky: Asker) -> None:
    config = sky.machines()[0]["config"]
    made = sky.post(MACHINES, {"config": config, "lease_ttl": 30})
    place = f"{MACHINES}/{made['id']}"
    assert list(unknown_fields(made, component("Machine"))) == []
    updated = sky.post(place, {"config": config}, nonce=made["nonce"])
    assert list(unknown_fields(updated, component("Machine"))) == []
    sky.get(f"{place}/wait?state=started")
    ran = sky.post(f"{place}/exec", {"cmd": "true"}, nonce=made["nonce"])
    assert list(unknown_fields(ran, component("flydv1.ExecResponse"))) == []
    bulk = sky.post("/v1/apps/shop/secrets", {"values": {"A": "x"}})
    assert list(unknown_fields(bulk, component("AppSecretsUpdateResp"))) == []
    one = sky.post("/v1/apps/shop/secrets/C", {"value": "x"})
    assert list(unknown_fields(one, component("SetAppSecretResponse"))) == []
    gone = sky.ask("DELETE", "/v1/apps/shop/secrets/C").json()
    assert list(unknown_fields(gone, component("DeleteAppSecretResponse"))) == []


def test_a_lease_is_the_published_object_inside_a_documented_envelope(sky: Asker) -> None:
    lease = sky.post(f"{MACHINES}/{sky.machines()[0]['id']}/lease?ttl=30")
    assert sorted(lease) == sorted(DEVIATIONS["envelopes"][0]["keys"])
    assert list(unknown_fields(lease["data"], component("Lease"))) == []


@pytest.mark.parametrize(
    ("method", "target", "payload"),
    [
        ("GET", "/v1/apps/nothing", None),
        ("GET", "/v1/apps/shop/machines/none", None),
        ("POST", MACHINES, {"config": {}}),
        ("POST", MACHINES, {"config": {"image": "registry.fly.io/shop:none"}}),
        ("POST", "/v1/apps", {"name": "shop", "org_slug": "personal"}),
    ],
)
def test_every_refusal_has_the_published_envelope(sky: Asker, method: str, target: str, payload: Any) -> None:
    response = sky.ask(method, target, payload)
    assert response.status >= 400
    assert list(unknown_fields(response.json(), component("ErrorResponse"))) == []


def test_a_machine_on_a_lost_host_has_published_fields_too(sky: Asker) -> None:
    machine = sky.machines()[0]["id"]
    sky.twin.world.apps["shop"].machines[machine].host_status = "unreachable"
    shown = sky.get(f"{MACHINES}/{machine}")
    assert list(unknown_fields(shown, component("Machine"))) == []
    allowed = resolved(component("Machine"))["properties"]["host_status"]["enum"]
    assert shown["host_status"] in allowed


def test_every_route_of_the_twin_is_a_published_operation() -> None:
    published = {
        (method.upper(), re.sub(r"{\w+}", "{}", path))
        for path, operations in document()["paths"].items()
        for method in operations
    }
    ours = {
        (route.method, re.sub(r"\(\?P<\w+>\[\^/\]\+\)", "{}", route.pattern.pattern.strip("^$")).removeprefix("/v1"))
        for route in MACHINES_ROUTES
    }
    assert ours - published == set()


def test_the_check_itself_finds_an_unknown_field() -> None:
    found = list(unknown_fields({"id": "1", "colour": "red"}, component("Machine")))
    assert found == [".colour is not in Machine"]

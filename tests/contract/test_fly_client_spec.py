"""What the Fly client sends and reads exists in the Machines API's published document, or is listed with its source."""

from __future__ import annotations

import json
import os
import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hotops.core.errors import ApiError
from hotops.fly import config, image, models
from hotops.fly.reply import Reply
from tests.contract.fly_calls import CALLS, Sent, Stage

SPECS = Path(os.environ.get("HOTOPS_SPECS") or Path(__file__).parents[3] / "shared" / "specs")
DOCUMENT = SPECS / "fly-machines.openapi.json"
DEVIATIONS: dict[str, Any] = json.loads(Path(__file__).with_name("fly_client_deviations.json").read_text())

needs_document = pytest.mark.skipif(
    not DOCUMENT.exists(), reason="no published documents here: set HOTOPS_SPECS to the folder that holds them"
)

READ: dict[type[BaseModel], str] = {
    models.App: "App",
    models.Organization: "AppOrganizationInfo",
    models.Machine: "Machine",
    models.Event: "MachineEvent",
    models.Check: "CheckStatus",
    models.ConfigVersion: "MachineVersion",
    models.Lease: "Lease",
    models.Waited: "WaitMachineResponse",
    models.ExecResult: "flydv1.ExecResponse",
    models.AppSecret: "AppSecret",
    models.SecretsWrite: "AppSecretsUpdateResp",
    models.Region: "main.regionRow",
    models.Regions: "main.regionResponse",
    models.Token: "main.tokenInfo",
    models.Volume: "Volume",
    models.Snapshot: "VolumeSnapshot",
    models.Certificate: "CertificateDetail",
    models.CertificateEntry: "CertificateEntry",
    models.IssuedCertificate: "IssuedCertificate",
    image.ImageRef: "ImageRef",
    config.Guest: "fly.MachineGuest",
    config.CheckConfig: "fly.MachineCheck",
    config.Port: "fly.MachinePort",
    config.Service: "fly.MachineService",
    config.Restart: "fly.MachineRestart",
    config.Mount: "fly.MachineMount",
}
#: The twin's app has no volume; that the request is made is all that counts here.
REFUSED = {"volumes.snapshots", "volumes.restore"}
#: Models of surfaces that have no document: pinned by the tests of their subject, with literal replies.
UNDOCUMENTED = {models.Exit, models.Release, models.LogLine, models.Sample}


@lru_cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DOCUMENT.read_text())
    return loaded


@lru_cache
def requests_of(name: str) -> tuple[Sent, ...]:
    """What one method sends."""
    stage = Stage()
    try:
        CALLS[name](stage)
    except ApiError:
        if name not in REFUSED:
            raise
    assert stage.recorder.sent
    return tuple(stage.recorder.sent)


def operation(sent: Sent) -> tuple[str, dict[str, Any]]:
    """The document's path template and operation for a request; literal parts win over parameters."""
    found = []
    for template, methods in document()["paths"].items():
        pattern = re.sub(r"{\w+}", "[^/]+", template)
        if re.fullmatch(pattern, sent.path.removeprefix("/v1")) and sent.method.lower() in methods:
            found.append((template.count("{"), template, methods[sent.method.lower()]))
    assert found, f"{sent.method} {sent.path} is not in the document"
    _, template, operation = min(found, key=lambda item: item[0])
    return template, operation


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" in schema:
        found: dict[str, Any] = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
        return resolved(found)
    if "allOf" in schema:
        merged = {key: value for part in schema["allOf"] for key, value in resolved(part).items()}
        return {**schema, **merged}
    return schema


def unknown_fields(body: Any, schema: dict[str, Any], at: str = "") -> list[str]:
    """Paths of the fields in `body` that the schema does not have."""
    schema = resolved(schema)
    if isinstance(body, list):
        return [found for item in body for found in unknown_fields(item, schema.get("items", {}), f"{at}[]")]
    if not isinstance(body, dict):
        return []
    known, others = schema.get("properties", {}), schema.get("additionalProperties")
    found = []
    for key, value in body.items():
        if key in known:
            found += unknown_fields(value, known[key], f"{at}.{key}")
        elif isinstance(others, dict):
            found += unknown_fields(value, others, f"{at}.{key}")
        elif known or not others:
            found.append(f"{at}.{key}")
    return found


def excused(kind: str, **wanted: str) -> bool:
    return any(all(item.get(key) == value for key, value in wanted.items()) for item in DEVIATIONS[kind])


def test_every_public_method_is_called_here() -> None:
    fly = Stage().fly
    parts = {name: part for name, part in vars(fly).items() if not name.startswith("_")}
    methods = {
        f"{name}.{method}"
        for name, part in parts.items()
        for method in dir(part)
        if not method.startswith("_") and callable(getattr(part, method))
    }
    assert methods == set(CALLS)


def test_every_public_method_tells_what_it_does() -> None:
    fly = Stage().fly
    for name in CALLS:
        part, method = name.split(".")
        assert getattr(getattr(fly, part), method).__doc__, name


@needs_document
@pytest.mark.parametrize("name", sorted(CALLS))
def test_what_is_sent_exists(name: str) -> None:
    for sent in requests_of(name):
        if sent.host != "api.machines.dev":
            assert _listed(sent), f"{sent.method} {sent.host}{sent.path} is in no document and not listed"
            continue
        template, described = operation(sent)
        known = {item["name"] for item in described.get("parameters", []) if item["in"] == "query"}
        for key, _ in sent.query:
            prefixes = [item["name"] for item in DEVIATIONS["query"] if item["path"] == template and item["prefix"]]
            assert key in known or key.startswith(tuple(prefixes)), f"query parameter {key} of {template}"
        known = {item["name"] for item in described.get("parameters", []) if item["in"] == "header"}
        for key in sent.headers:
            if key.startswith("fly-"):
                assert key in known or excused("headers", name=key), f"header {key} of {template}"
        if sent.body is not None:
            schema = described["requestBody"]["content"]["application/json"]["schema"]
            assert unknown_fields(sent.body, schema) == [], template


@needs_document
@pytest.mark.parametrize("model", READ, ids=lambda model: model.__name__)
def test_what_is_read_exists(model: type[BaseModel]) -> None:
    schema = resolved({"$ref": f"#/{READ[model]}"})
    for name, field in model.model_fields.items():
        key = field.alias or name
        assert key in schema["properties"] or excused("fields", schema=READ[model], field=key), f"{READ[model]}.{key}"


def test_every_model_is_read_from_a_document_or_known_to_have_none() -> None:
    found = {
        item
        for module in (models, config, image)
        for item in vars(module).values()
        if isinstance(item, type) and issubclass(item, BaseModel) and item.__module__.startswith("hotops.fly.")
    }
    whole = {Reply, config.MachineConfig, *config.MachineConfig.__bases__}
    assert found - whole == {*READ, *UNDOCUMENTED}


@needs_document
def test_no_deviation_is_stale() -> None:
    sent = [one for name in CALLS for one in requests_of(name)]
    for item in DEVIATIONS["paths"]:
        assert any(_matches(item, one) for one in sent), item
    for item in DEVIATIONS["query"]:
        assert any(key.startswith(item["name"]) for one in sent for key, _ in one.query), item
    for item in DEVIATIONS["headers"]:
        assert any(item["name"] in one.headers for one in sent), item
    for item in DEVIATIONS["fields"]:
        assert item["field"] not in document()["components"]["schemas"][item["schema"]]["properties"], item
    assert all(item["source"] for kind in ("query", "headers", "fields", "paths") for item in DEVIATIONS[kind])


def _listed(sent: Sent) -> bool:
    return any(_matches(item, sent) for item in DEVIATIONS["paths"])


def _matches(item: dict[str, Any], sent: Sent) -> bool:
    pattern = re.escape(item["path"]).replace(r"\{\}", "[^/]+")
    return (item["host"], item["method"]) == (sent.host, sent.method) and bool(re.fullmatch(pattern, sent.path))

"""GitHub's published document: where it is, and what it says of a request and of a reply."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

SPECS = Path(os.environ.get("HOTOPS_SPECS") or Path(__file__).parents[3] / "shared" / "specs")
DOCUMENT = SPECS / "github-trimmed.openapi.json"

needs_document = pytest.mark.skipif(
    not DOCUMENT.exists(), reason="no published documents here: set HOTOPS_SPECS to the folder that holds them"
)


@cache
def document() -> dict[str, Any]:
    """The document."""
    loaded: dict[str, Any] = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    return loaded


@cache
def operations() -> list[tuple[re.Pattern[str], str, dict[str, Any]]]:
    """Path patterns with their templates and operations; literal parts before parameters."""
    found = []
    for template, methods in document()["paths"].items():
        # A git reference and a path of contents hold slashes.
        pattern = re.sub(r"{(\w+)}", lambda m: ".+" if m[1] in ("ref", "path", "basehead") else "[^/]+", template)
        found.append((re.compile(f"^{pattern}$"), template, methods))
    return sorted(found, key=lambda item: (item[1].count("{"), -len(item[1])))


def operation(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    """The template and operation of a request, None where the document has none."""
    for pattern, template, methods in operations():
        if pattern.match(path) and method.lower() in methods:
            return template, methods[method.lower()]
    return None


def resolved(item: dict[str, Any]) -> dict[str, Any]:
    """A schema, parameter or response with its reference followed."""
    while "$ref" in item:
        found: Any = document()
        for part in item["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        item = found
    return item


def query_names(described: dict[str, Any]) -> set[str]:
    """The query parameters of an operation."""
    found = [resolved(item) for item in described.get("parameters", [])]
    return {item["name"] for item in found if item["in"] == "query"}


def body_schema(described: dict[str, Any]) -> dict[str, Any]:
    """The schema of a request's body."""
    schema: dict[str, Any] = described["requestBody"]["content"]["application/json"]["schema"]
    return schema


def reply_schema(described: dict[str, Any], status: int) -> dict[str, Any] | None:
    """The schema of a reply with this status; None where it has no JSON body, {} where nothing is said of it."""
    response = resolved(described["responses"][str(status)])
    content = response.get("content")
    return None if not content else dict(content.get("application/json", {}).get("schema", {}))


def properties(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """All fields that an object may have, whichever variant it is, and whether others are allowed."""
    schema = resolved(schema)
    known: dict[str, Any] = dict(schema.get("properties", {}))
    free = bool(schema.get("additionalProperties"))
    for part in [*schema.get("allOf", []), *schema.get("anyOf", []), *schema.get("oneOf", [])]:
        more, others = properties(part)
        known = {**more, **known}
        free = free or others
    return known, free


def unknown_fields(value: Any, schema: dict[str, Any], where: str = "") -> Iterator[str]:
    """Paths of the fields in a value that its schema does not hold."""
    schema = resolved(schema)
    if isinstance(value, list):
        items = schema.get("items") or next(
            (resolved(part)["items"] for part in variants(schema) if "items" in resolved(part)), {}
        )
        for item in value:
            yield from unknown_fields(item, items, f"{where}[]")
    elif isinstance(value, dict):
        known, free = properties(schema)
        for key, inner in value.items():
            if key in known:
                yield from unknown_fields(inner, known[key], f"{where}.{key}")
            elif known and not free:
                yield f"{where}.{key}"


def variants(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a schema."""
    return [*schema.get("anyOf", []), *schema.get("oneOf", []), *schema.get("allOf", [])]


def missing_fields(value: Any, schema: dict[str, Any], where: str = "") -> Iterator[str]:
    """Paths of required fields that a value lacks."""
    schema = resolved(schema)
    if isinstance(value, list):
        for item in value:
            yield from missing_fields(item, schema.get("items", {}), f"{where}[]")
    elif isinstance(value, dict) and not variants(schema):
        yield from (f"{where}.{name}" for name in schema.get("required", []) if name not in value)
        for key, inner in value.items():
            if key in schema.get("properties", {}):
                yield from missing_fields(inner, schema["properties"][key], f"{where}.{key}")

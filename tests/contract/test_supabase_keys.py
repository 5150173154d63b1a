"""API keys and the password: what is sent exists in Supabase's document, and the twin answers in its form."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hotops.sandbox.supabase_keys import ProjectKeys

SPECS = Path(os.environ.get("HOTOPS_SPECS") or Path(__file__).parents[3] / "shared" / "specs")
DOCUMENT = SPECS / "supabase-management.openapi.json"
REF = "abcdefghijklmnopqrst"

needs_document = pytest.mark.skipif(
    not DOCUMENT.exists(), reason="no published documents here: set HOTOPS_SPECS to the folder that holds them"
)


def schema(name: str) -> dict[str, Any]:
    """One of the document's, closed: a field that it does not know is a mistake; null where it allows that."""
    found = json.loads(DOCUMENT.read_text(encoding="utf-8"))["components"]["schemas"][name]
    for item in found["properties"].values():
        item.pop("example", None)
        if item.pop("nullable", False):
            item["type"] = [item["type"], "null"]
            if "enum" in item:
                item["enum"] = [*item["enum"], None]
    return {**found, "additionalProperties": False}


@needs_document
def test_bodies_that_are_sent_exist_in_the_document() -> None:
    made = {"type": "secret", "name": "shop_a", "description": "made by hotops"}
    jsonschema.validate({**made, "secret_jwt_template": {"role": "service_role"}}, schema("CreateApiKeyBody"))
    jsonschema.validate({"password": "a-new-one"}, schema("V1UpdatePasswordBody"))


@needs_document
def test_the_twins_keys_have_the_documents_form() -> None:
    keys = ProjectKeys(lambda _ref: {})
    body = {"type": "secret", "name": "shop_a", "secret_jwt_template": {"role": "service_role"}}
    made = keys.answer(REF, "POST", "/api-keys", body, 0.0, reveal=True)
    listed = keys.answer(REF, "GET", "/api-keys", {}, 0.0, reveal=False)
    assert made
    assert listed
    for key in (made[1], *listed[1]):
        jsonschema.validate(key, schema("ApiKeyResponse"))
    shown = next(key for key in listed[1] if key["name"] == "shop_a")
    assert shown["api_key"] != made[1]["api_key"], "without reveal a secret key is masked"
    gone = keys.answer(REF, "DELETE", f"/api-keys/{made[1]['id']}", {}, 0.0, reveal=False)
    assert gone
    assert made[1]["api_key"] not in keys.valid(REF)

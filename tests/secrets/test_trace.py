"""A leaked value is traced: what it is, who uses it, what to do; it is on no screen and in no list of processes."""

from __future__ import annotations

import base64
import io
import json
import secrets
import textwrap
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from hotops.core.driver import drive
from hotops.core.errors import HotopsError
from hotops.core.secret import Secret
from hotops.secrets.leak import peeled
from hotops.secrets.trace import TraceSecret, TraceWant
from tests.documented import as_documented
from tests.secrets_stage import SecretsStage

PASSWORD = "a-password-" + secrets.token_hex(8)
DSN = f"postgresql://shop.ref:{PASSWORD}@db.example.com:5432/shop"
KEY = secrets.token_hex(16)
MAP: dict[str, Any] = {
    "DATABASE_URL": {
        "vault": "db/url", "provider": {"kind": "postgres", "owner": "shop_app"},
        "fly": {
            "shop-production": "DATABASE_URL", "shop-api": {"POSTGRES_PASSWORD": "password", "POSTGRES_HOST": "host"},
        },
    },
    "SHOP_API_KEY": {"fly": {"shop-api": "SHOP_API_KEY"}, "github": {"environments": {"production": "SHOP_API_KEY"}}},
}  # fmt: skip


@pytest.fixture
def shop(tmp_path: Path) -> SecretsStage:
    made = SecretsStage(
        tmp_path,
        vault={
            "db/url_prod.env": f"DATABASE_URL={DSN}\n",
            "db/url_staging.env": f"DATABASE_URL={DSN}?sslmode=require\n",
            "shop/api_key_prod.env": f"SHOP_API_KEY_PROD={KEY}\n",
            "shop/old_prod.env.old": f"SHOP_OLD_KEY={secrets.token_hex(16)}\n",
        },
        secret_map=MAP,
        github_repo="acme/shop",
        sandbox_world={"repositories": {"acme/shop": {"environments": {"production": {}}}}},
    )
    made.mirror(adopt="write")
    made.set("shop-production", FORGOTTEN=DSN)
    made.empty_log()
    return made


def traced(shop: SecretsStage, text: str, **want: Any) -> dict[str, Any]:
    file = shop.folder / "leaked"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    with shop.context("20260101T000000Z-secrets_trace-production") as context:
        result = as_documented("secrets_trace", drive(TraceSecret(TraceWant(file=str(file), **want), context))).result
    said = json.dumps(result, ensure_ascii=False)
    for value in (PASSWORD, KEY, DSN, text.strip()):
        assert value not in said
    return result


def test_a_connection_string_is_found_wherever_it_is_used(shop: SecretsStage) -> None:
    result = traced(shop, f"{DSN}\n")
    assert result["form"] == "postgres_dsn"
    assert [(row["place"], row["environment"], row["how"]) for row in result["vault"]] == [
        ("db/url_prod.env#DATABASE_URL", "production", "it is this value"),
        ("db/url_staging.env#DATABASE_URL", "staging", "it has the password of this value"),
    ]
    assert {(use["place"], use["known_by"]) for use in result["uses"]} == {
        ("fly:shop-production/DATABASE_URL", "digest"),
        ("fly:shop-api/POSTGRES_PASSWORD", "digest"),
        ("fly:shop-production/FORGOTTEN", "digest"),  # by no map: by the digest that Fly shows
    }
    assert result["steps"][0] == "hotops secrets rotate production --secret DATABASE_URL --leaked"
    assert result["login"] is None
    calls = shop.calls()
    assert [call for call in calls if call[2] != "none"] == []
    assert len(calls) == 2  # one an app, for digests


def test_however_it_was_pasted_it_is_found(shop: SecretsStage) -> None:
    for text in (
        PASSWORD,
        f"DATABASE_URL={DSN}",
        f'export DATABASE_URL="{DSN}"',
        f"2025-10-21 ERROR could not connect to {DSN}: timeout\n  at pool.ts:12\n",
        base64.b64encode(DSN.encode()).decode(),
        base64.b64encode(f"kind: Secret, url: {DSN}".encode()).decode(),
        "\n".join(textwrap.wrap(base64.b64encode(DSN.encode()).decode(), 20)),
        f"dump: {DSN.encode().hex()}",
        f"GET /?dsn={quote(DSN, safe='')} 400",
        json.dumps({"env": json.dumps({"DATABASE_URL": DSN})}),
        f"… {DSN[:30]}\n{DSN[30:]} …",
        f"manifest: {DSN.replace('shop.ref', 'other.user')}",
    ):
        result = traced(shop, text)
        assert "DATABASE_URL" in result["secrets"]
        assert result["failed_findings"]


def test_a_key_without_a_provider_says_what_a_person_does(shop: SecretsStage) -> None:
    result = traced(shop, f"SHOP_API_KEY: '{KEY}'")
    assert {(use["place"], use["known_by"]) for use in result["uses"]} == {
        ("fly:shop-api/SHOP_API_KEY", "digest"),
        ("github:production/SHOP_API_KEY", "ledger"),
    }
    assert result["steps"] == [
        "revoke it: wherever it was made: end it there",
        "put a new one into the vault, as SHOP_API_KEY; then: hotops secrets mirror production",
        "hotops secrets scan production    # where else is it?",
        "hotops secrets audit production --check    # does everything have the new one?",
    ]


def test_what_is_nobody_s_is_told_by_its_form_alone(shop: SecretsStage) -> None:
    result = traced(shop, f"sk-ant-{secrets.token_urlsafe(24)}")
    assert (result["form"], result["vault"], result["uses"], result["failed_findings"]) == ("anthropic_key", [], [], [])
    assert result["steps"][0].startswith("revoke it: Anthropic console")
    assert shop.calls() == []


def test_whether_it_is_valid_is_asked_only_where_that_is_wanted(shop: SecretsStage) -> None:
    token = shop.stage.twin.tokens["github"]
    shop.map({**MAP, "GITHUB_PAT": {"vault": "ci/pat", "authenticate": "github"}})
    shop.keep("ci/pat_prod.env", f"GITHUB_PAT={token}\n")
    assert traced(shop, token)["login"] is None
    assert [call[1] for call in shop.calls() if call[1] == "/user"] == []
    result = traced(shop, token, authenticate=True)
    assert result["login"]["state"] == "valid"
    assert result["may"].startswith("speaks for ")
    assert {"kind": "valid", "subject": "github"} in result["failed_findings"]
    assert [call[1] for call in shop.calls()].count("/user") == 1


def test_with_fly_down_the_rest_is_told(shop: SecretsStage) -> None:
    shop.stage.control("POST", "faults", {"kind": "status", "status": 503, "match": {"path": "/v1/apps/*"}})
    result = traced(shop, DSN)
    assert {use["known_by"] for use in result["uses"]} == {"ledger"}
    assert [note[:35] for note in result["notes"]] == [
        "not looked into: fly:shop-productio",
        "not looked into: fly:shop-api faile",
    ]


def test_what_was_touched_since_is_told_as_what_should_be_there(shop: SecretsStage) -> None:
    shop.set("shop-api", SHOP_API_KEY="somebody-else-s")
    uses = {use["place"]: use["known_by"] for use in traced(shop, KEY)["uses"]}
    assert uses["fly:shop-api/SHOP_API_KEY"] == "map"


def test_it_comes_from_standard_input_or_a_file_that_nobody_else_reads(
    shop: SecretsStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "value" not in TraceWant.model_fields
    with shop.context() as context:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{KEY}\n"))
        assert drive(TraceSecret(TraceWant(), context)).result["secrets"] == ["SHOP_API_KEY"]
        monkeypatch.setattr("sys.stdin", io.StringIO("\n"))
        with pytest.raises(HotopsError, match="Nothing was given"):
            drive(TraceSecret(TraceWant(), context))
        file = shop.folder / "leaked"
        file.write_text(KEY, encoding="utf-8")
        file.chmod(0o644)
        with pytest.raises(HotopsError, match="Others on this computer may read"):
            drive(TraceSecret(TraceWant(file=str(file)), context))
        with pytest.raises(HotopsError, match="can't be read"):
            drive(TraceSecret(TraceWant(file=str(shop.folder / "none")), context))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("abc", "abc"),
        ("KEY=abc", "abc"),
        ("export KEY='a b'", "a b"),
        ('KEY: "abc"', "abc"),
        ("postgresql://u:p@h/d?sslmode=require", "postgresql://u:p@h/d?sslmode=require"),
        ("QUJDREVGR0hJSktMTU5PUA==", "QUJDREVGR0hJSktMTU5PUA=="),
        ("`abc`", "abc"),
    ],
)
def test_what_stands_around_a_value_is_taken_off(text: str, value: str) -> None:
    assert peeled(Secret(text)) == Secret(value)

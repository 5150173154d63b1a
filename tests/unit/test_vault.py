"""A vault as an environment sees it: environments, double claims, refusals, references, writing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.core.errors import HotopsError
from hotops.core.secret import Secret
from hotops.vault.judging import unfit
from hotops.vault.names import meaning_of
from hotops.vault.opening import open_vault
from hotops.vault.vault import Vault

FILES = {
    "supabase/database_url_prod.env": "# the pooler's\nDATABASE_URL=postgresql://u:p%2Fq@h:5432/d?sslmode=require\n",
    "supabase/database_url_staging.env": 'export DATABASE_URL="postgresql://u:s@h:5432/d"\n',
    "shopify/api_key_staging.env": "SHOPIFY_API_KEY_STAGING=staging-shop-key\n",
    "shopify/api_key_production.env": "SHOPIFY_API_KEY_PROD=production-shop-key\n",
    "shopify/api-key.txt": "a-key-of-all-environments\n",
    "chatwoot/prod.env": "REDIS_URL=redis://default:pw@h:6379\nSECRET_KEY_BASE=abcdefabcdef\n",
    "zoho/production/mail.env": "ZOHO_PASSWORD=of-production\n",
    "zoho/staging/mail.env": "ZOHO_PASSWORD=of-staging\n",
    "google/analytics-service-account-prod.json": '{"type": "service_account", "private_key": "k"}',
    "fly/api_token.env": "FlyV1-some-token-of-fly\n",
    "urls.env": "SMOKE_URL=https://shop.example.com\nTARGET=${SMOKE_URL}/health\nFROM=${REDIS_URL}\n",
    "rotate_secrets.sh": "echo not a secret\n",
}


def vault_of(folder: Path, environment: str = "production", **files: str) -> Vault:
    root = folder / "vault"
    for path, text in {**FILES, **files}.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.write_text(text, encoding="utf-8", newline="")
        file.chmod(0o600)
    root.chmod(0o700)
    for parent in root.rglob("*"):
        if parent.is_dir():
            parent.chmod(0o700)
    return open_vault(root, environment)


def refused(vault: Vault, term: str) -> HotopsError:
    with pytest.raises(HotopsError) as caught:
        vault.fit_value(term)
    return caught.value


@pytest.mark.parametrize(
    ("path", "slot", "environment", "sibling"),
    [
        ("supabase/database_url_prod.env", "supabase/database_url", "production", ""),
        ("supabase/database_url_production.env", "supabase/database_url", "production", ""),
        ("supabase/database_url_staging.env.new", "supabase/database_url", "staging", "new"),
        ("supabase/database_url_prod_old.env", "supabase/database_url", "production", "old"),
        ("chatwoot/prod.env", "chatwoot", "production", ""),
        ("zoho/production/mail.env", "zoho/mail", "production", ""),
        ("google/analytics-service-account-prod.json", "google/analytics-service-account", "production", ""),
        ("ga/property_id_prod", "ga/property_id", "production", ""),
        ("supabase/local.env", "supabase", "local", ""),
        ("dev-kb/supabase.env", "dev-kb/supabase", None, ""),
        ("fly/api_token.env", "fly/api_token", None, ""),
        ("stripe/api_key_live.env", "stripe/api_key_live", None, ""),
        ("shopify/api-key.txt", "shopify/api-key", None, ""),
    ],
)
def test_a_path_says_slot_environment_and_sibling(path: str, slot: str, environment: str | None, sibling: str) -> None:
    meaning = meaning_of(path)
    assert (meaning.slot, meaning.environment, meaning.sibling) == (slot, environment, sibling)


def test_a_file_without_keys_is_named_by_its_path() -> None:
    assert meaning_of("shopify/api-key.txt").implied_key == "SHOPIFY_API_KEY"


@pytest.mark.parametrize(
    ("term", "production", "staging"),
    [
        ("DATABASE_URL", "postgresql://u:p%2Fq@h:5432/d?sslmode=require", "postgresql://u:s@h:5432/d"),
        ("supabase/database_url", "postgresql://u:p%2Fq@h:5432/d?sslmode=require", "postgresql://u:s@h:5432/d"),
        ("shopify/api_key#SHOPIFY_API_KEY", "production-shop-key", "staging-shop-key"),
        ("ZOHO_PASSWORD", "of-production", "of-staging"),
        ("FLY_API_TOKEN", "FlyV1-some-token-of-fly", "FlyV1-some-token-of-fly"),
        ("TARGET", "https://shop.example.com/health", "https://shop.example.com/health"),
    ],
)
def test_each_environment_sees_its_own(tmp_path: Path, term: str, production: str, staging: str) -> None:
    assert vault_of(tmp_path, "production").value(term) == Secret(production)
    assert vault_of(tmp_path, "staging").value(term) == Secret(staging)


def test_a_key_of_another_environment_does_not_count_here(tmp_path: Path) -> None:
    vault = vault_of(tmp_path, "production", **{"mixed.env": "TOKEN_STAGING=s-token\nTOKEN_PROD=p-token\n"})
    assert vault.value("TOKEN") == Secret("p-token")


def test_two_files_that_claim_one_name_are_told_with_both_places(tmp_path: Path) -> None:
    vault = vault_of(tmp_path, "production", **{"supabase/production/database_url.env": "X=1\nDATABASE_URL=other\n"})
    error = refused(vault, "DATABASE_URL")
    assert error.failure_code == "claimed_twice"
    assert "supabase/database_url_prod.env:2" in error.message
    assert "supabase/production/database_url.env:2" in error.message
    assert list(vault.double_claims()) == ["supabase/database_url#DATABASE_URL"]
    assert vault.value("supabase/database_url_prod.env#DATABASE_URL")


def test_an_environment_s_own_file_comes_before_the_one_for_all(tmp_path: Path) -> None:
    # shopify/api-key.txt claims SHOPIFY_API_KEY for all, shopify/api_key_production.env for production.
    vault = vault_of(tmp_path, "production")
    assert vault.value("SHOPIFY_API_KEY") == Secret("production-shop-key")
    assert [item.path for item in vault.claims()["SHOPIFY_API_KEY"]] == ["shopify/api_key_production.env"]
    assert vault_of(tmp_path, "preview").value("SHOPIFY_API_KEY") == Secret("a-key-of-all-environments")


@pytest.mark.parametrize(
    "value",
    [
        "", "   ", "<token>", "api_key_placeholder_20251010", "anon.new-key-here", "changeme", "CHANGE_ME",
        "your-api-key",
        "xxxxxxxx", "...", "TODO", "your_token_here", "[YOUR-PASSWORD]",
        "postgresql://postgres:[YOUR-PASSWORD]@db:5432/x",
        "{{ vault.key }}", "replace-me",
    ],
)  # fmt: skip
def test_a_placeholder_or_an_empty_value_is_refused_with_its_place(tmp_path: Path, value: str) -> None:
    vault = vault_of(tmp_path, **{"shopify/embed_token_prod.env": f"# note\nSHOPIFY_EMBED_TOKEN='{value}'\n"})
    error = refused(vault, "SHOPIFY_EMBED_TOKEN")
    assert error.failure_code == "unfit_secret"
    assert error.message.startswith("shopify/embed_token_prod.env:2: ")
    assert not value.strip() or value not in error.message


@pytest.mark.parametrize(
    "value",
    [
        "postgresql://postgres.abc:p%2Fq@aws-1-us-east-1.pooler.supabase.com:5432/postgres?sslmode=require",
        "https://hotdash-staging.fly.dev", "read_orders,read_products", "5432", "postgres", "production", "true",
        "sk-proj-Zm9vYmFy", "support@example.com", "redis://default:aB3dEf@h:6379", "a.b.c", "mytokenisgood81",
        "https://example.com/where/token",
    ],
)  # fmt: skip
def test_what_teams_really_keep_is_no_placeholder(value: str) -> None:
    assert unfit(Secret(value)) is None


def test_an_unknown_name_offers_the_nearest(tmp_path: Path) -> None:
    error = refused(vault_of(tmp_path), "DATABSE_URL")
    assert error.failure_code == "not_in_vault"
    assert error.remedy == "Did you mean DATABASE_URL?"


def test_one_unreadable_file_does_not_hide_the_others(tmp_path: Path) -> None:
    vault = vault_of(tmp_path, **{"broken_prod.env": "A=1\nhunter2 hunter2\n"})
    assert vault.value("DATABASE_URL")
    assert list(vault.unreadable) == ["broken_prod.env"]
    error = refused(vault, "broken_prod.env#A")
    assert (error.failure_code, error.details) == ("vault_unreadable", {"file": "broken_prod.env", "line": 2})


def test_a_circle_and_a_missing_name_are_told_with_their_line(tmp_path: Path) -> None:
    vault = vault_of(tmp_path, **{"c.env": "A=${B}\nB=${A}\nC=${NOWHERE}\n"})
    assert "c.env:1: the values take each other in" in refused(vault, "c.env#A").message
    assert "c.env:3: C takes in ${NOWHERE}, which is nowhere" in refused(vault, "c.env#C").message


def test_a_name_taken_in_may_come_from_another_file(tmp_path: Path) -> None:
    assert vault_of(tmp_path).value("FROM") == Secret("redis://default:pw@h:6379")


def test_modes_that_let_others_read_are_refused_and_mended(tmp_path: Path) -> None:
    vault_of(tmp_path)
    root = tmp_path / "vault"
    (root / "supabase").chmod(0o755)
    (root / "fly/api_token.env").chmod(0o644)
    (root / "rotate_secrets.sh").chmod(0o700)
    with pytest.raises(HotopsError) as caught:
        open_vault(root, "production")
    assert caught.value.failure_code == "vault_modes"
    assert caught.value.details == {
        "loose": ["supabase has mode 755, not 700", "fly/api_token.env has mode 644, not 600"]
    } or set(caught.value.details["loose"]) == {  # type: ignore[arg-type]
        "supabase has mode 755, not 700", "fly/api_token.env has mode 644, not 600"
    }  # fmt: skip
    open_vault(root, "production", fix_modes=True)
    modes = {path.relative_to(root).as_posix(): path.stat().st_mode & 0o777 for path in root.rglob("*")}
    assert modes["supabase"] == 0o700
    assert modes["fly/api_token.env"] == 0o600
    assert modes["rotate_secrets.sh"] == 0o700


def test_a_reference_holds_as_long_as_the_value_does(tmp_path: Path) -> None:
    vault = vault_of(tmp_path)
    reference = vault.reference("DATABASE_URL")
    assert reference.startswith("vault:supabase/database_url_prod.env#DATABASE_URL@")
    again = open_vault(tmp_path / "vault", "production")
    assert again.value(reference) == vault.value("DATABASE_URL")
    again.write("DATABASE_URL", Secret("postgresql://changed"))
    with pytest.raises(HotopsError) as caught:
        again.value(reference)
    assert caught.value.failure_code == "stale_reference"


def test_a_reading_vault_writes_nothing_not_even_its_key(tmp_path: Path) -> None:
    vault_of(tmp_path)
    vault = open_vault(tmp_path / "vault", "production", may_write=False)
    assert vault.reference("DATABASE_URL")
    assert not (tmp_path / "vault/.hotops").exists()
    with pytest.raises(HotopsError, match="reading only"):
        vault.write("DATABASE_URL", Secret("x"))


def test_a_new_vault_that_is_looked_at_and_then_written_has_one_key(tmp_path: Path) -> None:
    """Else the plan of the first look would never be the plan that is carried out."""
    vault_of(tmp_path)
    looked = open_vault(tmp_path / "vault", "production", may_write=False).fingerprint(Secret("a value"))
    assert open_vault(tmp_path / "vault", "production").fingerprint(Secret("a value")) == looked
    (tmp_path / "other").mkdir(mode=0o700)
    assert open_vault(tmp_path / "other", "production").fingerprint(Secret("a value")) != looked


def test_writing_keeps_comments_order_and_mode(tmp_path: Path) -> None:
    vault = vault_of(tmp_path)
    written = vault.write("DATABASE_URL", Secret("postgresql://new:p w@h/d"))
    file = tmp_path / "vault" / written.path
    assert file.read_text() == "# the pooler's\nDATABASE_URL='postgresql://new:p w@h/d'\n"
    assert file.stat().st_mode & 0o777 == 0o600
    assert vault.value("DATABASE_URL") == Secret("postgresql://new:p w@h/d")


def test_a_new_value_is_kept_beside_the_old_one(tmp_path: Path) -> None:
    vault = vault_of(tmp_path)
    item = vault.find("shopify/api_key")
    vault.keep_sibling(item, "new", Secret("coming"))
    again = open_vault(tmp_path / "vault", "production")
    assert again.sibling(again.find("shopify/api_key"), "new") == Secret("coming")
    assert again.value("shopify/api_key") == Secret("production-shop-key")
    again.drop_sibling(item, "new")
    assert again.sibling(item, "new") is None


def test_a_path_never_leads_out_of_the_vault(tmp_path: Path) -> None:
    vault = vault_of(tmp_path)
    for path in ("../outside.env", "/etc/passwd"):
        with pytest.raises(HotopsError, match="no path inside the vault"):
            vault.add(path, "KEY", Secret("x"))
    (tmp_path / "vault/link.env").symlink_to(tmp_path / "outside.env")
    with pytest.raises(HotopsError, match="leads out of the vault"):
        vault.add("link.env", "KEY", Secret("x"))


def test_what_is_no_vault_is_said(tmp_path: Path) -> None:
    with pytest.raises(HotopsError) as caught:
        open_vault(tmp_path / "nowhere", "production")
    assert caught.value.failure_code == "vault_missing"

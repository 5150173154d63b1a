"""A sandbox's world from an inventory: whole from the smallest one, as declared from a richer one."""

from __future__ import annotations

import json
import re
import urllib.parse
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotops.core.errors import InventoryError, WorldsMixed
from hotops.inventory.listing import load_environment
from hotops.inventory.load import environment_from_vars
from hotops.inventory.seed import seed_from_inventory, seed_of
from hotops.inventory.seed_values import PretendedProject, project_ref
from hotops.sandbox.twin import Twin
from hotops.secrets.pretended_vault import give_what_rotates

ROOT = Path(__file__).parents[2]
SMALLEST = ROOT / "tests/fixtures/smallest/hosts.yml"
COMMON = {"env_kind": "sandbox", "fly_org": "personal", "env_name": "trial"}


def seed(hosts: dict[str, dict[str, Any]], **common: Any) -> dict[str, Any]:
    hostvars = {host: {**COMMON, **common, **own} for host, own in hosts.items()}
    return seed_of(environment_from_vars(hostvars, {"apps": list(hosts)}, inventory=None))


def apps_of(made: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {app["name"]: app for app in made["fly"]["apps"]}


def test_the_smallest_inventory_is_enough_for_a_whole_world() -> None:
    made = seed_from_inventory(SMALLEST)
    apps = apps_of(made)
    assert list(apps) == ["shop-staging", "shop-production"]
    assert made["fly"]["orgs"] == [{"slug": "personal", "name": "Personal"}]
    for app in apps.values():
        (group,) = app["groups"].values()
        (service,) = group["services"]
        assert list(app["groups"]) == ["app"]
        assert (group["count"], group["guest"]["memory_mb"]) == (2, 1024)
        assert [port["port"] for port in service["ports"]] == [80, 443]
        assert (service["internal_port"], service["checks"][0]["path"]) == (8080, "/health")
        assert group["needs_database"]
        assert app["hostnames"] == [f"{app['name']}.fly.dev"]
        assert all(release["status"] == "complete" for release in app["releases"])
    (project,) = made["supabase"]["projects"]
    assert project["name"] == "shop"
    assert re.fullmatch("[a-z]{20}", project["ref"])


def test_the_source_is_one_release_ahead_has_soaked_and_the_target_has_ways_back() -> None:
    apps = apps_of(seed_from_inventory(SMALLEST))
    source, target = apps["shop-staging"]["releases"], apps["shop-production"]["releases"]
    assert source[-1]["version"] == target[-1]["version"] + 1
    assert source[-1]["tag"] != target[-1]["tag"]
    assert source[-1]["age_s"] >= 7200
    assert len(target) >= 3
    assert [release["tag"] for release in source[:-1]] == [release["tag"] for release in target]
    for releases in (source, target):
        assert [release["age_s"] for release in releases] == sorted((r["age_s"] for r in releases), reverse=True)


def test_a_longer_soak_makes_an_older_release() -> None:
    apps = apps_of(seed({"web": {"promote_from": "web-staging", "soak_s": 20000}}))
    assert apps["web-staging"]["releases"][-1]["age_s"] == 40000


def test_each_world_knows_itself_and_the_two_share_only_the_database() -> None:
    apps = apps_of(seed_from_inventory(SMALLEST))
    source, target = apps["shop-staging"]["secrets"], apps["shop-production"]["secrets"]
    assert (source["APP_ENV"], target["APP_ENV"]) == ("staging", "production")
    assert source["SESSION_SECRET"] != target["SESSION_SECRET"]
    assert source["DATABASE_URL"] == target["DATABASE_URL"]


def test_the_dsn_leads_to_the_project_with_its_password_escaped() -> None:
    made = seed_from_inventory(SMALLEST)
    (project,) = made["supabase"]["projects"]
    dsn = urllib.parse.urlsplit(apps_of(made)["shop-production"]["secrets"]["DATABASE_URL"])
    assert (dsn.scheme, dsn.username, dsn.port, dsn.path) == ("postgresql", "postgres", 5432, "/postgres")
    assert dsn.hostname == f"db.{project['ref']}.supabase.co"
    assert urllib.parse.unquote(dsn.password or "") == project["db_pass"]
    assert dsn.password != project["db_pass"]
    assert dsn.query == "sslmode=require"


def test_every_value_is_made_anew() -> None:
    first, second = seed_from_inventory(SMALLEST), seed_from_inventory(SMALLEST)
    values = [apps_of(made)["shop-production"]["secrets"]["SESSION_SECRET"] for made in (first, second)]
    assert values[0] != values[1]
    assert first["supabase"]["projects"][0]["db_pass"] != second["supabase"]["projects"][0]["db_pass"]


def test_a_seed_is_json() -> None:
    for inventory in (SMALLEST, ROOT / "inventories/sandbox"):
        made = seed_from_inventory(inventory)
        assert json.loads(json.dumps(made)) == made


@pytest.mark.parametrize("inventory", [SMALLEST, ROOT / "inventories/sandbox"], ids=["smallest", "sandbox"])
def test_the_twin_makes_of_it_every_app_with_its_machines_and_knows_every_name(inventory: Path) -> None:
    made = seed_from_inventory(inventory)
    twin = Twin(made, connect=lambda dsn: None, now=1.9e9)
    wanted = {app["name"]: sum(group["count"] for group in app["groups"].values()) for app in made["fly"]["apps"]}
    assert {name: len(app.machines) for name, app in twin.world.apps.items()} == wanted
    assert {name for app in made["fly"]["apps"] for name in app["hostnames"]} <= set(twin.hostnames())


def test_a_live_inventory_makes_no_sandbox() -> None:
    with pytest.raises(WorldsMixed, match="env_kind: sandbox"):
        seed_from_inventory(ROOT / "inventories/production")


def test_required_secrets_are_there_and_fit_their_names() -> None:
    names = ["DATABASE_URL", "SUPABASE_URL", "SHOPIFY_APP_URL", "API_KEY"]
    apps = apps_of(seed({"web": {"promote_from": "web-staging", "required_secrets": names}}, supabase_project="shop"))
    for name, app in apps.items():
        assert set(names) <= app["secrets"].keys()
        assert app["secrets"]["SUPABASE_URL"] == f"https://{project_ref('shop')}.supabase.co"
        assert app["secrets"]["SHOPIFY_APP_URL"] == f"https://{name}.fly.dev"


def test_without_a_project_nothing_needs_a_database() -> None:
    made = seed({"web": {"promote_from": "web-staging", "required_secrets": ["DATABASE_URL"]}})
    assert made["supabase"]["projects"] == []
    assert not any(app["groups"]["app"]["needs_database"] for app in apps_of(made).values())


def test_declared_groups_serve_with_the_first_and_work_with_the_others() -> None:
    own = {
        "process_groups": {"web": {"count": 3, "memory_mb": 2048}, "worker": {"count": 0}},
        "memory_floor_mb": 1280,
        "health": [{"path": "/api"}],
    }
    groups = apps_of(seed({"chat": own}))["chat"]["groups"]
    assert {name: (group["count"], group["guest"]["memory_mb"]) for name, group in groups.items()} == {
        "web": (3, 2048),
        "worker": (0, 1280),
    }
    assert groups["web"]["services"][0]["checks"][0]["path"] == "/api"
    assert groups["worker"]["services"] == []


def test_the_declared_world_is_laid_over_what_follows() -> None:
    sandbox = {
        "region": "iad",
        "groups": {"app": {"count": 1, "internal_port": 8787, "autostop": "suspend", "needs_secrets": ["SCOPES"]}},
        "secrets": {"SCOPES": {"text": "read"}, "SESSION_SECRET": "absent", "GOOGLE": "json", "SELF": "url"},
        "staged_secrets": {"NEW_FLAG": "random"},
        "certificates": [{"hostname": "shop.example.com", "expires_in_days": 5}],
        "releases": [
            {"tag": "v7", "version": 7, "age_s": 9e5},
            {"tag": "v8-prod-slow", "age_s": 5e5, "status": "failed"},
        ],
        "source": {"secrets": {"SCOPES": "absent"}, "releases": [{"tag": "v9-oom", "version": 9, "age_s": 60}]},
    }
    apps = apps_of(seed({"web": {"promote_from": "web-staging", "sandbox": sandbox}}, github_repo="acme/shop"))
    web, staging = apps["web"], apps["web-staging"]
    assert (web["primary_region"], staging["primary_region"]) == ("iad", "iad")
    group = web["groups"]["app"]
    assert (group["count"], group["services"][0]["internal_port"], group["services"][0]["autostop"]) == (
        1,
        8787,
        "suspend",
    )
    assert group["needs_secrets"] == ["SCOPES"]
    assert (web["secrets"]["SCOPES"], web["secrets"]["SELF"]) == ("read", "https://web.fly.dev")
    assert json.loads(web["secrets"]["GOOGLE"])["type"] == "service_account"
    assert "SESSION_SECRET" not in web["secrets"]
    assert "SCOPES" not in staging["secrets"]
    assert (list(web["staged_secrets"]), staging["staged_secrets"]) == (["NEW_FLAG"], {})
    assert web["hostnames"] == ["web.fly.dev", "shop.example.com"]
    assert [(release["version"], release["status"]) for release in web["releases"]] == [(7, "complete"), (8, "failed")]
    assert [release["tag"] for release in staging["releases"]] == ["v9-oom"]
    assert web["releases"][0]["labels"]["GH_REPO"] == "acme/shop"


def test_declared_releases_of_the_target_put_the_source_one_ahead_of_them() -> None:
    sandbox = {"releases": [{"tag": "v7", "version": 7, "age_s": 9e5}]}
    apps = apps_of(seed({"web": {"promote_from": "web-staging", "sandbox": sandbox}}))
    assert [release["version"] for release in apps["web-staging"]["releases"]] == [7, 8]


def test_a_source_in_another_organisation_makes_that_organisation() -> None:
    made = seed({"web": {"promote_from": "web-staging", "source_org": "trial-org"}})
    assert [org["slug"] for org in made["fly"]["orgs"]] == ["personal", "trial-org"]
    assert apps_of(made)["web-staging"]["org"] == "trial-org"


def test_a_custom_address_has_a_certificate_and_resolves() -> None:
    made = apps_of(seed({"web": {"url": "https://shop.example.com"}}))["web"]
    assert made["hostnames"] == ["web.fly.dev", "shop.example.com"]
    assert [certificate["hostname"] for certificate in made["certificates"]] == ["shop.example.com"]


def test_a_source_that_is_a_host_too_is_made_once_and_as_a_source() -> None:
    apps = apps_of(seed({"web": {"promote_from": "web-staging"}, "web-staging": {}}))
    assert list(apps) == ["web-staging", "web"]
    assert apps["web-staging"]["secrets"]["APP_ENV"] == "staging"


def test_strays_and_images_stand_in_the_world_beside_the_inventory() -> None:
    world = {
        "apps": {"stray": {"org": "other", "groups": {"app": {"count": 1, "service": "none", "state": "suspended"}}}},
        "images": [{"repository": "web", "tag": "v50-slow", "age_s": 60, "pruned": True}],
    }
    made = seed({"web": {}}, sandbox_world=world)
    stray = apps_of(made)["stray"]
    assert (stray["org"], stray["groups"]["app"]["state"], stray["secrets"]) == ("other", "suspended", {})
    assert made["fly"]["images"] == [
        {"repository": "web", "tag": "v50-slow", "labels": {}, "age_s": 60.0, "pruned": True}
    ]


def test_projects_of_the_group_databases_are_made_each_once() -> None:
    hostvars = {
        "web": {**COMMON, "supabase_project": "shop"},
        "main": {**COMMON, "supabase_project": "shop"},
        "agents": {**COMMON, "supabase_ref": "b" * 20, "supabase_project": "agents"},
    }
    groups = {"apps": ["web"], "databases": ["main", "agents"]}
    made = seed_of(environment_from_vars(hostvars, groups, inventory=None))
    assert [(project["name"], project["ref"]) for project in made["supabase"]["projects"]] == [
        ("shop", project_ref("shop")),
        ("agents", "b" * 20),
    ]


@given(st.text(min_size=1))
def test_a_project_has_the_same_ref_always(name: str) -> None:
    assert re.fullmatch("[a-z]{20}", project_ref(name))
    assert project_ref(name) == project_ref(name)
    assert project_ref(project_ref(name)) == project_ref(name)


@pytest.mark.parametrize(
    ("kind", "user", "host", "port"),
    [
        ("dsn_direct", "postgres", "db.{ref}.supabase.co", 5432),
        ("dsn_pooler", "postgres.{ref}", "aws-1-us-east-1.pooler.supabase.com", 5432),
        ("dsn_transaction", "postgres.{ref}", "aws-1-us-east-1.pooler.supabase.com", 6543),
    ],
)
def test_a_dsn_of_each_kind_has_its_user_host_and_port(kind: str, user: str, host: str, port: int) -> None:
    project = PretendedProject("shop", "us-east-1")
    dsn = urllib.parse.urlsplit(project.dsn(kind))
    assert (dsn.username, dsn.hostname, dsn.port) == (user.format(ref=project.ref), host.format(ref=project.ref), port)
    assert ("pgbouncer=true" in dsn.query) is (kind == "dsn_transaction")


def test_a_project_does_not_show_its_password() -> None:
    project = PretendedProject("shop", "us-east-1")
    assert project.db_pass not in repr(project)


def test_an_unknown_kind_of_secret_is_refused() -> None:
    with pytest.raises(InventoryError, match=r"sandbox\.secrets\.X: has to be"):
        seed({"web": {"sandbox": {"secrets": {"X": "magic"}}}})


def test_the_project_gets_the_owner_roles_that_the_map_rotates_with() -> None:
    environment = load_environment(ROOT / "inventories/sandbox")
    made = seed_of(environment)
    give_what_rotates(environment, made)
    (project,) = made["supabase"]["projects"]
    assert project["owner_roles"] == ["hotdash_app"]
    assert project["api_keys"] == {
        "hotdash_agents_a": apps_of(made)["hotdash-agent-service"]["secrets"]["SUPABASE_SERVICE_KEY"]
    }
    without_a_map = load_environment(SMALLEST)
    made = seed_of(without_a_map)
    give_what_rotates(without_a_map, made)
    assert all("owner_roles" not in project for project in made["supabase"]["projects"])

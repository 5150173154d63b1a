"""What an inventory that is right becomes: defaults, merging, types, order."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from ansible._internal._datatag._tags import TrustedAsTemplate
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from hotops.inventory.gates import GATES
from hotops.inventory.load import environment_from_vars, untagged
from hotops.inventory.schema import App, Environment

COMMON: dict[str, Any] = {"env_kind": "live", "fly_org": "personal", "env_name": "trial"}


def environment(hosts: dict[str, dict[str, Any]], **common: Any) -> Environment:
    hostvars = {host: {**COMMON, **common, **own} for host, own in hosts.items()}
    return environment_from_vars(hostvars, {"all": list(hosts), "apps": list(hosts)}, inventory=None)


def app(**own: Any) -> App:
    return environment({"web": own}).apps["web"]


def test_the_smallest_app_has_a_name_urls_and_every_default() -> None:
    made = app(promote_from="web-staging")
    assert (made.app, made.url) == ("web", "https://web.fly.dev")
    assert (made.source_org, made.source_url) == ("personal", "https://web-staging.fly.dev")
    assert (made.deploy_strategy, made.max_unavailable, made.soak_s, made.watch_s) == ("rolling", 0.33, 600, 600)
    assert (made.drain_s, made.wait_timeout_s, made.samples, made.warmup, made.budget_ms) == (10, 300, 60, 3, 800)
    assert (made.health, made.smoke, made.windows, made.exec_checks) == ((), (), (), False)


def test_an_app_may_bear_another_name_than_its_host() -> None:
    made = app(app="shop-production", url="https://shop.example.com/")
    assert (made.host, made.app, made.url) == ("web", "shop-production", "https://shop.example.com")


def test_probes_have_the_apps_budget_unless_they_say_their_own() -> None:
    made = app(budget_ms=300, health=[{"path": "/up"}], smoke=[{"path": "/", "budget_ms": 50, "status": [200, 302]}])
    assert made.health[0].budget_ms == 300
    assert (made.smoke[0].budget_ms, made.smoke[0].status) == (50, (200, 302))
    assert app(health=[{}]).health[0].budget_ms == 800


@pytest.mark.parametrize(
    ("route", "address"),
    [
        ({"path": "/cart"}, "https://web.fly.dev/cart"),
        ({"path": "/cart", "host": "shop.example.com"}, "https://shop.example.com/cart"),
        ({"url": "https://other.example.com/x?y=1"}, "https://other.example.com/x?y=1"),
    ],
)
def test_a_smoke_route_has_one_address(route: dict[str, Any], address: str) -> None:
    made = app(smoke=[route])
    assert made.smoke[0].address(made.url) == address


def test_off_means_off_though_yaml_reads_it_as_false() -> None:
    made = environment({"web": {}}, gates={"smoke": {"level": False, "reason": "x", "until": date(2030, 1, 1)}})
    assert made.gate_level("smoke", 0.0) == "off"
    assert made.gate_level("latency", 0.0) == "require"


def test_a_key_of_most_apps_is_the_environments_and_one_app_may_differ() -> None:
    hosts: dict[str, dict[str, Any]] = {"a": {"fly_org": "other"}, "b": {}, "c": {}}
    made = environment(hosts)
    assert made.fly_org == "personal"
    assert [made.apps[host].fly_org for host in hosts] == ["other", "personal", "personal"]


def test_apps_go_in_the_order_of_after_and_else_as_they_stand() -> None:
    hosts: dict[str, dict[str, Any]] = {
        "web": {"after": "api", "promote_from": "web-staging"},
        "docs": {},
        "api": {"promote_from": "api-staging"},
    }
    made = environment(hosts)
    assert [app.host for app in made.in_order()] == ["docs", "api", "web"]
    assert [app.host for app in made.promotable()] == ["api", "web"]


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12))
def test_whatever_the_order_every_app_comes_once_and_after_its_elders(edges: list[tuple[int, int]]) -> None:
    after: dict[str, list[str]] = {f"h{index}": [] for index in range(7)}
    for one, other in edges:
        if one != other:
            after[f"h{max(one, other)}"].append(f"h{min(one, other)}")
    order = [app.host for app in environment({host: {"after": hosts} for host, hosts in after.items()}).in_order()]
    assert sorted(order) == sorted(after)
    assert all(order.index(elder) < order.index(host) for host, elders in after.items() for elder in elders)


def test_databases_are_hosts_of_their_own_group() -> None:
    hostvars = {"web": COMMON, "shop": {**COMMON, "supabase_ref": "a" * 20}}
    made = environment_from_vars(hostvars, {"apps": ["web"], "databases": ["shop"]}, inventory=None)
    assert made.databases["shop"].supabase_project == "shop"
    assert made.databases["shop"].supabase_ref == "a" * 20
    assert list(made.apps) == ["web"]


def test_relative_paths_begin_at_the_folder_that_holds_inventories(tmp_path: Path) -> None:
    inventory = tmp_path / "inventories" / "trial"
    inventory.mkdir(parents=True)
    hostvars = {"web": {"env_kind": "live", "fly_org": "personal", "feedback_file": "feedback/deployment.md"}}
    made = environment_from_vars(hostvars, {"apps": ["web"]}, inventory=inventory)
    assert made.name == "trial"
    assert made.project_dir == tmp_path
    assert made.evidence_path == tmp_path / "artifacts/deployment"
    assert made.feedback_path == tmp_path / "feedback/deployment.md"


def test_nothing_of_ansibles_own_types_is_left() -> None:
    # Ansible's tagged types are what a module gets; they are subclasses that yaml.safe_dump refuses.
    tag = TrustedAsTemplate()
    tagged = tag.tag({"path": tag.tag("/up"), "body": {tag.tag("status"): tag.tag("ok")}})
    assert type(tagged) is not dict
    made = app(health=[tagged])
    assert _types_in(made) <= {str, int, float, bool, dict, list, tuple, type(None)}
    assert type(untagged(tagged)["path"]) is str


def _types_in(value: Any) -> set[type]:
    if isinstance(value, BaseModel):
        return set().union(*(_types_in(item) for item in dict(value).values()))
    if isinstance(value, dict):
        return {type(value)}.union(*(_types_in(item) for pair in value.items() for item in pair))
    if isinstance(value, list | tuple):
        return {type(value)}.union(*(_types_in(item) for item in value))
    return {type(value)}


def test_the_variables_that_are_no_keys_are_never_looked_at() -> None:
    class Lazy(dict[str, Any]):
        def __getitem__(self, key: str) -> Any:
            assert not key.startswith("ansible_")
            return super().__getitem__(key)

    hostvars = {"web": Lazy(COMMON, ansible_facts={}, ansible_version={})}
    assert environment_from_vars(hostvars, {"apps": ["web"]}, inventory=None).name == "trial"


def test_every_key_and_every_gate_says_what_it_is() -> None:
    undescribed = [
        f"{model.__name__}.{name}"
        for model in _models(Environment, App)
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert undescribed == []
    assert all(rule.meaning for rule in GATES.values())


def _models(*roots: type[BaseModel]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    pending: list[Any] = list(roots)
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            if annotation not in found:
                found.add(annotation)
                pending.extend(field.annotation for field in annotation.model_fields.values())
        else:
            pending.extend(getattr(annotation, "__args__", ()))
    return found


def test_what_can_never_be_waived_is_what_a_promotion_stands_on() -> None:
    assert {name for name, rule in GATES.items() if not rule.waivable} == {
        "lock", "target", "target_identity", "source_one_digest", "source_healthy", "way_back",
    }  # fmt: skip

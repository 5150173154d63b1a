"""Which apps a run is about, and the names that mean nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotops.core.errors import UsageError
from hotops.inventory.load import environment_from_vars
from hotops.inventory.schema import Environment
from hotops.selection import check_patterns, select

HOSTS = ["web", "worker"]


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    own = {"web": {"app": "shop-web"}, "worker": {}}
    hostvars = {host: {"env_kind": "sandbox", "fly_org": "acme", **own[host]} for host in HOSTS}
    return environment_from_vars(hostvars, {"all": HOSTS, "apps": HOSTS}, inventory=tmp_path)


def test_the_inventorys_order_counts(environment: Environment) -> None:
    assert select(environment, ["localhost", "worker", "web"]) == ("web", "worker")


@pytest.mark.parametrize("apps", ["shop-web", "web", ["shop-web"], " web , "])
def test_apps_are_named_by_host_or_app(environment: Environment, apps: object) -> None:
    assert select(environment, HOSTS, apps=apps) == ("web",)


@pytest.mark.parametrize(
    ("hosts", "apps", "says"),
    [
        (["localhost"], None, "the play leaves none of web, worker"),
        (["worker"], "web", "-l worker with apps=web leaves none"),
    ],
)
def test_nothing_selected_is_an_error(environment: Environment, hosts: list[str], apps: object, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        select(environment, hosts, apps=apps, patterns=["worker"] if apps else [])
    assert caught.value.failure_code == "empty_selection"


def test_an_unknown_app_gets_the_nearest(environment: Environment) -> None:
    with pytest.raises(UsageError) as caught:
        select(environment, HOSTS, apps="shop-wbe")
    assert caught.value.remedy == "Did you mean shop-web?"


@pytest.mark.parametrize("apps", ["", " ", ",", [""], ["web", ""]])
def test_an_empty_name_is_not_all_apps(environment: Environment, apps: object) -> None:
    with pytest.raises(UsageError, match="The name of an app is empty"):
        select(environment, HOSTS, apps=apps)


@pytest.mark.parametrize("pattern", ["web", "apps", "!worker", "&apps", "w*", "~w.*", "apps[0]", "web:worker"])
def test_patterns_that_mean_something(pattern: str) -> None:
    check_patterns([pattern], [*HOSTS, "apps", "all"])


def test_a_plain_name_that_nobody_has_is_refused() -> None:
    with pytest.raises(UsageError, match="There is no app 'wbe'"):
        check_patterns(["web", "wbe"], HOSTS)

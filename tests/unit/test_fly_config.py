"""Machine configs: kept whole, read through views, compared by meaning."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotops.fly.comparison import differences, normalised
from hotops.fly.config import MachineConfig
from hotops.fly.durations import go_duration, seconds_of
from hotops.fly.image import ImageRef

SERVICE: dict[str, Any] = {
    "protocol": "tcp",
    "internal_port": 8080,
    "autostop": False,
    "ports": [{"port": 443, "handlers": ["http", "tls"]}],
    "checks": [{"type": "http", "path": "/up", "interval": "15s", "timeout": 2_000_000_000}],
}


def config(**keys: Any) -> MachineConfig:
    return MachineConfig({"image": "registry.fly.io/shop:v1", **keys})


def test_unknown_keys_survive_a_change() -> None:
    raw: dict[str, Any] = {
        "image": "a/b:1",
        "future": {"deep": [1, None]},
        "guest": {"memory_mb": 512, "odd": True},
        "init": {},
    }
    changed = MachineConfig(raw).with_guest(memory_mb=1024).with_metadata({"hotops_run": "r1"})
    assert changed.raw == {
        **raw,
        "guest": {"memory_mb": 1024, "odd": True},
        "metadata": {"hotops_run": "r1"},
    }
    assert raw["guest"]["memory_mb"] == 512, "the original is not touched"


def test_what_is_handed_out_can_be_changed_without_harm() -> None:
    kept = config(env={"A": "1"})
    kept.raw["env"]["A"] = "2"
    kept.env["A"] = "3"
    assert kept.env == {"A": "1"}


def test_none_removes_an_entry() -> None:
    assert config(env={"A": "1", "B": ""}).with_env({"A": None}).env == {"B": ""}
    assert config(metadata={"a": "1"}).with_metadata({"a": None}).metadata == {}


def test_the_image_changes_alone() -> None:
    ref = ImageRef(repository="shop", tag="v2", digest="sha256:" + "b" * 64)
    changed = config(env={"A": "1"}).with_image(ref)
    assert changed.image_ref == ref
    assert differences(config(env={"A": "1"}), changed).keys() == {"image"}


def test_the_views_read_what_fly_writes() -> None:
    found = config(
        services=[SERVICE],
        checks={"alive": {"type": "tcp", "port": 8080, "interval": 30_000_000_000, "grace_period": "1m0s"}},
        metadata={"fly_process_group": "web", "fly_release_version": "42", "fly_release_id": "r"},
        guest={"cpu_kind": "performance", "cpus": 2, "memory_mb": 4096},
        mounts=[{"volume": "vol_1", "path": "/data"}],
        standbys=["m2"],
    )
    service = found.services[0]
    assert (service.autostop, service.checks[0].interval_s, service.checks[0].timeout_s) == ("off", 15.0, 2.0)
    assert found.checks["alive"].grace_period_s == 60.0
    assert found.check_count == 2
    assert (found.process_group, found.release_version, found.release_id) == ("web", 42, "r")
    assert found.guest.memory_mb == 4096
    assert found.mounts[0].volume == "vol_1"
    assert found.standbys == ("m2",)
    assert found.restart.policy == "on-failure"


def test_a_release_version_that_is_no_number_is_none() -> None:
    assert config(metadata={"fly_release_version": "latest"}).release_version is None
    assert config().process_group == "app"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"init": {}}, {}),
        ({"auto_destroy": False, "env": None, "mounts": []}, {}),
        ({"restart": {"policy": "on-failure"}}, {}),
        ({"services": [{"autostop": False}]}, {"services": [{"autostop": "off"}]}),
        ({"services": [{"autostop": True}]}, {"services": [{"autostop": "stop"}]}),
        ({"services": [{"internal_port": 1, "force_instance_key": None}]}, {"services": [{"internal_port": 1}]}),
        ({"checks": {"interval": {"interval": "1m0s"}}}, {"checks": {"interval": {"interval": 60_000_000_000}}}),
        ({"services": [{"checks": [{"timeout": "2s"}]}]}, {"services": [{"checks": [{"timeout": "2000ms"}]}]}),
        ({"stop_config": {"timeout": "90s"}}, {"stop_config": {"timeout": "1m30s"}}),
    ],
)
def test_two_ways_to_write_the_same(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert differences(config(**one), config(**other)) == {}


@pytest.mark.parametrize(
    ("one", "other", "at"),
    [
        ({"env": {"A": ""}}, {}, "env"),
        ({"env": {"A": "15s"}}, {"env": {"A": "15000ms"}}, "env.A"),
        ({"services": [{"autostop": "suspend"}]}, {"services": [{"autostop": True}]}, "services[0].autostop"),
        ({"services": [{"autostart": True}]}, {"services": [{"internal_port": 1}]}, "services[0].autostart"),
        ({"guest": {"memory_mb": 256}}, {"guest": {"memory_mb": 512}}, "guest.memory_mb"),
        ({"checks": {"a": {"interval": "15s"}}}, {"checks": {"a": {"interval": "30s"}}}, "checks.a.interval"),
        ({"restart": {"policy": "no"}}, {}, "restart"),
        ({"services": [{}, {"internal_port": 1}]}, {"services": [{"internal_port": 2}]}, "services[0].internal_port"),
        ({"unheard_of": 1}, {}, "unheard_of"),
    ],
)
def test_real_differences_are_found(one: dict[str, Any], other: dict[str, Any], at: str) -> None:
    assert at in differences(config(**one), config(**other))
    assert at in differences(config(**other), config(**one))


def test_stamps_are_no_difference_unless_they_are_asked_for() -> None:
    before = config(metadata={"fly_release_version": "41", "team": "a"})
    after = config(metadata={"fly_release_version": "42", "team": "a", "hotops_run": "r"})
    assert differences(before, after) == {}
    assert differences(before, after, ignore=()).keys() == {"metadata.fly_release_version", "metadata.hotops_run"}


def test_a_path_to_ignore_takes_what_is_below_with_it() -> None:
    before, after = config(services=[SERVICE]), config(services=[{**SERVICE, "internal_port": 1}])
    assert differences(before, after, ignore=["services"]) == {}


@given(st.integers(min_value=0, max_value=10**6).map(lambda tenths: tenths / 10))
def test_durations_survive_being_written_and_read(seconds: float) -> None:
    assert seconds_of(go_duration(seconds)) == pytest.approx(seconds)
    assert seconds_of(round(seconds * 1e9)) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "15", "s", "15 s", "1x", "15s later"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        seconds_of(text)


def test_normalising_twice_changes_nothing_more() -> None:
    once = normalised(config(services=[SERVICE], init={"tty": False}))
    assert once["services"][0]["checks"][0]["timeout"] == 2.0
    assert "init" not in once

"""The calls of real flyctl runs, asked of the twin again: every status and every field that flyctl decodes."""

from __future__ import annotations

from typing import Any

import pytest

from tests.twin.flyctl_runs import RUNS, SHAPES, Replay, fits, found

COMMANDS = {
    "status",
    "releases",
    "machine_list",
    "secrets_list",
    "deploy_rolling",
    "deploy_immediate",
    "deploy_bluegreen",
    "scale_memory",
    "secrets_set",
}


def replayed(command: str) -> Replay:
    """The run, done."""
    replay = Replay(command)
    replay.run()
    return replay


def leases(replay: Replay) -> list[Any]:
    """Leases that are held after a run."""
    machines = replay.sky.twin.world.apps["shop"].machines.values()
    return [machine.lease for machine in machines if machine.lease is not None]


def newest_release(replay: Replay) -> dict[str, Any]:
    """The record that `fly releases` shows first."""
    newest: dict[str, Any] = replay.sky.get("/api/v1/apps/shop/releases/current", host="api.fly.io")
    return newest


def test_the_commands_of_a_day_are_recorded() -> None:
    assert RUNS.keys() >= COMMANDS
    assert all(run["source"].startswith("flyctl, ") for run in RUNS.values())


@pytest.mark.parametrize("command", RUNS)
def test_every_call_is_answered_as_flyctl_needs_it(command: str) -> None:
    assert replayed(command).calls


@pytest.mark.parametrize("strategy", ["rolling", "immediate", "bluegreen"])
def test_after_a_deploy_the_machines_run_the_image_and_the_record_says_so(strategy: str) -> None:
    replay = replayed(f"deploy_{strategy}")
    replay.sky.sleep(10)
    machines = [machine for machine in replay.sky.machines() if machine["state"] != "destroyed"]
    assert [machine["image_ref"]["tag"] for machine in machines] == ["v41", "v41"]
    assert {machine["state"] for machine in machines} == {"started"}
    assert all(row["status"] == "passing" for machine in machines for row in machine["checks"])
    assert {len(machine["checks"]) for machine in machines} == {2}  # none was lost on the way through flyctl
    assert {machine["config"]["metadata"]["fly_release_version"] for machine in machines} == {"43"}
    assert leases(replay) == []
    newest = newest_release(replay)
    assert (newest["version"], newest["status"], newest["strategy"]) == (43, "complete", strategy.upper())
    assert newest["image_ref"] == "registry.fly.io/shop:v41"


def test_bluegreen_leaves_two_new_machines_in_rotation() -> None:
    replay = Replay("deploy_bluegreen")
    before = {machine["id"] for machine in replay.sky.machines()}
    replay.run()
    replay.sky.sleep(10)
    after = [machine for machine in replay.sky.machines() if machine["state"] != "destroyed"]
    assert len(after) == 2
    assert before.isdisjoint({machine["id"] for machine in after})
    assert not any(machine["cordoned"] for machine in after)


def test_scale_memory_makes_no_release_and_frees_its_leases() -> None:
    replay = replayed("scale_memory")
    assert {machine["config"]["guest"]["memory_mb"] for machine in replay.sky.machines()} == {512}
    assert newest_release(replay)["version"] == 42
    assert leases(replay) == []


def test_a_secret_that_was_set_is_older_than_the_release_that_gives_it_to_machines() -> None:
    """`fly secrets list` calls it Deployed for that reason, and for no other (flyctl, secrets list)."""
    replay = replayed("secrets_set")
    (extra,) = [each for each in replay.sky.get("/v1/apps/shop/secrets")["secrets"] if each["name"] == "EXTRA"]
    newest = newest_release(replay)
    assert extra["updated_at"] < newest["created_at"]
    assert newest["status"] == "complete"
    assert {machine["config"]["metadata"]["fly_release_version"] for machine in replay.sky.machines()} == {"43"}


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        ("7", "integer", False),
        (7, "integer", True),
        (True, "integer", False),
        ("", "text", False),
        ("", "string", True),
        (None, "text", False),
        (None, "integer?", True),
        ("2026-01-01T00:00:00Z", "time", True),
        ("yesterday", "time", False),
        ("ok", "=ok", True),
        ("unknown", "=ok", False),
        ("b7a8", "absent", False),
    ],
)
def test_a_field_of_the_wrong_kind_is_seen(value: Any, kind: str, expected: bool) -> None:
    assert fits(value, kind) is expected


def test_each_element_of_a_list_is_looked_at_and_a_missing_key_is_nothing() -> None:
    assert list(found({"nodes": [{"id": "a"}, {}]}, "nodes[].id")) == ["a", None]
    assert list(found([{"id": "a"}], "0.id")) == ["a"]
    assert set(SHAPES) >= {"machine", "lease", "release"}

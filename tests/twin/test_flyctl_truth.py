"""What flyctl shows after a run of hotops is true: machines, records, secrets, and what its next deploy starts from."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.stage import Stage
from tests.twin.asking import Asker
from tests.twin.flyctl_runs import RUNS, SHAPES, fits, found
from tests.twin.stages import APP, refused

pytestmark = pytest.mark.usefixtures("own_state")


class Flyctl:
    """The read calls of flyctl, asked of a stage's twin for one app."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    def reply(self, command: str, call: int = 0) -> Any:
        """The answer to one recorded call of a command, checked field by field as flyctl decodes it."""
        recorded = RUNS[command]["calls"][call]
        body = recorded.get("body")
        if body is not None:
            body = {**body, "variables": {name: self._named(value) for name, value in body["variables"].items()}}
        query = f"?{recorded['query']}" if "query" in recorded else ""
        self._stage.clock.sleep(2)  # a person's pause, which the rate limits leave time for
        sky = Asker(self._stage.twin)
        sky.time = self._stage.clock.now()
        answer = sky.ask(recorded["method"], self._named(recorded["path"]) + query, body, host="127.0.0.1").json()
        shape = recorded["decodes"]
        for path, kind in (SHAPES[shape] if isinstance(shape, str) else shape).items():
            for value in found(answer, path):
                assert fits(value, kind), f"{command}: {path} is {value!r}, not {kind}"
        return answer

    def machines(self) -> list[dict[str, Any]]:
        """Machines as `fly status` and `fly machine list` list them."""
        return [machine for machine in self.reply("machine_list") if machine["state"] != "destroyed"]

    def newest(self) -> dict[str, Any]:
        """The first row of `fly releases --image`."""
        row: dict[str, Any] = self.reply("releases")["data"]["app"]["releases"]["nodes"][0]
        return row

    def secret_statuses(self) -> dict[str, str]:
        """What `fly secrets list` says, computed as flyctl does: by times of records, never by digests."""
        secrets = self.reply("secrets_list", 0)["secrets"]
        created_at = {row["version"]: stamp(row["created_at"]) for row in self.reply("secrets_list", 2)["releases"]}
        running = [int(m["config"]["metadata"]["fly_release_version"]) for m in self.machines()]
        told = {}
        for secret in secrets:
            given = [created_at[version] >= stamp(secret["updated_at"]) for version in running]
            told[secret["name"]] = "Deployed" if all(given) else "Partial" if any(given) else "Staged"
        return told

    def definition(self) -> Any:
        """The config that a deploy without a fly.toml starts from."""
        answer = self.reply("deploy_rolling")
        return answer["data"]["app"]["currentReleaseUnprocessed"]["configDefinition"]

    def _named(self, value: Any) -> Any:
        if value == "shop":
            return APP
        return value.replace("/apps/shop", f"/apps/{APP}") if isinstance(value, str) else value


def stamp(text: str) -> datetime:
    """A time as flyctl parses it."""
    return datetime.fromisoformat(text)


@pytest.mark.parametrize("strategy", ["rolling", "immediate", "bluegreen"])
def test_after_a_promotion_flyctl_shows_what_runs(tmp_path: Path, strategy: str) -> None:
    stage = Stage(tmp_path, deploy_strategy=strategy)
    flyctl = Flyctl(stage)
    before = flyctl.newest()["version"]
    config_before = flyctl.definition()
    assert set(flyctl.secret_statuses().values()) == {"Deployed"}
    stage.promote()
    newest, machines = flyctl.newest(), flyctl.machines()
    assert (newest["version"], newest["status"], newest["stable"]) == (before + 1, "complete", True)
    assert {machine["config"]["image"] for machine in machines} == {newest["imageRef"]}
    assert {machine["image_ref"]["digest"] for machine in machines} == {newest["imageRef"].partition("@")[2]}
    metadata = [machine["config"]["metadata"] for machine in machines]
    assert {each["fly_release_version"] for each in metadata} == {str(newest["version"])}
    assert {each["fly_release_id"] for each in metadata} == {newest["id"]}
    assert not any("fly_flyctl_version" in each for each in metadata)
    assert set(flyctl.secret_statuses().values()) == {"Deployed"}
    assert flyctl.reply("secrets_list", 2)["releases"][0]["strategy"] == strategy.upper()
    assert flyctl.definition() == config_before


def test_a_secret_that_flyctl_calls_staged_is_one_that_the_gate_names(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    flyctl = Flyctl(stage)
    stage.clock.sleep(5)
    stage.control("POST", "secrets", {"app": APP, "set": {"SESSION_SECRET": "another"}, "staged": True})
    staged = [name for name, status in flyctl.secret_statuses().items() if status == "Staged"]
    assert staged == ["SESSION_SECRET"]
    assert "staged, not deployed: SESSION_SECRET" in refused(stage.promote).message
    stage.control("POST", "secrets", {"app": APP, "set": {}, "staged": False})
    assert set(flyctl.secret_statuses().values()) == {"Deployed"}


def test_after_a_promotion_that_was_brought_back_flyctl_shows_the_old_release_and_a_failed_one(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    flyctl = Flyctl(stage)
    before = flyctl.newest()
    stage.push("v43-prod-crash")
    refused(stage.promote)
    assert (flyctl.newest()["version"], flyctl.newest()["status"]) == (before["version"] + 1, "failed")
    for machine in flyctl.machines():
        assert machine["config"]["metadata"]["fly_release_version"] == str(before["version"])
        assert machine["config"]["image"] == before["imageRef"]
    assert set(flyctl.secret_statuses().values()) == {"Deployed"}

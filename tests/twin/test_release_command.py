"""The release command of an app: run once before any machine is touched, its exit read, and never left behind."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotops.core.driver import drive
from hotops.deploy import marks
from hotops.deploy.release_command import GROUP
from hotops.deploy.rollback import Rollback, RollbackWant
from hotops.promote.run import promote
from hotops.sandbox.fly import log_lines
from hotops.sandbox.inprocess import Transport
from tests.stage import Stage
from tests.twin.stages import APP, FIRST, SECOND, THIRD, ended, in_one_order, lock_holder, refused, told, wrong_with
from tests.twin.test_dead_runs import killed

pytestmark = pytest.mark.usefixtures("own_state")

COMMAND = "bin/warm --all"
MACHINES = f"/v1/apps/{APP}/machines"


def staged(tmp_path: Path, **more: Any) -> Stage:
    """Production, whose stored definition has a release command that migrates nothing."""
    return Stage(tmp_path, sandbox={"release_command": COMMAND, "traffic_rps": 0}, **more)


def commands(stage: Stage, app: str = APP) -> list[Any]:
    """Every machine that ever ran a release command, also those that are gone."""
    return [m for m in stage.twin.world.apps[app].machines.values() if m.group == GROUP]


def touched(stage: Stage) -> list[str]:
    """Writes to the app's own machines."""
    own = {machine.id for machine in stage.machines() if machine.process_group != GROUP}
    harmless = ("/lease", f"/metadata/{marks.BEGAN}")
    found = [write for write in stage.writes() if any(one in write for one in own)]
    return [write for write in found if not any(word in write for word in harmless)]


def test_it_runs_once_before_the_first_machine_with_what_the_app_s_machines_have(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    outcome = stage.promote(FIRST)["deploy"]
    assert wrong_with(stage, tag="v42") == []
    (machine,) = commands(stage)
    model = stage.twin.world.apps[APP].machines[stage.machines()[0].id]
    config = machine.config
    assert config["init"]["cmd"] == ["bin/warm", "--all"]
    assert config["image"].endswith(stage.machines()[0].image_ref.digest)  # type: ignore[union-attr]
    assert config["guest"] == model.config["guest"]
    assert (config["restart"], config["auto_destroy"]) == ({"policy": "no"}, True)
    assert not config.get("services")
    assert not config.get("mounts")
    assert not config.get("checks")
    assert config["env"]["PRIMARY_REGION"] == model.config["env"]["PRIMARY_REGION"]
    assert (config["env"]["RELEASE_COMMAND"], config["env"]["FLY_PROCESS_GROUP"]) == ("1", GROUP)
    assert (config["metadata"][marks.RUN], config["metadata"]["fly_release_version"]) == (FIRST, "42")
    assert [(len(m.runs), m.state) for m in commands(stage)] == [(1, "destroyed")]
    fact = outcome.result["apps"][APP]["release_command"]
    assert (fact["machine"], fact["exit_code"]) == (machine.id, 0)
    writes = stage.writes()
    gone = max(index for index, write in enumerate(writes) if machine.id in write)
    first = min(index for index, write in enumerate(writes) if write in touched(stage))
    assert gone < first


def test_check_mode_says_it_and_runs_nothing(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    with in_one_order(), stage.context(FIRST, check=True) as context:
        plan = promote(context, check=True)["ask_gates"].result["hotops_screen"]
    assert f"+ {APP}/release-command ({APP}): release_command none → {COMMAND}" in " ".join(" ".join(plan).split())
    assert (stage.writes(), commands(stage)) == ([], [])


def test_where_nothing_is_to_change_it_is_neither_read_nor_run(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    stage.promote(FIRST)
    stage.control("DELETE", "log")
    stage.promote(SECOND)
    assert (len(commands(stage)), stage.writes()) == (1, [])


@pytest.mark.parametrize(
    ("strategy", "tag", "says"),
    [
        ("rolling", "v43-command-hangs", "did not end"),
        ("rolling", "v43-prod-crash", "ended with exit code 1"),
        ("bluegreen", "v43-command-fails", "ended with exit code 1: release command: giving up after 3 attempts"),
    ],
)
def test_one_that_does_not_end_well_leaves_every_machine_as_it_was(
    tmp_path: Path, strategy: str, tag: str, says: str
) -> None:
    stage = staged(tmp_path, deploy_strategy=strategy)
    before = [(machine.id, machine.instance_id) for machine in stage.machines()]
    stage.push(tag)
    error = refused(stage.promote, FIRST)
    assert ended(error) == ("release_command_failed", 3)
    assert says in error.message
    assert f"`{COMMAND}`" in error.message
    assert "Nothing was changed" in error.message
    assert [(machine.id, machine.instance_id) for machine in stage.machines()] == before
    assert touched(stage) == []
    assert wrong_with(stage, tag="v41") == []
    assert told(stage)[0] == (42, "failed", tag), "flyctl is told so too"
    assert lock_holder(stage) is None
    assert not any(marks.BEGAN in machine.metadata for machine in stage.machines())


def test_its_last_lines_are_told_without_what_might_be_a_secret(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    stage.push("v43-command-fails")
    password = "".join(["s3cret", "Pass", "word9"])
    with pytest.MonkeyPatch.context() as patch:
        said = (f"connecting to postgres://app:{password}@db.internal/shop", f"token={password}", "giving up")
        patch.setattr(log_lines, "COMMAND_TRACE", said)
        error = refused(stage.promote, FIRST)
    log: Any = error.details["log"]
    assert log[-4:] == [
        f"running: {COMMAND}",
        "connecting to postgres://app:•••@db.internal/shop",
        "token=•••",
        "giving up",
    ]
    assert password not in str(error.as_failure())
    assert log == error.details["hotops_screen"][1:]  # type: ignore[index]


CREATE = rf"^POST {MACHINES}$"
START = rf"^POST {MACHINES}/[0-9a-f]+/start$"
HOW_IT_IS_LEFT = {"created": (CREATE, 2), "running": (START, 1)}


@pytest.mark.parametrize("left", HOW_IT_IS_LEFT)
def test_what_a_dead_run_left_is_removed_by_the_next_one_and_the_command_runs_anew(tmp_path: Path, left: str) -> None:
    stage = staged(tmp_path)
    after, runs = HOW_IT_IS_LEFT[left]
    killed(stage, after)
    assert [m.process_group for m in stage.machines() if m.process_group == GROUP] == ([GROUP] if runs == 2 else [])
    stage.promote(SECOND)
    assert [len(m.runs) for m in commands(stage)] == [2 - runs, 1]
    assert wrong_with(stage, tag="v42") == []


def test_one_that_still_runs_ends_before_the_next_one_begins(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    stage.push("v43-command-hangs")
    killed(stage, START)
    stage.push("v44")
    stage.promote(SECOND)
    first, second = commands(stage)
    assert first.runs[0].ended_at <= second.runs[0].started_at
    assert first.runs[0].ended_at - first.runs[0].started_at >= 300, "it had the time that every command has"
    assert wrong_with(stage, tag="v44") == []


def test_a_run_with_nothing_to_deploy_removes_it_too_but_never_flyctl_s(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    killed(stage, CREATE)
    image = stage.machines()[0].image_ref
    config = {"image": str(image), "metadata": {"fly_process_group": GROUP, "fly_platform_version": "v2"}}
    foreign = by_hand(stage, config)
    stage.push("v41", age_s=7300)
    said = stage.promote(SECOND)["check_ready"].result["notes"]
    assert len(said) == 2, "and the lock is taken over"
    assert "left by a dead run's release command, is removed" in said[0]
    assert [m.id for m in stage.machines() if m.process_group == GROUP] == [foreign]
    assert lock_holder(stage) is None
    stage.control("DELETE", "log")
    stage.promote(THIRD)
    assert stage.writes() == []


def test_the_fire_exit_after_a_kill_in_it_undoes_no_earlier_promotion(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    stage.promote("20251231T000000Z-promote-stage")
    stage.push("v43")
    killed(stage, START)
    with stage.context(SECOND) as context:
        outcome = drive(Rollback(RollbackWant(), context))
    assert outcome.result["undone_run"] == FIRST
    assert f"run {FIRST} had changed nothing, and only begun" in str(outcome.result)
    assert stage.tags() == {"v42"}
    with stage.context(THIRD) as context:
        drive(Rollback(RollbackWant(), context))
    assert stage.tags() == {"v41"}, "the next one is about the promotion before"


@pytest.mark.parametrize("kind", ["reset_after", "reset_before"])
@pytest.mark.parametrize("where", [MACHINES, f"{MACHINES}/*/start"], ids=["create", "start"])
def test_an_unclear_answer_never_makes_it_run_twice(tmp_path: Path, kind: str, where: str) -> None:
    stage = staged(tmp_path)
    fault = {"kind": kind, "match": {"method": "POST", "path": where}, "times": 1}
    stage.control("POST", "faults", fault)
    stage.promote(FIRST)
    assert [len(m.runs) for m in commands(stage)] == [1]
    assert wrong_with(stage, tag="v42") == []


@pytest.mark.parametrize("how", ["stop", "lose"])
def test_where_its_exit_is_not_known_nothing_is_deployed(tmp_path: Path, how: str) -> None:
    """Somebody stops its machine, or its host is gone."""
    stage = staged(tmp_path)
    stage.push("v43-command-hangs")
    stage.wrap = lambda transport: Meanwhile(transport, START, lambda: happens(stage, how))
    error = refused(stage.promote, FIRST)
    stage.wrap = lambda transport: transport
    assert ended(error) == ("release_command_unknown", 3), error
    assert touched(stage) == []
    assert wrong_with(stage, tag="v41") == []


class Meanwhile(httpx.BaseTransport):
    """Lets something happen once a call was answered."""

    def __init__(self, inner: httpx.BaseTransport, after: str, act: Callable[[], object]) -> None:
        self.inner, self.after, self.act = inner, after, act

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self.inner.handle_request(request)
        if re.search(self.after, f"{request.method} {request.url.path}"):
            self.act()
        return answer


def by_hand(stage: Stage, config: dict[str, Any]) -> str:
    """A machine that somebody else makes, at rest."""
    with httpx.Client(transport=Transport(stage.twin, stage.clock)) as client:
        headers = {"Authorization": f"Bearer {stage.twin.tokens['fly']}"}
        body = {"config": config, "skip_launch": True}
        return str(client.post(f"https://api.machines.dev{MACHINES}", json=body, headers=headers).json()["id"])


def happens(stage: Stage, how: str) -> None:
    (machine,) = [m for m in commands(stage) if m.state != "destroyed"]
    stage.clock.sleep(3)
    stage.control("POST", "machines", {"app": APP, "id": machine.id, "do": how})


def test_a_train_runs_all_of_them_before_the_first_machine_of_any_app(tmp_path: Path) -> None:
    apps = {
        "shop-api": {"promote_from": "api-staging", "sandbox": {"release_command": COMMAND}},
        "shop-web": {"promote_from": "web-staging", "after": ["shop-api"], "sandbox": {"release_command": COMMAND}},
    }
    stage = Stage(tmp_path, apps=apps)
    stage.push("v43-command-fails", app="web-staging")
    error = refused(stage.promote, FIRST)
    assert ended(error) == ("release_command_failed", 3)
    assert [len(m.runs) for m in commands(stage, "shop-api")] == [1]
    for app in apps:
        assert wrong_with(stage, app, tag="v41") == []
        assert told(stage, app)[0][1] == "failed"
        assert not any(marks.RUN in machine.metadata for machine in stage.machines(app))


def test_where_it_can_t_be_read_whether_there_is_one_nothing_is_deployed(tmp_path: Path) -> None:
    stage = staged(tmp_path)
    stage.control("POST", "faults", {"kind": "status", "status": 500, "match": {"path": "/graphql"}})
    error = refused(stage.promote, FIRST)
    assert ended(error) == ("definition_unknown", 1)
    assert touched(stage) == []

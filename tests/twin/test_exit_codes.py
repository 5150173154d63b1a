"""Each exit code of `hotops`, 0 to 9 and 130, by a command that ends with it; the table of the README says the same."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hotops import cli
from hotops.commands import operations, workflows
from hotops.commands.place import Place
from hotops.core.errors import ExitCode, HotopsError
from hotops.running import attempts
from hotops.running.job import Ended, Job
from tests.documented import document_of
from tests.playbooks.project import INVENTORY, Project
from tests.stage import Stage
from tests.twin.stages import APP

pytestmark = pytest.mark.usefixtures("own_state")


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A world in which commands find themselves; `hotops promote` is carried out in this process, without Ansible."""
    made = Stage(tmp_path)
    monkeypatch.chdir(tmp_path)

    def located(words: list[str], _inventory: object) -> Place:
        return Place(Path("inventories/stage"), made.environment, tuple(words[1:]) or (APP,), bool(words[1:]))

    def carried_out(_job: Job, **_how: Any) -> Ended:
        try:
            made.promote()
        except HotopsError as error:
            code = int(error.failure_exit)
            said = f"hotops: {error.failure_code} (exit code {code})."
            return Ended(code, error.failure_code, said, error.as_failure())
        return Ended(0, "promoted", "hotops: promoted (exit code 0).")

    for module in (operations, workflows):
        monkeypatch.setattr(module, "locate", located)
    monkeypatch.setattr(operations, "surroundings", lambda *_given, check, **_more: made.context(check=check))
    monkeypatch.setattr(attempts.run_until_ended, "__kwdefaults__", {
        **(attempts.run_until_ended.__kwdefaults__ or {}), "start": carried_out,
    })  # fmt: skip
    monkeypatch.setattr(workflows, "SystemClock", lambda: made.clock)
    return made


@pytest.fixture
def ends(capsys: pytest.CaptureFixture[str]) -> Callable[..., dict[str, Any]]:
    """Run a command, which has to end with this code; its document says the same where it failed."""

    def run(code: ExitCode, *words: str, name: str) -> dict[str, Any]:
        capsys.readouterr()
        ended = cli.main([*words, "--json"])
        document = document_of(name, capsys.readouterr().out)
        assert ended == code, json.dumps(document, indent=1)
        if "failure" in document:
            assert document["failure"]["exit_code"] == code
            assert document["failure"]["remedy"]
        return document

    return run


def test_0_done_or_nothing_to_do(stage: Stage, ends: Any) -> None:
    ends(ExitCode.DONE, "promote", "stage", "--yes", name="promote")
    assert stage.tags() == {"v42"}
    assert ends(ExitCode.DONE, "plan", "stage", name="plan")["nothing_to_do"]


def test_1_an_error(stage: Stage, ends: Any) -> None:
    failure = ends(ExitCode.ERROR, "rollback", "stage", "--yes", name="rollback")["failure"]
    assert failure["code"] == "nothing_to_roll_back"


def test_2_a_wrong_call_calls_nobody(stage: Stage, ends: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    stage.control("DELETE", "log")
    assert "nearest" not in ends(ExitCode.USAGE, "status", "nowhere", name="status")
    assert stage.control("GET", "log")["entries"] == []


def test_3_a_gate_said_no_and_nothing_changed(stage: Stage, ends: Any) -> None:
    stage.push("v43-slow")
    failure = ends(ExitCode.NO_GO, "promote", "stage", "--yes", name="promote")["failure"]
    assert (failure["code"], stage.tags()) == ("no_go", {"v41"})
    assert cli.main(["plan", "stage"]) == ExitCode.NO_GO


def test_4_a_token_is_missing(tmp_path: Path, ends: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("FLY_", "GITHUB_", "SUPABASE_"))]:
        monkeypatch.delenv(name)
    project = Project(tmp_path)
    project.write("inventories/production/hosts.yml", INVENTORY.replace("env_kind: sandbox", "env_kind: live"))
    monkeypatch.chdir(tmp_path)
    failure = ends(ExitCode.TOKEN, "rollback", "production", "--yes", name="rollback")["failure"]
    assert failure["code"] == "token_missing"


def test_5_nobody_said_yes(stage: Stage, ends: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.control("DELETE", "log")
    assert ends(ExitCode.APPROVAL, "promote", "stage", name="promote")["failure"]["code"] == "not_confirmed"
    monkeypatch.setenv("HOTOPS_READONLY", "1")
    assert ends(ExitCode.APPROVAL, "promote", "stage", "--yes", name="promote")["failure"]["code"] == "readonly"
    assert stage.control("GET", "log")["entries"] == []


def test_6_it_failed_and_the_old_state_is_proven_back(stage: Stage, ends: Any) -> None:
    stage.push("v43-prod-crash")
    failure = ends(ExitCode.RESTORED, "promote", "stage", "--yes", name="promote")["failure"]
    assert (failure["code"], stage.tags()) == ("rolled_back", {"v41"})


def test_7_it_failed_and_is_not_restored(stage: Stage, ends: Any) -> None:
    stage.push("v43-prod-crash")
    update = {"surface": "machines", "method": "POST", "path": f"/v1/apps/{APP}/machines/*"}
    stage.twin.faults.add({"kind": "status", "status": 500, "match": update, "nth": list(range(5, 400))})
    document = ends(ExitCode.NOT_RESTORED, "promote", "stage", "--yes", name="promote")
    assert document["failure"]["code"] == "not_restored"
    assert document["failures_in_a_row"] == 1, "people are called at once"


def test_8_findings(stage: Stage, ends: Any) -> None:
    stage.push("v41-crash", app=APP)
    assert ends(ExitCode.FINDINGS, "health", "stage", name="health")["failed_findings"]


def test_9_somebody_holds_the_environment(stage: Stage, ends: Any) -> None:
    from hotops.promote.holding import hold

    with stage.context("the-other", holder_pid=os.getpid()) as context:
        hold(context, stage.environment)
        failure = ends(ExitCode.LOCK_HELD, "promote", "stage", "--yes", name="promote")["failure"]
    assert (failure["code"], stage.tags()) == ("lock_held", {"v41"})


def test_130_interrupted(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_given: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(workflows, "run_until_ended", interrupted)
    assert cli.main(["promote", "stage", "--yes"]) == ExitCode.INTERRUPTED

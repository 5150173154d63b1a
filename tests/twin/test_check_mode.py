"""Check mode: every operation there is says what it would do, and the twin sees nothing but reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError, RolledBack
from hotops.core.options import validated
from hotops.promote.phase import PHASES
from hotops.promote.run import promote
from hotops.registry import OPERATIONS, operation
from tests.documented import as_documented
from tests.stage import Stage
from tests.twin.stages import APP, SECOND, SOURCE, forget_calls, lock_holder, refused, wrong_with

pytestmark = pytest.mark.usefixtures("own_state")
ROOT = Path(__file__).resolve().parents[2]

Options = Mapping[str, Any]
#: How each operation is asked in a world where it has something to do. A new operation has to be added here.
ASKED: Mapping[str, tuple[Options, ...]] = {
    "conformance": ({"budget": 1.0},),
    "doctor": ({}, {"live": True}),
    "escalate": ({"what": "promote", "outcome": "not_restored", "exit_code": 7},),
    "explain": ({},),
    "fly_app_info": ({"app": APP}, {"org": "personal"}),
    "fly_deploy": ({"targets": [{"app": APP, "image": "the source's"}]},),
    "fly_log_scan": ({"app": APP},),
    "fly_machine_info": ({"app": APP},),
    "fly_release_info": ({"app": APP},),
    "fly_rollback": ({}, {"apps": [APP]}, {"apps": [APP], "version": 39}, {"pending_only": True}),
    "fly_secret_info": ({"app": APP},),
    "freeze": ({"state": "frozen", "reason": "a test"},),
    "gate": ({"stop": False},),
    "health_probe": ({"url": f"https://{APP}.fly.dev/health"}, {"url": f"https://{APP}.fly.dev/", "samples": 5}),
    "health_report": ({},),
    "lock": ({},),
    "restore_points": ({},),
    "notify": ({"title": "shop-production promoted"},),
    "promote_plan": ({},),
    "promote_phase": tuple({"phase": phase} for phase in PHASES),
    "readiness": ({},),
    "smoke": ({"app": APP},),
    "status": ({},),
    "tls_info": ({"hosts": [f"{APP}.fly.dev"]},),
    "why": ({"app": APP},),
}
#: Those that need another world than this stage, and the test that asks them there.
ELSEWHERE: Mapping[str, str] = {
    "backup": "tests/backup/test_operations.py::test_check_mode_writes_nothing",
    "backup_info": "tests/backup/test_operations.py::test_check_mode_writes_nothing",
    "backup_prune": "tests/backup/test_operations.py::test_check_mode_writes_nothing",
    "backup_verify": "tests/backup/test_operations.py::test_check_mode_writes_nothing",
    "restore": "tests/backup/test_operations.py::test_check_mode_writes_nothing",
    "restore_compare": "tests/backup/test_since.py::test_what_was_written_changed_and_lost_since_is_counted_and_kept",
    "restore_moment": "tests/drill/test_moment.py::test_a_project_goes_back_to_the_moment_before",
    "restore_volume": "tests/faults/test_volume_swept.py::test_it_comes_back_as_of_a_snapshot_and_the_former_stays",
    "restore_switch": "tests/database/test_switch.py::test_an_app_works_with_the_restored_database_and_goes_back",
    "approve_plan": "tests/twin/test_plan.py::test_a_reviewer_is_asked_once_and_stands_by_login",
    "dr_drill": "tests/drill/test_drills.py::test_check_mode_asks_and_writes_nothing",
    "dr_documents": "tests/drill/test_documents.py::test_check_mode_writes_nothing_and_a_second_run_changes_nothing",
    "dr_follow_ups": "tests/drill/test_follow_ups.py::test_a_failed_drill_is_an_issue_with_owner_and_date_opened_once",
    "dr_timer": "tests/drill/test_timer.py::test_two_files_are_written_once_and_check_mode_writes_none",
    "dr_due": "tests/drill/test_drills.py::test_a_drill_that_was_never_made_is_due_and_a_proven_one_is_not",
    "dsn_fix": "tests/database/test_dsn_fix.py::test_check_mode_says_what_it_would_do_and_writes_nothing",
    "github_workflow": "tests/twin/test_github_modules.py::test_check_mode_writes_nothing_and_says_what_would_be",
    "github_issue": "tests/twin/test_github_modules.py::test_check_mode_writes_nothing_and_says_what_would_be",
    "github_deployment": "tests/twin/test_github_modules.py::test_check_mode_writes_nothing_and_says_what_would_be",
    "github_check_info": "tests/twin/test_github_modules.py::test_check_mode_writes_nothing_and_says_what_would_be",
    "github_approval": "tests/twin/test_github_modules.py::test_check_mode_writes_nothing_and_says_what_would_be",
    "fly_scale": "tests/twin/test_scale.py::test_the_plan_is_told_and_nothing_is_written_in_check_mode",
    "lint": "tests/unit/test_lint_fly_toml.py::test_it_reads_what_is_declared_or_named_and_calls_nobody",
    "secrets_mirror": "tests/secrets/test_mirror.py::test_check_mode_shows_the_plan_and_writes_nothing_anywhere",
    "secrets_audit": (
        "tests/secrets/test_audit.py::test_check_mode_writes_no_file_and_a_file_that_is_not_current_is_a_finding"
    ),
    "secrets_map_init": (
        "tests/secrets/test_vault_by_command.py::test_the_first_map_is_drafted_from_vault_apps_and_github_and_can_be_used"
    ),
    "secrets_trace": "tests/secrets/test_trace.py::test_a_connection_string_is_found_wherever_it_is_used",
    "vault_check": (
        "tests/secrets/test_vault_by_command.py::test_a_check_tells_each_thing_with_its_place_and_asks_nobody"
    ),
    "vault_fix_modes": "tests/secrets/test_vault_by_command.py::test_modes_are_fixed_once_and_contents_stay",
    "vault_templates": (
        "tests/secrets/test_vault_by_command.py::test_missing_files_are_made_with_names_only_and_an_empty_value_goes_nowhere"
    ),
    "scale_report": "tests/twin/test_scale_report.py::test_drift_is_told_by_group_and_advice_by_what_was_used",
    "secrets_fill": "tests/rotation/test_fill.py::test_what_nobody_issues_is_made_once_and_all_else_is_told",
    "secrets_due": "tests/rotation/test_issuers.py::test_a_successor_is_everywhere_and_the_old_one_ends",
    "secrets_rotate": "tests/rotation/test_rotate.py::test_check_mode_writes_nothing",
    "secrets_scan": "tests/secrets/test_scan.py::test_check_mode_reads_as_ever_and_changes_no_file",
    "supabase_dsn": "tests/playbooks/test_dsn_fix.py::test_a_wrong_connection_string_is_fixed_end_to_end",
}
#: Those that plan changes; all others only read.
CHANGES = {"conformance", "escalate", "fly_deploy", "freeze", "fly_rollback", "notify", "promote_phase"}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """A world with work for everyone: promoted once, a newer image on staging, one machine's change never accepted."""
    told = [{"kind": "command", "argv": ["touch", str(tmp_path / "told")]}]
    made = Stage(tmp_path, exec_checks=True, notifications=told, feedback_file=str(tmp_path / "feedback.md"))
    made.promote()
    made.push("v43")
    made.clock.sleep(5)
    with made.context() as context:
        from hotops.fly import Fly

        machine = made.machines()[0]
        context.client(Fly).machines.set_metadata(APP, machine.id, "hotops_verdict", "pending")
    (tmp_path / "told").unlink()
    (tmp_path / "feedback.md").unlink()
    forget_calls(made)
    return made


def checked(stage: Stage, name: str, options: Options) -> Outcome:
    options = asked_of(stage, name, options)
    kind = operation(name)
    with stage.context(SECOND, check=True) as context:
        return drive(kind(validated(kind.Want, options, of=name), context), check=True)


def asked_of(stage: Stage, name: str, options: Options) -> dict[str, Any]:
    """The options, with what only the world knows."""
    options = dict(options)
    if name == "fly_deploy":
        image = stage.machines(SOURCE)[0].image_ref
        options["targets"] = [{"app": APP, "image": str(image)}]
    if options.get("phase") in ("deploy", "verify", "watch"):
        options["verdict"] = checked(stage, "promote_phase", {"phase": "ask_gates"}).result["verdict"]
    return options


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_asked_in_check_mode_here_or_in_another_test(name: str) -> None:
    assert name in ASKED or name in ELSEWHERE, f"{name} is new: say in ASKED how it is asked, or in ELSEWHERE where"
    if name in ELSEWHERE:
        file, _, test = ELSEWHERE[name].partition("::")
        assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{ELSEWHERE[name]} is not there"


@pytest.mark.parametrize("name", ASKED)
def test_every_operation_in_check_mode_only_reads(stage: Stage, tmp_path: Path, name: str) -> None:
    for options in ASKED[name]:
        outcome = as_documented(name, checked(stage, name, options))
        assert stage.writes() == [], f"{name} {options}"
        assert outcome.changed == (not outcome.plan.is_empty)
        assert not outcome.changed or name in CHANGES
    assert not (tmp_path / "told").exists(), "nobody was told"
    assert not (tmp_path / "feedback.md").exists(), "no entry was written"
    assert lock_holder(stage) is None, "the environment was not locked"


def test_where_nothing_may_be_written_every_write_is_refused_and_looking_goes_on(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOTOPS_READONLY", "1")
    seen: dict[str, set[str]] = {}
    for name, several in ASKED.items():
        for options in several:
            asked = asked_of(stage, name, options)
            kind = operation(name)
            try:
                with stage.context(SECOND) as context:
                    drive(kind(validated(kind.Want, asked, of=name), context))
            except HotopsError as error:
                seen.setdefault(name, set()).add(error.failure_code)
            # A command in a machine, where the inventory allows it, is no write: it asks the check's path.
            made = stage.control("GET", "log")["entries"]
            assert [call["path"] for call in made if call["effect"] == "write"] == [], f"{name} {options}"
    assert {name for name, codes in seen.items() if codes == {"readonly"}} >= CHANGES - {"promote_phase"}
    assert "readonly" in seen["promote_phase"]
    assert not (tmp_path / "told").exists()
    assert not (tmp_path / "feedback.md").exists()
    assert lock_holder(stage) is None


@pytest.mark.parametrize("name", sorted(CHANGES - {"promote_phase"}))
def test_what_would_change_is_planned(stage: Stage, name: str) -> None:
    outcome = checked(stage, name, ASKED[name][0])
    assert outcome.changed
    assert "Nothing was written." in outcome.plan.render()


def test_an_unfinished_run_that_would_be_undone_first_is_planned_and_left(stage: Stage) -> None:
    outcome = checked(stage, "promote_phase", {"phase": "check_ready"})
    assert outcome.changed
    assert outcome.result["undone"] is True
    assert "never ended" in outcome.result["notes"][0]
    assert stage.writes() == []


def test_no_command_is_run_in_a_machine_where_exec_is_allowed(tmp_path: Path) -> None:
    stage = Stage(tmp_path, exec_checks=True)
    stage.push("v43-wrong-path", app=APP)
    forget_calls(stage)
    result = checked(stage, "gate", {"stop": False, "names": ["check_path_inside"]}).result
    assert (result["gates"][0]["status"], result["gates"][0]["found"]) == ("unknown", "not run in check mode")
    checked(stage, "health_report", {})
    assert stage.writes() == []


def test_a_whole_promotion_in_check_mode_says_what_would_come_and_writes_nothing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    forget_calls(stage)
    with stage.context(check=True) as context:
        outcomes = promote(context, check=True)
    assert stage.writes() == []
    assert outcomes["deploy"].changed
    assert "v41" in outcomes["deploy"].plan.render()
    assert "v42" in outcomes["deploy"].plan.render()
    assert wrong_with(stage, tag="v41") == []


def test_a_no_go_in_check_mode_is_a_no_go(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.push("v43-slow")
    forget_calls(stage)
    with stage.context(check=True) as context:
        error = refused(promote, context, check=True)
    assert not isinstance(error, RolledBack)
    assert int(error.failure_exit) == 3
    assert stage.writes() == []

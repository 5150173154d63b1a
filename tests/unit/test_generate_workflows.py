"""Generated workflows: what they start, with which rights and secrets; nothing of a user's is ever overwritten."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotops import cli
from hotops.commands import catalogue
from hotops.core.context import Context
from hotops.core.driver import Outcome, drive
from hotops.core.errors import UsageError
from hotops.core.world import World
from hotops.generate import workflows
from hotops.generate.texts import FOLDER, Surroundings, workflows_of
from hotops.generate.workflows import GenerateWorkflows, WorkflowsWanted
from hotops.inventory.load import environment_from_vars
from hotops.inventory.schema import Environment
from hotops.secrets.secret_map import SecretMap
from tests.peers import find_peer

PRODUCTION = {
    "github_repo": "acme/shop",
    "supabase_project": "shop",
    "required_checks": ["test"],
    "blocking_labels": ["P0"],
    "backup": {"store": "s3://backups/shop", "dsn_env": "SHOP_DATABASE_URL"},
    "notifications": [{"kind": "webhook", "url_env": "DEPLOY_WEBHOOK"}],
    "approval": "self",
}


def environment(name: str, hosts: dict[str, dict[str, Any]], **common: Any) -> Environment:
    shared = {"env_kind": "live", "fly_org": "acme", "env_name": name, **common}
    return environment_from_vars(
        {host: {**shared, **own} for host, own in hosts.items()},
        {"all": list(hosts), "apps": list(hosts)},
        inventory=None,
    )


def both(**production: Any) -> dict[str, Environment]:
    return {
        "staging": environment("staging", {"shop-staging": {"fly_toml": "fly.toml"}}, github_repo="acme/shop"),
        "production": environment(
            "production", {"shop": {"promote_from": "shop-staging"}, "chat": {}}, **{**PRODUCTION, **production}
        ),
    }


MAP = SecretMap.model_validate(
    {
        "secrets": {
            "FLY_API_TOKEN": {"github": {"repository": "FLY_TOKEN"}},
            "SHOP_DATABASE_URL": {"github": {"environments": {"production": {"SHOP_DATABASE_URL_PROD": "value"}}}},
            "RESTORE_URL": {"github": {"environments": {"production": {"RESTORE_HOST": "host"}}}},
        }
    }
)


def files(around: Surroundings) -> dict[str, str]:
    found, _ = workflows_of(around)
    return {path.removeprefix(f"{FOLDER}/"): text for path, text in found.items()}


def parsed(text: str) -> dict[str, Any]:
    found = yaml.safe_load(text)
    found["on"] = found.pop(True)  # YAML 1.1 reads `on` as a boolean
    return dict(found)


def steps(text: str) -> Iterator[dict[str, Any]]:
    for job in parsed(text)["jobs"].values():
        yield from job["steps"]


def secrets(text: str) -> set[str]:
    return {name for step in steps(text) for value in step.get("env", {}).values()
            for name in re.findall(r"secrets\.(\w+)", str(value))}  # fmt: skip


ALL = files(Surroundings(both(), {"production": MAP}))


def test_a_workflow_for_each_thing_that_a_team_does() -> None:
    assert sorted(ALL) == [
        "backup.yml", "deploy-production.yml", "deploy-staging.yml", "drill.yml", "health.yml", "hotops-approve.yml",
        "rollback.yml",
    ]  # fmt: skip
    inputs = {name: (parsed(text)["on"].get("workflow_dispatch") or {}).get("inputs", {}) for name, text in ALL.items()}
    assert list(inputs["deploy-production.yml"]) == ["reason", "skip_staging_check", "version", "approve"]
    assert inputs["deploy-production.yml"]["reason"]["required"] is True
    assert inputs["deploy-production.yml"]["skip_staging_check"]["type"] == "boolean"
    assert inputs["rollback.yml"]["environment"]["options"] == ["staging", "production"]
    assert list(inputs["rollback.yml"]) == ["environment", "reason", "version"]
    assert parsed(ALL["health.yml"])["on"]["schedule"] == [{"cron": "23 */4 * * *"}]
    assert parsed(ALL["deploy-staging.yml"])["on"]["push"]["branches"] == ["main"]


@pytest.mark.parametrize("name", sorted(ALL))
def test_no_right_by_default_pinned_actions_a_time_limit_and_no_input_in_a_shell(name: str) -> None:
    text = ALL[name]
    found = parsed(text)
    assert found["permissions"] == {}
    for job in found["jobs"].values():
        assert 0 < job["timeout-minutes"] <= 240
    if name != "hotops-approve.yml":
        assert found["concurrency"]["cancel-in-progress"] is False
    for step in steps(text):
        assert "${{" not in step.get("run", "")
        if "uses" in step:
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step["uses"])
    assert len(re.findall(r"uses: \S+ # v?\d", text)) == text.count(" uses:")


def test_each_job_has_the_rights_of_what_its_inventory_declares_and_no_other() -> None:
    rights = {
        (name, job): found["permissions"]
        for name, text in ALL.items()
        for job, found in parsed(text)["jobs"].items()
        if "permissions" in found
    }
    reads = {"contents": "read"}
    assert rights == {
        ("deploy-production.yml", "promote"): {
            "contents": "write", "deployments": "write", "checks": "read", "statuses": "read", "issues": "read",
        },
        ("deploy-staging.yml", "deploy"): {"contents": "write", "deployments": "write"},
        ("rollback.yml", "rollback"): {"contents": "write"},
        ("health.yml", "staging"): reads, ("health.yml", "production"): reads,
        ("backup.yml", "production"): reads, ("drill.yml", "production"): {**reads, "issues": "write"},
    }  # fmt: skip
    alone = files(Surroundings(both(github_repo=None, approval="none")))
    assert parsed(alone["deploy-production.yml"])["jobs"]["promote"]["permissions"] == reads
    asked = parsed(files(Surroundings(both(approval="github")))["deploy-production.yml"])["jobs"]["promote"]
    assert asked["permissions"]["actions"] == "write"
    drilled = parsed(files(Surroundings(both(approval="github")))["drill.yml"])["jobs"]["production"]
    assert drilled["permissions"] == {"contents": "read", "issues": "write", "actions": "write"}
    assert "environment" not in asked, "its reviewers approve the plan, not the job that asks them"


def test_secrets_have_the_names_that_the_map_gives_them_and_reach_only_the_steps_that_need_them() -> None:
    assert secrets(ALL["deploy-production.yml"]) == {
        "FLY_TOKEN", "FLY_API_TOKEN", "SUPABASE_ACCESS_TOKEN", "DEPLOY_WEBHOOK",
        "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL_S3",
    }  # fmt: skip
    assert "SHOP_DATABASE_URL: ${{ secrets.SHOP_DATABASE_URL_PROD }}" in ALL["backup.yml"]
    assert "RESTORE_URL: ${{ secrets.RESTORE_URL }}" in ALL["drill.yml"], "a part of a value is not the value"
    for text in ALL.values():
        assert not any("env" in job for job in parsed(text)["jobs"].values())
        for step in steps(text):
            if "secrets." in str(step.get("env")) or "github.token" in str(step.get("env")):
                assert re.search(r"hotops|flyctl", step["run"])
    # Only at the environment: the job has to name it, or would get nothing.
    assert parsed(ALL["backup.yml"])["jobs"]["production"]["environment"] == "production"
    assert "environment" not in parsed(ALL["health.yml"])["jobs"]["production"]
    assert "environment" not in parsed(ALL["rollback.yml"])["jobs"]["rollback"], "no reviewer at the fire exit"


def test_every_command_in_a_workflow_exists_with_its_flags(capsys: pytest.CaptureFixture[str]) -> None:
    seen: dict[str, set[str]] = {}
    for text in ALL.values():
        for step in steps(text):
            run = step.get("run", "")
            for line in re.findall(r"^\s*(hotops .*?)(?: \|\| .*)?$", run, re.MULTILINE):
                words = shlex.split(line)[1:]
                command = catalogue.find(tuple(words))
                assert command is not None, line
                flags = {word for word in shlex.split(run, comments=True) if word.startswith("--")}
                seen.setdefault(command.name, set()).update(flags)
    assert {
        "promote",
        "deploy",
        "rollback",
        "health",
        "backup create",
        "backup verify",
        "dr due",
        "dr drill",
        "dr follow-ups",
    } == set(seen)
    for name, flags in seen.items():
        cli.main([*name.split(), "--help"])
        help_shown = capsys.readouterr().out
        assert all(flag in help_shown for flag in flags), (name, flags)


@pytest.mark.parametrize(
    ("package", "installed"),
    [
        ("hotops==1.2", "hotops[backup]==1.2"),
        ("hotops @ git+https://git.example/hotops@v1", "hotops[backup] @ git+https://git.example/hotops@v1"),
        ("vendor/hotops-1.2-py3-none-any.whl", "vendor/hotops-1.2-py3-none-any.whl[backup]"),
    ],
)
def test_the_backups_libraries_are_asked_for_in_whatever_form_the_package_has(package: str, installed: str) -> None:
    text = files(Surroundings(both(), package=package))["backup.yml"]
    assert [step["env"]["PACKAGE"] for step in steps(text) if "PACKAGE" in step.get("env", {})] == [installed]


def test_what_nobody_can_build_and_nothing_to_back_up_is_said() -> None:
    found, left_out = workflows_of(
        Surroundings(
            {"staging": environment("staging", {"shop-staging": {}}), "production": both(backup=None)["production"]}
        )
    )
    assert f"{FOLDER}/deploy-staging.yml" not in found
    assert f"{FOLDER}/backup.yml" not in found
    assert [text.split(":")[0] for text in left_out] == ["deploy-staging.yml", "backup.yml, drill.yml"]


# --- written ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    known = both()
    monkeypatch.setattr(workflows, "load_environment", lambda path: known[path.name])
    for name in known:
        (tmp_path / "inventories" / name).mkdir(parents=True)
        (tmp_path / "inventories" / name / "hosts.yml").write_text("", encoding="utf-8")
    return tmp_path


def generate(folder: Path, *, check: bool = False, **want: Any) -> Outcome:
    with Context(World("live", {}), check=check) as context:
        return drive(GenerateWorkflows(WorkflowsWanted(folder=folder, **want), context), check=check)


def test_written_once_and_then_as_they_should_be(project: Path) -> None:
    looked = generate(project, check=True)
    assert looked.changed
    assert not (project / FOLDER).exists()
    first = generate(project)
    assert sorted(first.result["written"]) == sorted(f"{FOLDER}/{name}" for name in ALL)
    assert not generate(project).changed


def test_a_changed_file_stays_and_its_difference_is_shown_and_an_unchanged_one_is_renewed(project: Path) -> None:
    generate(project)
    mine, other = project / FOLDER / "health.yml", project / FOLDER / "rollback.yml"
    mine.write_text(mine.read_text(encoding="utf-8").replace("23 */4", "5 */2"), encoding="utf-8")
    was = mine.read_text(encoding="utf-8")
    again = generate(project, package="hotops==9.9")
    assert mine.read_text(encoding="utf-8") == was
    assert again.result["differs"] == [f"{FOLDER}/health.yml"]
    assert '    -    - cron: "5 */2 * * *"' in again.result["hotops_screen"]
    assert '    +    - cron: "23 */4 * * *"' in again.result["hotops_screen"]
    assert "hotops==9.9" in other.read_text(encoding="utf-8")
    (project / FOLDER / "hotops-approve.yml").write_text("name: mine\n", encoding="utf-8")
    assert f"{FOLDER}/hotops-approve.yml" in generate(project).result["differs"]


def test_a_project_without_a_live_environment_is_told_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no live environment"):
        generate(tmp_path)


@pytest.mark.peer("actionlint")
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    shapes = [both(), both(approval="github"), both(github_repo=None, backup=None, approval="none")]
    for number, shape in enumerate(shapes):
        for name, text in files(Surroundings(shape, {"production": MAP})).items():
            (tmp_path / f"{number}-{name}").write_text(text, encoding="utf-8")
    command = [str(find_peer("actionlint")), "-shellcheck=", "-pyflakes=", *sorted(map(str, tmp_path.glob("*.yml")))]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (0, "")

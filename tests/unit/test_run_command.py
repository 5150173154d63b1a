"""hotops run: which playbook is meant, which variables it gets, and what may run where nothing may be written."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from hotops import cli
from hotops.commands import run
from hotops.commands.run import extra_vars
from hotops.core.errors import UsageError
from hotops.running.playbooks import find_playbook, is_all_of_hotops
from tests.playbooks.project import Project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    monkeypatch.chdir(tmp_path)
    made.write("nightly.yml", "- hosts: all\n  tasks: [{ansible.builtin.command: {argv: [make]}}]\n")
    made.write("promote.yml", "- name: Promote\n  ansible.builtin.import_playbook: hotops.core.promote\n")
    return made


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("nightly.yml", "/nightly.yml"),
        ("nightly", "/nightly.yml"),
        ("promote", "/promote.yml"),
        ("health", "hotops.core.health"),
        ("hotops.core.health", "hotops.core.health"),
        ("acme.shop.restock", "acme.shop.restock"),
    ],
)
def test_a_playbook_is_found_by_path_or_name(project: Project, word: str, found: str) -> None:
    assert find_playbook(word, project.folder).removeprefix(str(project.folder)) == found


@pytest.mark.parametrize(
    ("word", "meant"), [("nigthly.yml", "nightly.yml"), ("promte", "promote"), ("hotops.core.helth", "health")]
)
def test_an_unknown_one_is_answered_with_the_nearest(project: Project, word: str, meant: str) -> None:
    with pytest.raises(UsageError, match="no playbook") as refused:
        find_playbook(word, project.folder)
    assert refused.value.failure_code == "unknown_playbook"
    assert refused.value.remedy.startswith(f"Did you mean {meant}")


def test_variables_are_read_as_they_are_meant(project: Project) -> None:
    project.write("more.yml", "apps: [a, b]\n")
    given = ["reason=search is faster", "version='v 42'", '{"x": {"y": 1}}', "@more.yml"]
    assert extra_vars(given) == {"reason": "search is faster", "version": "v 42", "x": {"y": 1}, "apps": ["a", "b"]}
    for wrong in ("reason", "=x", "@none.yml", "{", "{1"):
        with pytest.raises(UsageError):
            extra_vars([wrong])


def test_a_credential_is_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    token = secrets.token_hex(16)
    monkeypatch.setenv("FLY_API_TOKEN", token)
    with pytest.raises(UsageError, match="-e x holds a credential") as refused:
        extra_vars([f'{{"x": {{"deep": ["a {token}"]}}}}'])
    assert token not in str(refused.value)


def test_where_nothing_may_be_written_only_hotops_own_playbooks_run(
    project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOTOPS_READONLY", "1")
    ran: list[tuple[str, bool]] = []
    monkeypatch.setattr(run, "carry_out_and_tell", lambda job, _place, _how: ran.append((job.playbook, job.check)) or 0)
    assert cli.main(["run", "nightly", "sandbox", "--yes"]) == 5
    assert "HOTOPS_READONLY is set" in capsys.readouterr().err
    assert ran == []
    assert cli.main(["run", "nightly", "sandbox", "--check"]) == 0
    assert cli.main(["run", "health", "sandbox"]) == 0
    assert cli.main(["run", "promote", "sandbox"]) == 0
    assert ran == [
        (f"{project.folder}/nightly.yml", True),
        ("hotops.core.health", False),
        (f"{project.folder}/promote.yml", False),
    ]
    assert not is_all_of_hotops(str(project.folder / "nightly.yml"))


def test_a_deploy_without_an_image_says_so_before_anything_runs(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.pretend_sandbox()
    assert cli.main(["deploy", "sandbox", "--yes"]) == 2
    said = capsys.readouterr().err
    assert "Error: hotops deploy needs --image" in said
    assert "Next: For example: hotops deploy production shop-production --image " in said
    assert not project.runs()


def test_a_promotion_asks_about_the_apps_that_have_a_source(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    project.pretend_sandbox()
    project.write(
        "inventories/sandbox/hosts.yml",
        "all:\n  vars: {env_kind: sandbox, fly_org: acme}\n"
        "apps:\n  hosts:\n    shop: {promote_from: shop-staging}\n    chat:\n",
    )
    assert cli.main(["promote", "sandbox"]) == 5
    assert "Error: Promote shop in sandbox" in capsys.readouterr().err

"""Both ways to call a playbook, by file and by name, in every way hotops can be installed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

import hotops

from .conftest import ROOT, Run

WORKFLOWS = ("promote", "rollback", "deploy", "health")
SYNTAX = ("--syntax-check", "-i", "localhost,")


@pytest.mark.parametrize("name", WORKFLOWS)
def test_installed_a_playbook_runs_by_name_from_any_folder(installed: Run, tmp_path: Path, name: str) -> None:
    done = installed("ansible-playbook", f"hotops.core.{name}", *SYNTAX, cwd=tmp_path)
    assert "site-packages/ansible_collections/hotops/core/playbooks/" in done.stdout


@pytest.mark.parametrize("name", WORKFLOWS)
def test_installed_a_copy_of_the_root_file_runs(installed: Run, tmp_path: Path, name: str) -> None:
    shutil.copy(ROOT / f"{name}.yml", tmp_path)
    installed("ansible-playbook", f"{name}.yml", *SYNTAX, cwd=tmp_path)


@pytest.mark.parametrize("name", WORKFLOWS)
@pytest.mark.parametrize("form", ["{}.yml", "hotops.core.{}", "playbooks/{}.yml"])
def test_in_the_checkout_all_three_forms_run(checkout: Run, name: str, form: str) -> None:
    checkout("ansible-playbook", form.format(name), *SYNTAX, cwd=ROOT)


def test_editable_the_collection_is_the_checkout_itself(checkout: Run, tmp_path: Path) -> None:
    done = checkout("ansible-playbook", "hotops.core.promote", *SYNTAX, cwd=tmp_path)
    (shown,) = [line.removeprefix("playbook: ") for line in done.stdout.splitlines() if line.startswith("playbook: ")]
    assert Path(shown).resolve() == ROOT / "playbooks/promote.yml"


def test_installed_the_modules_are_documented(installed: Run, tmp_path: Path) -> None:
    listed = installed("ansible-doc", "-l", "hotops.core", cwd=tmp_path).stdout.split()
    files = {path.stem for path in (ROOT / "hotops/plugins/modules").glob("[a-z]*.py")}
    assert files
    assert {word for word in listed if word.startswith("hotops.core.")} == {f"hotops.core.{name}" for name in files}


def test_the_version_is_the_same_wherever_it_is_asked(installed: Run, tmp_path: Path) -> None:
    assert hotops.__version__ in installed("hotops", "--version", cwd=tmp_path).stdout
    assert hotops.__version__ in installed("ansible-galaxy", "collection", "list", "hotops.core", cwd=tmp_path).stdout

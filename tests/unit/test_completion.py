"""Completion: commands of the catalogue, environments and apps of the inventories, a command's own options."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hotops import cli
from hotops.commands.catalogue import COMMANDS
from hotops.commands.completing import candidates as candidates_of
from hotops.commands.completion import SCRIPTS
from tests.playbooks.project import ROOT, Project


def candidates(words: list[str]) -> list[str]:
    return candidates_of(words, cli.build)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    made = Project(tmp_path)
    made.write("inventories/production/hosts.yml", "apps:\n  children:\n    web:\n      hosts: {}\n")
    made.write("inventories/production/host_vars/shop-web.yml", "promote_from: shop-staging\n")
    made.write("inventories/secret_maps/production.yml", "{}\n")
    made.write("nightly.yml", "[]\n")
    monkeypatch.chdir(tmp_path)
    return made


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("st", ["status"]),
        ("lock ", ["break", "show"]),
        ("lock s", ["show"]),
        ("status ", ["production", "sandbox"]),
        ("status s", ["sandbox"]),
        ("lock show ", ["production", "sandbox"]),
        ("promote sandbox ", ["shop-production", "shop-worker"]),
        ("promote sandbox shop-worker shop", ["shop-production"]),
        ("promote production ", ["shop-web"]),
        ("run n", ["nightly.yml"]),
        ("run promote s", ["sandbox"]),
        ("evidence v", ["verify"]),
        ("schema lock ", ["break", "show"]),
        ("restore s", ["sandbox", "switch"]),
        ("restore points s", ["sandbox"]),
        ("completion ", ["bash", "fish", "zsh"]),
        ("nonsense ", []),
        ("status nowhere ", []),
    ],
)
@pytest.mark.usefixtures("project")
def test_what_may_come_next(typed: str, found: list[str]) -> None:
    assert candidates(typed.split(" ")) == found


@pytest.mark.usefixtures("project")
def test_every_command_is_completed_and_its_options_are_its_own() -> None:
    assert set(candidates([""])) == {command.words[0] for command in COMMANDS}
    for command in COMMANDS:
        assert command.words[-1] in candidates([*command.words[:-1], ""])
    options = candidates(["promote", "sandbox", "--"])
    assert {"--reason", "--wait", "--json", "--inventory", "--help"} <= set(options)
    assert candidates(["promote", "sandbox", "--rea"]) == ["--reason"]


def test_an_inventory_that_can_not_be_read_breaks_no_completion(project: Project) -> None:
    project.write("inventories/sandbox/hosts.yml", "apps: [\n")
    assert candidates(["promote", "sandbox", ""]) == []


def test_a_wrong_shell_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "bsh"]) == 2
    assert "Did you mean hotops completion bash?" in capsys.readouterr().err


@pytest.mark.parametrize("shell", SCRIPTS)
def test_a_shell_completes_for_real(project: Project, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed here")
    bin_folder = project.folder / "bin"
    bin_folder.mkdir()
    (bin_folder / "hotops").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m hotops.cli "$@"\n', encoding="utf-8")
    (bin_folder / "hotops").chmod(0o755)
    ask = {
        "bash": "COMP_WORDS=(hotops promote sandbox shop-w); COMP_CWORD=3; _hotops; echo ${COMPREPLY[@]}",
        "zsh": "words=(hotops promote sandbox shop-w); CURRENT=4; compadd() { echo ${found[@]} }; _hotops",
        "fish": "complete -C 'hotops promote sandbox shop-w'",
    }[shell]
    script = SCRIPTS[shell] if shell != "zsh" else f"compdef() {{ : }}\n{SCRIPTS[shell]}"
    done = subprocess.run(
        [program, "-c", f"{script}\n{ask}"],
        cwd=project.folder,
        env={
            "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(project.folder),
            "PYTHONPATH": str(ROOT),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["shop-worker"], done.stderr

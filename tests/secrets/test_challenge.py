"""What runs, asked with a nonce: by whatever program the image has, and the value stands in no list of processes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from hotops.core.secret import Secret
from hotops.fly import Fly
from hotops.secrets import challenge
from tests.secrets_stage import SecretsStage

APP = "shop-production"
VALUES: Mapping[str, str] = {
    "DATABASE_URL": "postgresql://u:p%2Fw@h:5432/d?sslmode=require",
    "SEVERAL_LINES": "first \"line\"\n\n $HOME `id` $(id) \\n \\ %s %d 'quoted' é 鍵\n\n",
    "EMPTY": "",
    "LONG": "0123456789abcdef" * 3000,
}


def asked(folder: Path, tag: str) -> tuple[dict[str, bool | None], dict[str, bool | None], int]:
    """What a machine of an image says of its own values, of others; and how many commands that took."""
    shop = SecretsStage(folder, apps={APP: {"sandbox": {"releases": [{"tag": tag, "age_s": 9000}]}}})
    for there in shop.stage.twin.world.apps[APP].machines.values():
        there.current.given.update(VALUES)
    with shop.context() as context:
        fly = context.client(Fly)
        machine = fly.machines.list(APP)[0]
        right = challenge.holds(fly, APP, machine, {name: Secret(value) for name, value in VALUES.items()})
        others = {**{name: Secret(f"{value}\n") for name, value in VALUES.items()}, "NOT_THERE": Secret("")}
        wrong = challenge.holds(fly, APP, machine, others)
    return right, wrong, len([call for call in shop.calls() if call[2] == "exec"])


@pytest.mark.parametrize(
    ("tag", "program", "commands"),
    [("v41", "python3", 1), ("v41-node", "node", 2), ("v41-ruby", "ruby", 3), ("v41-shell-only", "sha256sum", 4)],
)
def test_a_machine_answers_with_what_its_image_has(tmp_path: Path, tag: str, program: str, commands: int) -> None:
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed on this computer")
    right, wrong, execs = asked(tmp_path, tag)
    assert right == dict.fromkeys(VALUES, True)
    assert wrong == dict.fromkeys([*VALUES, "NOT_THERE"], False)
    assert execs == 2 * commands


def test_an_image_without_any_program_leaves_it_unknown(tmp_path: Path) -> None:
    right, wrong, _ = asked(tmp_path, "v41-distroless")
    assert set(right.values()) | set(wrong.values()) == {None}


@pytest.mark.parametrize("digest", ["sha256sum", "openssl"])
def test_a_shell_hands_the_value_to_no_other_program_but_on_its_standard_input(tmp_path: Path, digest: str) -> None:
    real = shutil.which(digest)
    if real is None:
        pytest.skip(f"{digest} is not installed on this computer")
    nonce = challenge.new_nonce()
    (program,) = (words for words in challenge.programs(nonce) if words[0] == "sh")
    seen = tmp_path / "seen"
    spy = tmp_path / digest
    spy.write_text(
        f'#!/bin/sh\n/bin/cat /proc/[0-9]*/cmdline >> {seen} 2>/dev/null\nexec {real} "$@"\n', encoding="utf-8"
    )
    spy.chmod(0o700)
    value = VALUES["DATABASE_URL"]
    done = subprocess.run(
        ["/bin/sh", *program[1:], "DATABASE_URL"],
        env={"DATABASE_URL": value, "PATH": str(tmp_path)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == f"DATABASE_URL {challenge.answer_to(nonce, Secret(value))}\n"
    assert done.stderr == ""
    assert nonce.encode() in seen.read_bytes(), "it was looked while the shell was at work"
    assert value.encode() not in seen.read_bytes()

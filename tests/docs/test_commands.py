"""Every command in the documents exists: hotops, playbooks with their variables, make targets, collection names."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from hotops.cli import COMMANDS, build, written_out
from hotops.commands.catalogue import find
from hotops.commands.command import Command
from hotops.inventory.run_vars import RUN_VARS
from hotops.registry import GROUPS, OPERATIONS
from tests.docs.pages import PAGES, README, ROOT

#: What ends a command or stands for something: `| less`, `…`, a comment.
_END = re.compile(r"\s+[|#;&…].*$|[…,]$")
_NOT_YET = {name for span in re.findall(r"`([^`]+)`", README.section("What is not there yet")) for name in span.split()}


def commands_with(program: str) -> Iterator[tuple[str, list[str]]]:
    """Documented command lines of a program, by page, split into words."""
    for page in PAGES.values():
        for line in page.commands:
            found = re.search(rf"(?:^|[ \"(]){re.escape(program)} (?P<rest>.+)$", line)
            words = shlex.split(_END.sub("", found["rest"])) if found else []
            if words:
                yield page.name, words


def test_every_documented_hotops_command_and_option_exists() -> None:
    seen = 0
    for page, words in ((page, written_out(typed)) for page, typed in commands_with("hotops")):
        known = {command.words[0] for command in COMMANDS}
        if words[0].isupper() or (words[0] in _NOT_YET and words[0] not in known):
            continue
        seen += 1
        command: Any = typer.main.get_command(build(words))
        for word in words:
            if not hasattr(command, "commands") or word.startswith("-"):
                break
            assert word in command.commands, f"{page}: hotops {' '.join(words)}"
            command = command.commands[word]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        for word in words[1:]:
            if word.startswith("-"):
                assert word.partition("=")[0] in options, f"{page}: hotops {' '.join(words)}: {word}"
    assert seen > 10


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_command_has_help_with_its_examples(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    words = list(command.words)
    with pytest.raises(SystemExit) as ended:
        build(words)(args=[*words, "--help"], prog_name="hotops")
    assert ended.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert command.name in shown
    for example in command.examples:
        assert " ".join(example.split()) in shown, example
        assert find(tuple(written_out(shlex.split(example)[1:]))) is command


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_each_example_names_options_that_exist(command: Command) -> None:
    for example in command.examples:
        words = written_out(shlex.split(example)[1:])
        node: Any = typer.main.get_command(build(words))
        while hasattr(node, "commands"):
            node = node.commands[words.pop(0)]
        known = {option for parameter in node.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert [word for word in words if word.startswith("-") and word not in known] == [], example


def test_every_documented_playbook_and_its_variables_exist() -> None:
    seen = 0
    for page, words in commands_with("ansible-playbook"):
        if words[0].startswith("-") or words[0].isupper():
            continue
        seen += 1
        name = words[0].removeprefix("hotops.core.").removesuffix(".yml")
        assert (ROOT / f"playbooks/{name}.yml").is_file(), f"{page}: {words[0]}"
        assert (ROOT / f"{name}.yml").is_file(), f"{page}: {words[0]}"
        given = [word for before, word in itertools.pairwise(words) if before == "-e"]
        for variable in given:
            assert variable.partition("=")[0] in RUN_VARS, f"{page}: -e {variable}"
            value = variable.partition("=")[2]
            quoted = value.startswith("'") and value.endswith("'")
            assert " " not in value or quoted, f"{page}: Ansible cuts {variable!r} at its blanks"
    assert seen > 8


def test_every_documented_make_target_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    found = {(page, words[0]) for page, words in commands_with("make")}
    assert {("README.md", "demo"), ("README.md", "test")} <= found
    assert [item for item in found if item[1] not in targets] == []


def test_every_documented_name_of_the_collection_exists() -> None:
    parts = {path.stem for path in (ROOT / "playbooks").glob("*.yml")} | {
        path.name for path in (ROOT / "roles").iterdir()
    }
    plugins = {path.stem for path in (ROOT / "hotops/plugins").rglob("*.py")}
    groups = set(GROUPS)
    for page in PAGES.values():
        for name in re.findall(r"hotops\.core\.([a-z_]+)", page.text):
            assert name in parts | plugins | groups | set(OPERATIONS), f"{page.name}: hotops.core.{name}"

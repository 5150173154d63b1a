"""The collection's documentation and files are those of its operations; its playbooks use only what exists."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from hotops.documentation import ansible_options, files
from hotops.registry import GROUPS, OPERATIONS, operation

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ROOT / "hotops/plugins"
TASK_KEYWORDS = {
    "name", "register", "run_once", "when", "vars", "block", "rescue", "always", "tags", "failed_when", "changed_when",
    "loop", "until", "retries", "delay", "ignore_errors", "no_log", "check_mode", "diff",
}  # fmt: skip


@cache
def ansible_doc(kind: str, *names: str) -> dict[str, Any]:
    """What ansible-doc reads from the files, as the user gets it."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ansible-doc")), "--json", "-t", kind, *names],
        env={**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "collections"), "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    documents: dict[str, Any] = json.loads(done.stdout)
    return documents


def modules() -> dict[str, Any]:
    return ansible_doc("module", *(f"hotops.core.{name}" for name in sorted(OPERATIONS)))


def literal(file: Path, name: str) -> str:
    """A string constant of a module file."""
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == name:
            return str(ast.literal_eval(node.value))
    raise AssertionError(f"{file} has no {name}")


def test_what_is_committed_is_what_the_operations_say() -> None:
    for path, text in files():
        assert (ROOT / "hotops" / path).read_text(encoding="utf-8") == text, f"hotops/{path} is stale: make docs"


def test_there_is_a_module_and_an_action_for_each_operation_and_no_other() -> None:
    for folder in ("modules", "action"):
        assert {file.stem for file in (PLUGINS / folder).glob("*.py")} == set(OPERATIONS)


def test_every_module_is_in_its_action_groups() -> None:
    groups = yaml.safe_load((ROOT / "hotops/meta/runtime.yml").read_text(encoding="utf-8"))["action_groups"]
    assert set(groups["all"]) == {f"hotops.core.{name}" for name in OPERATIONS}
    beside_all = {name for group, names in groups.items() if group != "all" for name in names}
    assert beside_all == set(groups["all"])
    assert set(groups) == set(GROUPS)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_ansible_doc_shows_the_options_that_are_validated(name: str) -> None:
    document = modules()[f"hotops.core.{name}"]["doc"]
    kind = operation(name)
    assert kind.name == name
    shown = document.get("options") or {}
    assert set(shown) == set(kind.Want.model_fields)
    for key, field in kind.Want.model_fields.items():
        assert bool(shown[key].get("required")) is field.is_required(), key
        assert shown[key]["description"][0].strip().endswith("."), key
        default = None if field.is_required() else field.get_default(call_default_factory=True, validated_data={})
        if default is not None:
            assert shown[key]["default"] == json.loads(json.dumps(default)), key
    assert {"check_mode", "diff_mode", "action", "async", "become"} <= set(document["attributes"])
    assert any("env_kind" in note for note in document["notes"])


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_example_is_a_task_with_a_name_and_options_that_exist(name: str) -> None:
    examples = yaml.safe_load(literal(PLUGINS / f"modules/{name}.py", "EXAMPLES"))
    assert len(examples) >= 2
    for task in examples:
        assert not task["name"][0].islower()
        assert_known(task)
    assert any(f"hotops.core.{name}" in task for task in examples)


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_return_value_is_described(name: str) -> None:
    returned = modules()[f"hotops.core.{name}"]["return"]
    assert {"failure", *operation(name).docs.returns} <= set(returned)
    assert all(value["description"] and value["type"] for value in returned.values())


@pytest.mark.parametrize("file", sorted([*ROOT.glob("playbooks/*.yml"), *ROOT.glob("roles/*/tasks/*.yml")]), ids=str)
def test_playbooks_use_options_that_exist(file: Path) -> None:
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    tasks = [task for entry in document for task in entry.get("tasks", [entry])]
    for task in flattened(tasks):
        assert_known(task)


def test_every_role_documents_what_its_task_uses() -> None:
    for role in sorted((ROOT / "roles").iterdir()):
        specs = yaml.safe_load((role / "meta/argument_specs.yml").read_text(encoding="utf-8"))["argument_specs"]["main"]
        text = (role / "tasks/main.yml").read_text(encoding="utf-8")
        assert all(f"{{{{ {option}" in text for option in specs["options"]), role.name
        assert (role / "README.md").is_file()


@pytest.mark.parametrize(("kind", "name"), [("inventory", "fly"), ("callback", "evidence")])
def test_other_plugins_are_documented(kind: str, name: str) -> None:
    document = ansible_doc(kind, f"hotops.core.{name}")[f"hotops.core.{name}"]["doc"]
    assert document["short_description"]
    assert document["description"]


def flattened(tasks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Tasks, also those in blocks."""
    for task in tasks:
        inner = [item for key in ("block", "rescue", "always") for item in task.get(key, [])]
        yield from flattened(inner) if inner else [task]


def assert_known(task: dict[str, Any]) -> None:
    """A task of ours names a module that exists, options that exist, and all that are required."""
    for action in task.keys() - TASK_KEYWORDS:
        if not action.startswith("hotops.core."):
            assert action.startswith("ansible.builtin."), action
            continue
        options = ansible_options(operation(action))
        given = set(task[action] or {})
        assert given <= set(options), f"{action}: {given - set(options)}"
        assert {key for key, option in options.items() if option.get("required")} <= given, action

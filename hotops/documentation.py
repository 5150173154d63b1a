"""Module files, action plugins and action groups of the collection, written from the operations themselves.

`python -m hotops.documentation` writes them and docs/modules.md (`make docs` does first of all); a test compares.
Nothing is said twice: an option's description, type, default and choices come from the field that the operation
validates with.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic_core import to_jsonable_python

from hotops.core.operation import Operation
from hotops.registry import GROUPS, OPERATIONS, in_group, operation

_HEADER = """\
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from {home}; change it there.
"""
_MODULE = '''\
#!/usr/bin/python
{header}
from __future__ import annotations

DOCUMENTATION = r"""
---
{documentation}"""

EXAMPLES = r"""
---
{examples}"""

RETURN = r"""
---
{returns}"""
'''
_ACTION = """\
{header}
from __future__ import annotations

from ansible_collections.hotops.core.plugins.plugin_utils.base import action

ActionModule = action("{name}")
"""
_RUNTIME = """\
---
# Written by `make docs` from hotops.registry.
requires_ansible: ">=2.19.0"
{groups}"""

_PAGE = """\
# Modules of hotops.core

<!-- Written by `make docs` from the operations; change it there. -->

Options, defaults, return values and examples of each: `ansible-doc hotops.core.fly_deploy`, and so on. All run on the
computer that runs Ansible, take `--check` and `--diff`, and fail with `failure: {{code, exit_code, message, remedy,
request_id}}` (what to do for each code: [operating.md](operating.md#every-failure-code)).

| Module | What it does | Changes something |
|---|---|---|
{rows}
Defaults for many modules at once, as `module_defaults` of a play:

| Group | Modules |
|---|---|
{groups}"""

_TYPES: Mapping[str, str] = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "array": "list",
    "object": "dict",
}
_COLUMNS = 110

_FAILURE: Mapping[str, object] = {
    "description": ["What went wrong, made for programs; RV(ignore:msg) says the same for people."],
    "returned": "on failure",
    "type": "dict",
    "contains": {
        "code": {"description": ["Stable word for the kind of failure, such as V(usage) or V(no_go)."], "type": "str"},
        "message": {"description": ["What was wrong, and where."], "type": "str"},
        "remedy": {"description": ["What to do next."], "type": "str"},
        "request_id": {"description": ["The cloud's own id of the refused request, if there is one."], "type": "str"},
        "exit_code": {"description": ["Exit code of the C(hotops) command for this failure."], "type": "int"},
        "details": {"description": ["Particulars, unless they were shown as a table."], "type": "dict"},
    },
    "sample": {
        "code": "unknown_app",
        "exit_code": 2,
        "message": "There is no app 'shop-prodution' in the inventory.",
        "remedy": "Did you mean shop-production?",
        "request_id": None,
    },
}
_PLAN: Mapping[str, Mapping[str, object]] = {
    "plan": {
        "description": ["What was (in check mode: would be) changed, a line for each thing, before and after."],
        "returned": "always, save on failure",
        "type": "str",
        "sample": "  ~ app/1 (17811953c92e18): memory_mb 512 → 1024\n1 to change, 0 to add, 0 to destroy.",
    },
    "plan_id": {
        "description": ["SHA-256 of what the plan decides; the same decision has the same id."],
        "returned": "always, save on failure",
        "type": "str",
        "sample": "a5e7d9f3042728bb086678183b2f6824e0cd1559331389259096bbd19893a82a",
    },
}


def module_text(name: str) -> str:
    """The file `plugins/modules/<name>.py`: documentation only, the action plugin of the same name does the work."""
    kind = operation(name)
    return _MODULE.format(
        header=_header(name),
        documentation=_yaml(documentation(name)),
        examples=kind.docs.examples.strip().removeprefix("---").strip() + "\n",
        returns=_yaml(returns(kind)),
    )


def action_text(name: str) -> str:
    """The file `plugins/action/<name>.py`: one line that names the operation."""
    return _ACTION.format(header=_header(name), name=name)


def runtime_text() -> str:
    """The file `meta/runtime.yml` with the action groups."""
    groups = {group: [f"hotops.core.{name}" for name in in_group(group)] for group in GROUPS}
    return _RUNTIME.format(groups=_yaml({"action_groups": {key: names for key, names in groups.items() if names}}))


def documentation(name: str) -> dict[str, Any]:
    """DOCUMENTATION of a module, as data."""
    kind = operation(name)
    document: dict[str, Any] = {
        "module": name,
        "short_description": kind.docs.short,
        "version_added": "0.1.0",
        "description": [_marked(text) for text in kind.docs.description],
        "author": ["The hotops authors (!UNKNOWN)"],
    }
    options = ansible_options(kind)
    if options:
        document["options"] = options
    document["attributes"] = {
        "check_mode": {"support": "full"},
        "diff_mode": {"support": "none" if kind.effect == "read" else "full"},
    }
    if kind.docs.notes:
        document["notes"] = [_marked(text) for text in kind.docs.notes]
    if kind.docs.see_also:
        document["seealso"] = [{"module": f"hotops.core.{other}"} for other in kind.docs.see_also]
    scope = "environment" if kind.needs_environment else "world"
    document["extends_documentation_fragment"] = ["hotops.core.attributes", f"hotops.core.{scope}"]
    return document


def ansible_options(kind: type[Operation[Any, Any]]) -> dict[str, Any]:
    """The options of an operation in the form of DOCUMENTATION."""
    options = _options_of(kind.Want.model_json_schema())
    for key, field in kind.Want.model_fields.items():
        if field.default_factory is not None:  # a schema does not tell what a factory makes
            options[key]["default"] = to_jsonable_python(
                field.get_default(call_default_factory=True, validated_data={})
            )
    return options


def returns(kind: type[Operation[Any, Any]]) -> dict[str, Any]:
    """RETURN of a module, as data: what the operation reports, its plan, and a failure."""
    own = {key: _marked_return(value) for key, value in kind.docs.returns.items()}
    return {**own, **({} if kind.effect == "read" else _PLAN), "failure": _FAILURE}


def files() -> Iterator[tuple[str, str]]:
    """Path below `hotops/` and content of every file that is written from the operations."""
    for name in OPERATIONS:
        yield f"plugins/modules/{name}.py", module_text(name)
        yield f"plugins/action/{name}.py", action_text(name)
    yield "meta/runtime.yml", runtime_text()


def modules_page() -> str:
    """The file `docs/modules.md` of a checkout: every module with what it does."""
    rows = "".join(
        f"| `{name}` | {operation(name).docs.short} | {'no' if operation(name).effect == 'read' else 'yes'} |\n"
        for name in sorted(OPERATIONS)
    )
    groups = "".join(
        f"| `group/hotops.core.{group}` | {'all of them' if group == 'all' else ', '.join(in_group(group))} |\n"
        for group in GROUPS
    )
    return _PAGE.format(rows=rows, groups=groups)


def main() -> int:
    """Write what differs, and remove the files of operations that are no more."""
    root = Path(__file__).parent
    wanted = dict(files())
    for folder in ("plugins/modules", "plugins/action"):
        for old in (root / folder).glob("*.py"):
            if f"{folder}/{old.name}" not in wanted:
                old.unlink()
    if (root.parent / "docs").is_dir():  # a checkout; the wheel has no pages
        wanted["../docs/modules.md"] = modules_page()
    for path, text in wanted.items():
        file = root / path
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{file.resolve().relative_to(root.parent)}\n")
    return 0


def _header(name: str) -> str:
    return _HEADER.format(home=OPERATIONS[name].replace(":", "."))


def _options_of(schema: Mapping[str, Any], definitions: Mapping[str, Any] | None = None) -> dict[str, Any]:
    named = definitions if definitions is not None else schema.get("$defs", {})
    required = schema.get("required", ())
    return {
        key: _option(value, required=key in required, definitions=named)
        for key, value in schema.get("properties", {}).items()
    }


def _option(schema: Mapping[str, Any], *, required: bool, definitions: Mapping[str, Any]) -> dict[str, Any]:
    kind = _resolved(schema, definitions)
    option: dict[str, Any] = {"description": [_marked(schema.get("description") or kind.get("description", ""))]}
    option["type"] = _TYPES.get(str(kind.get("type")), "raw")
    choices = kind.get("enum") or ([kind["const"]] if "const" in kind else None)
    if choices:
        option["choices"] = list(choices)
        option["type"] = _TYPES[{str: "string", int: "integer", bool: "boolean"}[type(choices[0])]]
    if option["type"] == "list":
        items = _resolved(kind.get("items") or {}, definitions)
        option["elements"] = _TYPES.get(str(items.get("type")), "raw")
        if "enum" in items:
            option["choices"] = list(items["enum"])
        if items.get("properties"):
            option["suboptions"] = _options_of(items, definitions)
    if option["type"] == "dict" and kind.get("properties"):
        option["suboptions"] = _options_of(kind, definitions)
    if required:
        option["required"] = True
    elif schema.get("default") is not None:
        option["default"] = schema["default"]
    return option


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema behind a reference and behind "or null"; several other possibilities are no one type."""
    if "$ref" in schema:
        return _resolved(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    forms = [form for form in schema.get("anyOf", ()) if form.get("type") != "null"]
    if len(forms) == 1:
        return _resolved(forms[0], definitions)
    return schema


def _marked_return(value: Mapping[str, object]) -> dict[str, object]:
    marked = dict(value)
    said = marked.get("description", "")
    marked["description"] = [_marked(text) for text in (said if isinstance(said, (list, tuple)) else [str(said)])]
    contains = marked.get("contains")
    if isinstance(contains, type) and issubclass(contains, BaseModel):
        marked["contains"] = _returned_by(contains)
    elif isinstance(contains, Mapping):
        marked["contains"] = {key: _marked_return(item) for key, item in contains.items()}
    return marked


def _returned_by(model: type[BaseModel]) -> dict[str, Any]:
    """A model's fields in the form of RETURN: what an operation reports through a model is described by its fields."""
    fields = _options_of(model.model_json_schema(mode="serialization"))
    return {key: _as_returned(option) for key, option in fields.items()}


def _as_returned(option: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in option.items() if key in ("description", "type", "elements", "choices")}
    if "suboptions" in option:
        kept["contains"] = {key: _as_returned(value) for key, value in option["suboptions"].items()}
    return kept


def _marked(text: str) -> str:
    """Ansible's markup for what stands in backquotes; `C()` can't hold a bracket, `V()` can with a backslash."""

    def code(found: re.Match[str]) -> str:
        word = found[1]
        if not set("()\\") & set(word):
            return f"C({word})"
        escaped = word.replace("\\", "\\\\").replace(")", "\\)")
        return f"V({escaped})"

    return re.sub(r"`([^`]+)`", code, text)


def _yaml(data: object) -> str:
    return yaml.dump(
        data, Dumper=_Dumper, sort_keys=False, width=_COLUMNS, allow_unicode=True, default_flow_style=False
    )


class _Dumper(yaml.SafeDumper):
    """YAML as yamllint wants it: lists indented, no aliases, text of several lines as a block."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _represent_text)

if __name__ == "__main__":
    sys.exit(main())

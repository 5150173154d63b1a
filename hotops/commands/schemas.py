"""JSON Schema of what each command prints with `--json`: made of what its operation documents, so never beside it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from pydantic import BaseModel, TypeAdapter

from hotops.commands.command import Command, ModuleCommand, OperationCommand
from hotops.core.operation import Operation
from hotops.registry import operation

DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: Of Ansible's words for types, JSON Schema's; `raw` is anything.
_TYPES: Mapping[str, str] = {
    "str": "string",
    "int": "integer",
    "float": "number",
    "bool": "boolean",
    "list": "array",
    "dict": "object",
}
#: A key that is there whenever the call succeeds.
_ALWAYS = ("success", "always")

FAILURE: Mapping[str, Any] = {
    "type": "object",
    "description": "What went wrong: the same keys for every command and module.",
    "required": ["code", "exit_code", "message", "remedy"],
    "properties": {
        "code": {"type": "string", "description": "Stable word for the kind of failure."},
        "exit_code": {"type": "integer", "description": "The exit code of the command."},
        "message": {"type": "string", "description": "What was wrong, and where."},
        "remedy": {"type": "string", "description": "What to do next."},
        "request_id": {"type": ["string", "null"], "description": "The cloud's own id of the refused request."},
        "details": {"type": "object", "description": "Particulars."},
    },
    "additionalProperties": False,
}
_OF_ALL: Mapping[str, Any] = {
    "schema": {"const": 1, "description": "Version of this form."},
    "changed": {"type": "boolean", "description": "Whether something was changed; with --check, would be."},
    "failed": {"const": True, "description": "There only where the command failed."},
    "msg": {"type": "string", "description": "The failure in one sentence."},
    "failure": FAILURE,
}
_OF_OPERATIONS: Mapping[str, Any] = {
    "next": {"type": "string", "description": "What to do next."},
    "failed_findings": {"description": "What has to be acted on; then the exit code is 8."},
}
_OF_WRITES: Mapping[str, Any] = {
    "plan": {"type": "string", "description": "What was or would be changed, a line for each thing."},
    "plan_id": {"type": "string", "description": "SHA-256 of what the plan decides."},
    "diff": {"type": "array", "items": {"type": "object"}, "description": "With --diff: each place, before and after."},
}


def schema_of(command: Command, subcommand: str = "") -> dict[str, Any]:
    """The schema of a command's document; of a module with subcommands, of one of them."""
    name = f"{command.name} {subcommand}".strip()
    if isinstance(command, OperationCommand):
        return of_operation(operation(command.operation), name)
    home = command.module if isinstance(command, ModuleCommand) else "hotops.commands.workflows"
    returns = import_module(home).returns()
    return _document(name, returns[subcommand] if subcommand else returns)


def subcommands(command: Command) -> list[str]:
    """The words that may follow a command's own, where it has some."""
    if not isinstance(command, ModuleCommand):
        return []
    app = getattr(import_module(command.module), "app", None)
    if app is None:
        return []
    return [str(each.name or getattr(each.callback, "__name__", "")) for each in app.registered_commands]


def of_operation(kind: type[Operation[Any, Any]], name: str = "") -> dict[str, Any]:
    """The schema of an operation's result: what a module returns and a command prints."""
    own = {**_OF_OPERATIONS, **(_OF_WRITES if kind.effect != "read" else {})}
    return _document(name or kind.name, kind.docs.returns, own)


def _document(name: str, returns: Any, own: Mapping[str, Any] | None = None) -> dict[str, Any]:
    if isinstance(returns, tuple):
        return _of_class(name, *returns)
    properties = {**_OF_ALL, **(own or {}), **{key: _optional(_of_return(value)) for key, value in returns.items()}}
    required = [key for key, value in returns.items() if str(value.get("returned")) in _ALWAYS]
    return _framed(name, properties, required)


def _of_class(name: str, shape: type, also: Mapping[str, Any]) -> dict[str, Any]:
    """Of a dataclass that is printed with something more."""
    found: dict[str, Any] = TypeAdapter(shape).json_schema(mode="serialization")
    more = {key: _of_return(value) for key, value in also.items()}
    required = [*also, *(field.name for field in dataclasses.fields(shape))]
    framed = _framed(name, {**_OF_ALL, **more, **found["properties"]}, required)
    return {**framed, **({"$defs": found["$defs"]} if "$defs" in found else {})}


def _framed(name: str, properties: Mapping[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "$schema": DIALECT,
        "$id": f"hotops:{name.replace(' ', '_')}:1",
        "title": f"hotops {name} --json",
        "type": "object",
        "required": ["schema"],
        "properties": dict(properties),
        "additionalProperties": False,
        "if": {"required": ["failed"]},
        "then": {"required": ["failure"]},
        "else": {"required": required},
    }


def _of_return(value: Mapping[str, Any]) -> dict[str, Any]:
    """What is documented of one key, in Ansible's form for returned values."""
    contains = value.get("contains")
    if isinstance(contains, type) and issubclass(contains, BaseModel):
        inner: dict[str, Any] = contains.model_json_schema(mode="serialization", ref_template="#/$defs/{model}")
        inner = _inlined(inner, inner.pop("$defs", {}))
    elif isinstance(contains, Mapping):
        inner = {"type": "object", "properties": {key: _optional(_of_return(item)) for key, item in contains.items()}}
    else:
        inner = {}
    kind = _TYPES.get(str(value.get("type")))
    found: dict[str, Any] = {"type": kind} if kind else {}
    if kind == "array":
        element = _TYPES.get(str(value.get("elements")))
        found["items"] = inner or ({"type": element} if element else {})
    elif inner:
        found = {**found, **inner}
    if "choices" in value:
        found["enum"] = list(value["choices"])
    return {**found, "description": _in_words(value.get("description", ""))}


def _optional(schema: dict[str, Any]) -> dict[str, Any]:
    """The same, or null where it is not known: a documented key is there anyway."""
    kind = schema.get("type")
    return {**schema, "type": [kind, "null"]} if isinstance(kind, str) and "enum" not in schema else schema


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """A schema without references, so that it stands alone wherever it is put."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    return {key: _inlined(item, definitions) for key, item in schema.items()}


def _in_words(description: object) -> str:
    return " ".join(description) if isinstance(description, (list, tuple)) else str(description)

"""Every failure code of hotops, read out of the source: what a run can end with, and what the documents may name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

LIBRARY = Path(__file__).resolve().parents[2] / "hotops"
#: Texts called "code" that are no failure of a run: findings of a report have codes of their own.
NO_FAILURES = {LIBRARY / "health/tls.py"}


def failure_codes() -> set[str]:
    """The codes of all error classes, and those given to a single error."""
    return {code for path in _sources() for code in _codes_in(ast.parse(path.read_text(encoding="utf-8")))}


def modules_with_codes() -> list[str]:
    """Modules that define errors with a code of their own."""
    found = [
        path
        for path in _sources()
        if "code: ClassVar" in (text := path.read_text(encoding="utf-8")) or "\n    code = " in text
    ]
    return [".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts) for path in found]


def _sources() -> Iterator[Path]:
    for path in sorted(LIBRARY.rglob("*.py")):
        if path not in NO_FAILURES and not path.is_relative_to(LIBRARY / "sandbox"):
            yield path


def _codes_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        match node:
            case ast.Assign(targets=[ast.Name(id="code")], value=ast.Constant(value=str(code))):
                yield code
            case ast.AnnAssign(target=ast.Name(id="code"), value=ast.Constant(value=str(code))):
                yield code
            case ast.keyword(arg="code", value=ast.Constant(value=str(code))):
                yield code
            case ast.arguments(kwonlyargs=names, kw_defaults=defaults):
                yield from (
                    str(default.value)
                    for name, default in zip(names, defaults, strict=True)
                    if name.arg == "code" and isinstance(default, ast.Constant) and isinstance(default.value, str)
                )
            case ast.Dict(keys=keys, values=values) if _has(keys, "code") and _has(keys, "exit_code"):
                yield from (
                    str(value.value)
                    for key, value in zip(keys, values, strict=True)
                    if isinstance(key, ast.Constant) and key.value == "code" and isinstance(value, ast.Constant)
                )


def _has(keys: list[ast.expr | None], name: str) -> bool:
    return any(isinstance(key, ast.Constant) and key.value == name for key in keys)

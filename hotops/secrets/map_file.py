"""A secret map read from its file, every mistake with file and line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError

from hotops.core.errors import UsageError
from hotops.core.secret import scrub
from hotops.inventory.files import compose, pairs
from hotops.inventory.locate import KeyPath
from hotops.inventory.mistakes import mistakes_in
from hotops.inventory.schema import Environment
from hotops.inventory.spec import nearest
from hotops.secrets.secret_map import SecretMap


class MapError(UsageError):
    """The secret map is missing or wrong; names file, line and key."""

    code = "secret_map"


def load_map(environment: Environment) -> SecretMap:
    """The environment's map. Raises MapError: not there, not YAML, a wrong key, an app that the inventory lacks."""
    file = environment.secret_map_path
    if not file.is_file():
        raise MapError(
            f"There is no secret map {_shown(file, environment)}.",
            remedy=f"hotops secrets map init {environment.name} drafts it; names only. docs/secrets.md shows one.",
        )
    found = read_map(file, shown=_shown(file, environment), root=environment.project_dir)
    known = {app.app for app in environment.apps.values()}
    for name, secret in found.secrets.items():
        for app in secret.fly:
            if app not in known:
                line = _line(compose(file, environment.project_dir), ("secrets", name, "fly", app))
                near = nearest(app, known)
                raise _wrong(
                    _shown(file, environment), line, f"secrets.{name}.fly.{app}: the inventory has no app {app}",
                    f"Did you mean {near}?" if near else "Add it to the inventory, or remove it here.",
                )  # fmt: skip
    return found


def read_map(file: Path, *, shown: str, root: Path) -> SecretMap:
    """A map from its file. Raises MapError."""
    node = compose(file, root)
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(raw, Mapping):
        raise _wrong(shown, 1, "the secret map has to be a mapping with the key `secrets`", "See docs/secrets.md.")
    repeated = _repeated(node)
    if repeated is not None:
        raise _wrong(shown, repeated[1], f"{repeated[0]} stands twice", "Remove one of the two.")
    try:
        return SecretMap.model_validate(raw)
    except ValidationError as error:
        told = []
        for mistake in mistakes_in(error, raw, None):
            line = _line(node, mistake.path)
            hint = f" (did you mean {mistake.nearest}?)" if mistake.nearest else ""
            told.append((line, scrub(f"{mistake.key + ': ' if mistake.path else ''}{mistake.text}{hint}")))
        told.sort()
        also = "".join(f" Also line {line}: {text}." for line, text in told[1:4])
        raise _wrong(shown, told[0][0], told[0][1], also.strip() or "Correct it and run again.") from None


def _repeated(node: yaml.Node | None) -> tuple[str, int] | None:
    seen: set[str] = set()
    for key, value in pairs(node):
        if key.value in seen:
            return str(key.value), key.start_mark.line + 1
        seen.add(key.value)
        inner = _repeated(value)
        if inner is not None:
            return inner
    return None


def _line(node: yaml.Node | None, path: KeyPath) -> int:
    """The line of the deepest key of a path that is in the file."""
    line = 1
    for step in path:
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            node = node.value[step]
            line = node.start_mark.line + 1 if node is not None else line
            continue
        pair = next(((key, value) for key, value in pairs(node) if key.value == str(step)), None)
        if pair is None:
            break
        line, node = pair[0].start_mark.line + 1, pair[1]
    return line


def _shown(file: Path, environment: Environment) -> str:
    try:
        return str(file.relative_to(environment.project_dir))
    except ValueError:
        return str(file)


def _wrong(shown: str, line: int, text: str, remedy: str) -> MapError:
    return MapError(f"{shown}:{line}: {text}.", remedy=remedy, details={"file": shown, "line": line})

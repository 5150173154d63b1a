"""What contradicts itself in what a team runs: told, never resolved in silence. No I/O but the files of the folder."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotops.adopt.organisation import Organisation, Running
from hotops.deploy import marks
from hotops.health.machines import examine, service_checks

#: Secrets that lead to a database: one digest at both means one database for both.
_DATABASE = frozenset({"DATABASE_URL", "PG_URL", "DIRECT_URL", "POSTGRES_HOST", "SUPABASE_URL"})
_UNITS = {"gb": 1024, "mb": 1}


@dataclass(frozen=True)
class Contradiction:
    """`kind` is a stable word; `says` names both sides."""

    kind: str
    app: str
    says: str

    def as_row(self) -> dict[str, str]:
        """It as plain data."""
        return dict(vars(self))


def contradictions(found: Organisation, pairs: Mapping[str, str], folder: Path, now: float) -> list[Contradiction]:
    """All that can be seen, app by app, then pair by pair."""
    told = [item for app in found.apps for item in (*_digests(app), *_checks(app, now))]
    told += [item for app in found.apps for item in _toml(app, folder)]
    for target, source in pairs.items():
        both = found.app(target), found.app(source)
        if both[0] is not None and both[1] is not None:
            told += _shared(both[0], both[1])
    return told


def _digests(app: Running) -> Iterator[Contradiction]:
    digests: dict[str, int] = {}
    for machine in app.own:
        digests[marks.digest_of(machine)] = digests.get(marks.digest_of(machine), 0) + 1
    if len(digests) > 1:
        told = ", ".join(f"{count} machines run {digest[7:19]}" for digest, count in sorted(digests.items()))
        yield Contradiction("two_digests", app.name, f"its machines run {len(digests)} images: {told}")


def _checks(app: Running, now: float) -> Iterator[Contradiction]:
    """A check whose path the app does not have, and an app that sleeps."""
    if not app.own:
        yield Contradiction("no_machines", app.name, "it exists and has no machine")
        return
    health = examine(app.name, app.own, now=now, since=now - 3600)
    for check in {(c.path, c.port): c for c in health.failing_checks}.values():
        if "404" in check.output:
            says = f"its check asks {check.path} on port {check.port}, and the app answers 404"
            yield Contradiction("check_path_404", app.name, says)
        else:
            yield Contradiction("check_fails", app.name, check.says)
    if health.all_suspended:
        yield Contradiction("suspended", app.name, "all its machines are suspended")


def _shared(target: Running, source: Running) -> Iterator[Contradiction]:
    """Equal digests mean equal values (Fly, app secrets)."""
    theirs = {secret.name: secret.digest for secret in source.secrets.value or () if secret.digest}
    same = [s.name for s in target.secrets.value or () if s.digest and theirs.get(s.name) == s.digest]
    database = sorted(_DATABASE.intersection(same))
    others = sorted(set(same) - _DATABASE)
    if database:
        says = f"{target.name} and {source.name} use one database: {', '.join(database)} have one value at both"
        yield Contradiction("same_database", target.name, says)
    if others:
        says = f"{target.name} and {source.name} share {', '.join(others)}: equal digests"
        yield Contradiction("shared_secrets", target.name, says)


def _toml(app: Running, folder: Path) -> Iterator[Contradiction]:
    """A fly.toml of this folder that names the app, against what runs: memory, port and paths of its checks."""
    for file in sorted(folder.glob("fly*.toml")):
        try:
            declared = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        if declared.get("app") != app.name or not app.own:
            continue
        for what, said, real in _differences(declared, app):
            says = f"{file.name} says {what} {said}, its machines have {real}"
            yield Contradiction("toml_differs", app.name, says)


def _differences(declared: Mapping[str, Any], app: Running) -> Iterator[tuple[str, str, str]]:
    memory = {machine.known_config.guest.memory_mb for machine in app.own}
    for vm in declared.get("vm") or ():
        wanted = _memory_mb(vm.get("memory_mb") or vm.get("memory"))
        if wanted is not None and memory != {wanted}:
            yield "memory", f"{wanted} MB", " and ".join(f"{mb} MB" for mb in sorted(memory))
    service = declared.get("http_service") or {}
    paths = {check["path"] for check in service.get("checks") or () if check.get("path")}
    running = {c.path for machine in app.own for c in service_checks(machine.known_config) if c.path}
    if paths and paths != running:
        yield "the check", " ".join(sorted(paths)), " ".join(sorted(running)) or "none"
    ports = {item.internal_port for machine in app.own for item in machine.known_config.services}
    port = service.get("internal_port")
    if port and ports and ports != {port}:
        yield "port", str(port), " ".join(map(str, sorted(ports)))


def _memory_mb(text: Any) -> int | None:
    if isinstance(text, int):
        return text
    word = str(text or "").lower().strip()
    number, unit = word[:-2].strip(), word[-2:]
    return int(number) * _UNITS[unit] if unit in _UNITS and number.isdigit() else None

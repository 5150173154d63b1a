"""All gates asked once of what was found: those that say no today are softened until a day, and only get fewer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hotops.adopt.texts import Project, Softened, common_of
from hotops.core.context import Context
from hotops.core.errors import HotopsError
from hotops.core.table import one_line
from hotops.fly import Fly
from hotops.inventory.gates import GATES
from hotops.inventory.load import environment_from_vars
from hotops.inventory.schema import Environment
from hotops.promote.asking import ask_all
from hotops.promote.facts import gather
from hotops.promote.gates import Gate
from hotops.promote.pairs import pairs_of
from hotops.promote.source import find_source

#: Two weeks: long enough to mend, short enough to be remembered.
SOFT_DAYS = 14


@dataclass(frozen=True)
class Asked:
    """What the gates said: `softened` for the inventory, `hard` can't be softened, `unasked` apps and why."""

    gates: tuple[Gate, ...] = ()
    softened: tuple[Softened, ...] = ()
    hard: tuple[Gate, ...] = ()
    unasked: tuple[str, ...] = ()


def environment_of_project(project: Project, name: str) -> Environment:
    """The environment that the written files will declare."""
    common = {**common_of(project, softened=False), "env_name": name}
    hostvars: dict[str, dict[str, object]] = {
        host: {**common, **({"promote_from": project.pairs[host]} if host in project.pairs else {})}
        for host in project.production
    }
    return environment_from_vars(hostvars, {"all": list(hostvars), "apps": list(hostvars)}, inventory=None)


def ask_once(context: Context, project: Project) -> Asked:
    """Ask every gate of every pair, with reads only."""
    if not project.pairs:
        return Asked()
    environment = environment_of_project(project, "production")
    inner = replace(context, environment=environment, selection=tuple(project.pairs), check=True)
    gates: list[Gate] = []
    unasked: list[str] = []
    with inner:
        for pair in pairs_of(inner):
            try:
                source = find_source(inner.client(Fly), pair)
            except HotopsError as error:
                unasked.append(f"{pair.host}: {error.message}")
                continue
            gates += ask_all(gather(inner, environment, pair, source))
    blocking = [gate for gate in gates if gate.blocks]
    return Asked(
        tuple(gates),
        _softened([gate for gate in blocking if GATES[gate.name].waivable], context.clock.now()),
        tuple(gate for gate in blocking if not GATES[gate.name].waivable),
        tuple(unasked),
    )


def _softened(gates: Sequence[Gate], now: float) -> tuple[Softened, ...]:
    until = (datetime.fromtimestamp(now, UTC) + timedelta(days=SOFT_DAYS)).date()
    said: Mapping[str, list[str]] = {gate.name: [] for gate in gates}
    for gate in gates:
        said[gate.name].append(f"{gate.app}: {one_line(gate.found)[:120]}")
    return tuple(Softened(name, f"at the first look {'; '.join(told)}", until) for name, told in said.items())

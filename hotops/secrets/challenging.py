"""Which machine is asked about which values: where nothing else tells, and its answer proves something."""

from __future__ import annotations

from collections.abc import Iterable

from hotops.core.parallel import map_parallel
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import is_started
from hotops.secrets.challenge import holds
from hotops.secrets.judgement import Judgement
from hotops.secrets.places import AppHolds, Held
from hotops.secrets.secret_map import Target, fly_destination


def answers_of(fly: Fly, apps: Iterable[str], judged: Judgement, held: Held) -> dict[Target, bool | None]:
    """Ask a machine of each app about the targets that nobody knows.

    Only values that all machines were given: then what runs is what the store holds, so equality of one is equality
    of the other, and its digest may be noted.
    """
    asked: list[tuple[AppHolds, Machine, list[str]]] = []
    for app in apps:
        holding = held.apps.get(app)
        machine = next((m for m in holding.machines if is_started(m)), None) if holding else None
        if holding is None or machine is None:
            continue
        states = holding.states()
        names = [
            name
            for name, item in judged.at(fly_destination(app)).items()
            if item.drift in ("unknown", "touched") and states.get(name) == "deployed"
        ]
        if names:
            asked.append((holding, machine, names))

    def ask(question: tuple[AppHolds, Machine, list[str]]) -> dict[Target, bool | None]:
        holding, machine, names = question
        mine = judged.at(fly_destination(holding.app))
        said = holds(fly, holding.app, machine, {name: mine[name].wanted.value for name in names})
        return {Target(fly_destination(holding.app), name): answer for name, answer in said.items()}

    found: dict[Target, bool | None] = {}
    for answers in map_parallel(ask, asked):
        found |= answers
    return found

"""The machines of a drill: which there were, which are missing, and putting them back."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hotops.core.context import Context
from hotops.core.errors import HotopsError, NotFound
from hotops.core.parallel import map_parallel
from hotops.core.waiting import wait_for
from hotops.fly import Fly
from hotops.fly.config import MachineConfig
from hotops.fly.creation import CREATE_KEY
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_alive, is_managed, is_reachable, is_started

BOOT_TIMEOUT_S = 300.0
#: What a copy of a machine's configuration must not carry over: who made the original, and whose deploy it waits for.
_OWN_MARKS = ("hotops_create", "hotops_run", "hotops_step", "hotops_before", "hotops_green_of", "hotops_replaced_by")


@dataclass(frozen=True)
class Was:
    """A machine that runs: enough to put an equal one in its place, and nothing that is secret.

    Whether it passes its checks says nothing about its being there: where the database is gone, no machine does.
    """

    id: str
    app: str
    group: str
    region: str
    well: bool = True


class NothingToCopy(HotopsError):
    """No machine of the group is left whose configuration could be copied."""

    code = "nothing_to_copy"


def all_started(context: Context, apps: Sequence[str]) -> list[Was]:
    """The machines of the apps that run on hosts that answer, as they are now."""
    listed = map_parallel(context.client(Fly).machines.list, apps)
    return [
        Was(machine.id, app, machine.process_group or "app", machine.region, checks_pass(machine))
        for app, machines in zip(apps, listed, strict=True)
        for machine in machines
        if is_managed(machine) and is_started(machine) and is_reachable(machine)
    ]


def missing(before: Sequence[Was], now: Sequence[Was]) -> list[Was]:
    """The machines of before that have no equal now: as many of each group must run as did, wherever."""
    running: dict[tuple[str, str], list[Was]] = {}
    for machine in now:
        running.setdefault((machine.app, machine.group), []).append(machine)
    ids = {machine.id for machine in now}
    lost: list[Was] = []
    for key in dict.fromkeys((machine.app, machine.group) for machine in before):
        wanted = [machine for machine in before if (machine.app, machine.group) == key]
        gone = [machine for machine in wanted if machine.id not in ids]
        lost += gone[: max(0, len(wanted) - len(running.get(key, [])))]
    return lost


#: A machine's configuration by app and group.
Configs = Mapping[tuple[str, str], MachineConfig]


def configs(context: Context, apps: Sequence[str]) -> Configs:
    """A configuration of each group, as a running machine has it."""
    fly = context.client(Fly)
    found: dict[tuple[str, str], MachineConfig] = {}
    for app, machines in zip(apps, map_parallel(fly.machines.list, apps), strict=True):
        for machine in machines:
            if machine.config is not None and is_managed(machine) and is_reachable(machine):
                found.setdefault((app, machine.process_group or "app"), machine.config)
    return found


def put_back(context: Context, lost: Sequence[Was], known: Configs, *, region: str | None = None) -> list[str]:
    """Make an equal machine for each lost one, in its region or another, and wait until all pass their checks.

    `known` are the configurations of before; where one is missing, a machine that is left is copied. Once for each: the
    name of the run and of the lost machine find a machine again that was made already.
    Raises NothingToCopy, NoCapacity, WaitTimeout.
    """
    if not lost:
        return []
    fly = context.client(Fly)
    known = {**configs(context, list(dict.fromkeys(machine.app for machine in lost))), **known}

    def make(was: Was) -> str:
        config = known.get((was.app, was.group))
        if config is None:
            raise NothingToCopy(
                f"{was.app} has no machine of group {was.group} left to copy.", remedy=f"fly deploy -a {was.app}"
            )
        made = fly.machines.create(
            was.app,
            config.with_metadata(dict.fromkeys(_OWN_MARKS)),
            key=f"{context.run}/drill/{was.id}",
            region=region or was.region,
        )
        return made.id

    made = map_parallel(make, lost)
    map_parallel(lambda each: _wait_until_well(context, each[0].app, each[1]), zip(lost, made, strict=True))
    return made


def made_for(context: Context, lost: Mapping[str, str]) -> dict[str, str]:
    """The machines (app by id) that this run made in place of lost ones (app by id), as they say of themselves.

    A run that was killed may have made one that it noted nowhere.
    """
    apps = list(dict.fromkeys(lost.values()))
    keys = {f"{context.run}/drill/{machine_id}" for machine_id in lost}
    listed = map_parallel(context.client(Fly).machines.list, apps)
    return {
        machine.id: app
        for app, machines in zip(apps, listed, strict=True)
        for machine in machines
        if machine.metadata.get(CREATE_KEY) in keys and is_alive(machine)
    }


def take_away(context: Context, made: Mapping[str, str]) -> None:
    """Destroy machines (app by id) that stood in for others. Safe to repeat."""
    fly = context.client(Fly)

    def destroy(machine_id: str, app: str) -> None:
        with contextlib.suppress(NotFound):
            fly.machines.destroy(app, machine_id, force=True)

    map_parallel(lambda each: destroy(*each), made.items())


def _wait_until_well(context: Context, app: str, machine_id: str) -> None:
    fly = context.client(Fly)
    wait_for(
        _is_well,
        lambda: fly.machines.get(app, machine_id),
        clock=context.clock,
        timeout_s=BOOT_TIMEOUT_S,
        what=f"A well machine {machine_id} of {app}",
        describe=lambda machine: machine.state,
        remedy=f"fly logs -a {app} -i {machine_id}",
    )


def _is_well(machine: Machine) -> bool:
    return is_started(machine) and checks_pass(machine)

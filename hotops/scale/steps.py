"""The steps of scaling: which machines are made, replaced and taken away, in which turn. Pure: no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hotops.core.errors import ExitCode, HotopsError
from hotops.core.operation import Step
from hotops.deploy import marks
from hotops.deploy.groups import batch_size, groups_of
from hotops.fly.config import MachineConfig
from hotops.fly.models import Machine
from hotops.fly.states import checks_pass, is_reachable, is_standby, is_started
from hotops.scale.sizes import Size
from hotops.scale.wanted import Wish

#: Machines are added first: they take the traffic while the others are replaced. What is taken away goes last.
ADD, MOVE, REMOVE, FILE = "1-add", "2-move", "3-remove", "4-fly.toml"


class ScaleRefused(HotopsError):
    """The app can't be scaled as it is now; nothing was changed."""

    code = "scale_refused"
    exit_code = ExitCode.NO_GO


def steps_of(wish: Wish, machines: Sequence[Machine]) -> list[Step]:
    """The steps of one app. Raises ScaleRefused, InvalidSize."""
    _refuse(wish, machines)
    found: list[Step] = []
    for group, members in groups_of(machines).items():
        count = wish.of(group).count or len(members)
        found += _more(wish, group, members, count - len(members))
        leaving = leavers(members, len(members) - count)
        staying = [machine for machine in members if machine not in leaving]
        found += _moves(wish, group, members, staying, added=max(0, count - len(members)))
        found += _fewer(wish, group, members, leaving)
    return found


def app_of(step: Step) -> str:
    """The app that a step is about."""
    return step.name.split("/")[0]


def group_of(step: Step) -> str:
    """The process group that a step is about."""
    return step.name.split("/")[1]


def leavers(members: Sequence[Machine], number: int) -> list[Machine]:
    """The machines that go when there are to be fewer: those that rest, then the unwell, then the youngest."""
    order = sorted(members, key=lambda m: (is_started(m), is_started(m) and checks_pass(m), -(m.created_at or 0), m.id))
    return order[: max(0, number)]


def describe(config: MachineConfig, wish: Wish, group: str) -> dict[str, object]:
    """What scaling is about of a machine: its size and, where something is wanted of them, when it rests."""
    told: dict[str, object] = dict(Size.of(config.guest).as_guest())
    for name in wish.of(group).rest():
        values = {getattr(service, name) for service in config.services}
        told[name] = values.pop() if len(values) == 1 else "mixed" if values else None
    return told


def as_wanted(config: MachineConfig, wish: Wish, group: str) -> MachineConfig:
    """A machine's configuration with the wanted size and rest."""
    return config.with_guest(**wish.size(group, Size.of(config.guest)).as_guest()).with_services(
        **wish.of(group).rest()
    )


def is_as_wanted(machine: Machine, wish: Wish) -> bool:
    """Whether a machine has the wanted size and rest."""
    group, config = machine.process_group, machine.known_config
    size = Size.of(config.guest)
    return size == wish.size(group, size) and wish.has_rest(group, config)


def _refuse(wish: Wish, machines: Sequence[Machine]) -> None:
    """What must be settled before anything is changed."""
    groups = groups_of(machines)
    if not machines:
        raise ScaleRefused(
            f"{wish.app} has no machines.", remedy="The first deploy of an app makes them: use fly deploy once."
        )
    for group in wish.groups:
        if group not in groups:
            raise ScaleRefused(
                f"{wish.app} has no process group {group!r}; it has {', '.join(groups)}.",
                remedy="Correct the name, or deploy the group first.",
            )
    unsettled = [m.id for m in machines if marks.is_pending(m) or marks.is_retired(m)]
    if unsettled:
        raise ScaleRefused(
            f"{wish.app}: a promotion was not accepted yet ({', '.join(unsettled)}).",
            remedy="Finish it (promote.yml) or bring it back (rollback.yml), then scale.",
        )
    lost = [m.id for m in machines if m.config is None or not is_reachable(m)]
    if lost:
        raise ScaleRefused(
            f"{wish.app}: the host of {', '.join(lost)} does not answer, so what it runs is not known.",
            remedy="See Fly's status page, and run again when it is back.",
        )
    for group, members in groups.items():
        wanted = wish.of(group)
        if wanted.rest() and not any(machine.known_config.services for machine in members):
            raise ScaleRefused(
                f"{wish.app}, group {group}: {', '.join(wanted.rest())} means nothing without a service.",
                remedy="Take it out: the proxy neither stops nor starts what it does not route to.",
            )
        if wanted.count not in (None, len(members)):
            _refuse_count(wish, group, members)


def _refuse_count(wish: Wish, group: str, members: Sequence[Machine]) -> None:
    for machine in members:
        config = machine.known_config
        why = (
            "has a volume, which a copy would lack and a removal would orphan"
            if config.mounts
            else "is a standby of another machine"
            if is_standby(machine)
            else f"runs by a schedule ({config.schedule})"
            if config.schedule
            else ""
        )
        if why:
            raise ScaleRefused(
                f"{wish.app}, group {group}: {machine.id} {why}.",
                remedy=f"Take count out, and use fly scale count -a {wish.app} on purpose.",
            )


def _more(wish: Wish, group: str, members: Sequence[Machine], number: int) -> Iterator[Step]:
    size = wish.size(group, Size.of(members[0].known_config.guest))
    for index in range(number):
        place = len(members) + index + 1
        after = {**size.as_guest(), **wish.of(group).rest()}
        yield Step(f"{wish.app}/{group}/{place}", f"like {members[0].id}", "create", after=after, phase=ADD)


def _moves(wish: Wish, group: str, members: Sequence[Machine], staying: Sequence[Machine], *, added: int) -> list[Step]:
    todo = [m for m in staying if not is_as_wanted(m, wish) or marks.is_cordoned_by_run(m)]
    # A machine that rests serves nobody: it goes with the first, and stays at rest.
    running = [machine for machine in todo if marks.should_run(machine)]
    resting = [machine for machine in todo if machine not in running]
    others = added + sum(is_started(machine) for machine in members) > 1
    at_once = max(1, min(batch_size(len(members), wish.max_unavailable), added + len(members) - 1))
    turns = {machine.id: 0 if index == 0 else 1 + (index - 1) // at_once for index, machine in enumerate(running)}
    last = max(turns.values(), default=0)
    found = []
    for machine in [*resting, *running]:
        config = machine.known_config
        turn = turns.get(machine.id, 0)
        # How it is moved stands on both sides: it is no change.
        how = {
            "runs": machine in running,
            "has_others": others,
            "more_follow": turn < last,
            "some_went_before": turn > 0,
        }
        found.append(
            Step(
                f"{wish.app}/{group}/{members.index(machine) + 1}",
                machine.id,
                before={**describe(config, wish, group), **how},
                after={**describe(as_wanted(config, wish, group), wish, group), **how},
                phase=f"{MOVE}/{turn:03}",
            )
        )
    return found


def _fewer(wish: Wish, group: str, members: Sequence[Machine], leaving: Sequence[Machine]) -> Iterator[Step]:
    for machine in leaving:
        before = {**describe(machine.known_config, wish, group), "runs": marks.should_run(machine)}
        yield Step(
            f"{wish.app}/{group}/{members.index(machine) + 1}", machine.id, "destroy", before=before, phase=REMOVE
        )

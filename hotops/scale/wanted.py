"""What scaling is asked for: a size and a number per process group, from options or from the inventory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from hotops.core.context import Context
from hotops.core.errors import UsageError
from hotops.core.operation import Spec
from hotops.fly.config import MachineConfig, autostop_word
from hotops.inventory.schema import App, Environment
from hotops.scale.sizes import Size, at_least, refuse_impossible


def _number(value: object) -> object:
    """An empty text, as an extra var that is not given brings it, means nothing."""
    return None if value == "" else value


Whole = Annotated[int | None, BeforeValidator(_number)]
Autostop = Annotated[Literal["off", "stop", "suspend"] | None, BeforeValidator(lambda v: v if v is None else _word(v))]


def _word(value: object) -> object:
    return None if value == "" else autostop_word(value)


class GroupWanted(Spec):
    """A process group's size, number and rest; what is not named stays as it is."""

    memory_mb: Whole = Field(None, ge=256, description="Memory of each machine, in MiB.")
    cpus: Whole = Field(None, ge=1, description="CPUs of each machine; memory goes from 256 to 2048 MiB a shared CPU.")
    cpu_kind: Annotated[Literal["shared", "performance"] | None, BeforeValidator(_number)] = Field(
        None, description="CPU kind."
    )
    count: Whole = Field(None, ge=1, description="How many machines; more are made like the first, fewer are drained.")
    autostop: Autostop = Field(None, description="Whether the proxy stops idle machines.")
    autostart: bool | None = Field(None, description="Whether the proxy starts a stopped machine when it is needed.")
    min_machines_running: Whole = Field(None, ge=0, description="Machines that the proxy leaves running.")

    @model_validator(mode="after")
    def _exists(self) -> Self:
        refuse_impossible("The wanted size", cpu_kind=self.cpu_kind, cpus=self.cpus, memory_mb=self.memory_mb)
        return self

    @property
    def names_something(self) -> bool:
        """Whether anything is asked for."""
        return any(getattr(self, name) is not None for name in GroupWanted.model_fields)

    def rest(self) -> dict[str, object]:
        """The keys of a service that say when machines rest, as far as they are named."""
        names = ("autostop", "autostart", "min_machines_running")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class TargetWanted(GroupWanted):
    """One app, or one of its process groups."""

    app: str = Field(min_length=1, description="The Fly app, or its host in the inventory.")
    process_group: Annotated[str | None, BeforeValidator(_number)] = Field(
        None, description="Only this process group; all of them if omitted."
    )


class ScaleWant(GroupWanted):
    """Options of scaling."""

    app: Annotated[str | None, BeforeValidator(_number)] = Field(
        None, description="The Fly app, or its host in the inventory; the selected apps of the inventory if omitted."
    )
    process_group: Annotated[str | None, BeforeValidator(_number)] = Field(
        None, description="Only this process group; all of them if omitted."
    )
    targets: tuple[TargetWanted, ...] = Field(
        (), description="Several apps or process groups at once, in parallel; instead of the other options."
    )
    max_unavailable: float | None = Field(
        None,
        gt=0,
        description="Machines of a group replaced at once: below 1 a share (at least one), else a number; never all of"
        " them. The inventory's, or 0.33, if omitted.",
    )
    drain_s: float | None = Field(
        None, ge=0, description="Seconds between leaving the rotation and being replaced; the inventory's, or 10."
    )
    wait_timeout_s: float | None = Field(
        None, gt=0, description="Longest wait for a machine to be healthy, in seconds; the inventory's, or 300."
    )

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        if self.targets and (self.app or self.process_group or self.names_something):
            raise ValueError("name targets, or the options of one app, not both")
        return self


@dataclass(frozen=True)
class Wish:
    """What is wanted of an app's groups, and how its machines are moved."""

    app: str
    #: What is wanted of every group, then what is wanted of one by name (it comes on top).
    every: GroupWanted
    groups: dict[str, GroupWanted]
    floor_mb: int | None
    max_unavailable: float
    drain_s: float
    wait_timeout_s: float
    #: What the inventory says of the app, None where it does not know it.
    declared: App | None

    def of(self, group: str) -> GroupWanted:
        """All that is wanted of a group."""
        own = self.groups.get(group)
        return self.every if own is None else GroupWanted(**{**_named(self.every), **_named(own)})

    def size(self, group: str, now: Size) -> Size:
        """The wanted size of a machine that has the size `now`: what is named, and never below the floor.

        A memory that is named below the floor was refused before. Raises InvalidSize.
        """
        wanted = self.of(group)
        size = Size(wanted.cpu_kind or now.cpu_kind, wanted.cpus or now.cpus, wanted.memory_mb or now.memory_mb)
        if self.floor_mb is not None and size.memory_mb < self.floor_mb:
            size = at_least(size, self.floor_mb)
        refuse_impossible(
            f"{self.app}, group {group}", cpu_kind=size.cpu_kind, cpus=size.cpus, memory_mb=size.memory_mb
        )
        return size

    def has_rest(self, group: str, config: MachineConfig) -> bool:
        """Whether a machine's services already stop and start as wanted."""
        wanted = self.of(group).rest()
        return all(getattr(service, name) == value for service in config.services for name, value in wanted.items())


def wishes(want: ScaleWant, context: Context) -> list[Wish]:
    """What is wanted, app by app: of the options where they name anything, else of the inventory's declarations.

    Raises UsageError where nothing is wanted of anything, or less memory than the declared floor.
    """
    environment = context.environment if isinstance(context.environment, Environment) else None
    by_app: dict[str, list[TargetWanted | None]] = {}
    for app, target in _asked(want, environment, context.selection):
        by_app.setdefault(app, []).append(target)
    found = [_wish(want, app, targets, _declared(environment, app)) for app, targets in by_app.items()]
    if not any(wish.every.names_something or wish.groups or wish.floor_mb for wish in found):
        raise UsageError(
            f"Nothing is wanted of {', '.join(by_app) or 'any app'}.",
            remedy="Name memory_mb, cpus or count; or declare process_groups or memory_floor_mb in the inventory.",
            code="nothing_wanted",
        )
    return found


def _asked(
    want: ScaleWant, environment: Environment | None, selection: Sequence[str]
) -> Iterator[tuple[str, TargetWanted | None]]:
    """Apps with what the options want of them; None means: what the inventory declares."""
    own = {name: getattr(want, name) for name in GroupWanted.model_fields}
    if want.targets:
        yield from ((_fly_app(target.app, environment), target) for target in want.targets)
        return
    hosts = [environment.apps[host].app for host in selection or environment.apps] if environment else []
    apps = [_fly_app(want.app, environment)] if want.app else hosts
    if not apps:
        raise UsageError("No app is named and there is no inventory.", remedy="Name one: app: APP")
    for app in apps:
        named = want.names_something
        yield app, TargetWanted(app=app, process_group=want.process_group, **own) if named else None


def _wish(want: ScaleWant, app: str, targets: Sequence[TargetWanted | None], declared: App | None) -> Wish:
    every, groups = GroupWanted(), {}
    for target in targets:
        if target is None:
            groups.update(declared_groups(declared))
        elif target.process_group is None:
            every = GroupWanted(**_named(target))
        else:
            groups[target.process_group] = GroupWanted(**_named(target))
    floor_mb = declared.memory_floor_mb if declared else None
    for group, wanted in {"every group": every, **groups}.items():
        if floor_mb and wanted.memory_mb and wanted.memory_mb < floor_mb:
            raise UsageError(
                f"{app}, {group}: {wanted.memory_mb} MB is below the declared floor of {floor_mb} MB.",
                remedy="Ask for more, or lower memory_floor_mb in the inventory, where a colleague can see it.",
                code="below_floor",
            )
    return Wish(
        app,
        every,
        groups,
        floor_mb,
        max_unavailable=want.max_unavailable or (declared.max_unavailable if declared else 0.33),
        drain_s=want.drain_s if want.drain_s is not None else declared.drain_s if declared else 10.0,
        wait_timeout_s=want.wait_timeout_s or (declared.wait_timeout_s if declared else 300.0),
        declared=declared,
    )


def declared_groups(declared: App | None) -> dict[str, GroupWanted]:
    """What the inventory declares of an app's process groups."""
    groups = declared.process_groups.items() if declared else ()
    return {name: GroupWanted(**group.model_dump(exclude_none=True)) for name, group in groups}


def _named(wanted: GroupWanted) -> dict[str, object]:
    return {name: value for name in GroupWanted.model_fields if (value := getattr(wanted, name)) is not None}


def _declared(environment: Environment | None, app: str) -> App | None:
    return next((known for known in environment.apps.values() if known.app == app), None) if environment else None


def _fly_app(name: str, environment: Environment | None) -> str:
    return environment.apps[name].app if environment and name in environment.apps else name

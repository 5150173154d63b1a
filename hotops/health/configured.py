"""What the configurations of an app's machines say: sizes, drift from what is declared, settings that will hurt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from hotops.fly.config import Service
from hotops.fly.models import Machine
from hotops.health.finding import Finding


class Declared(Protocol):
    """What may be declared of a process group (hotops.inventory.schema.ProcessGroup); None is not declared."""

    @property
    def count(self) -> int | None: ...
    @property
    def memory_mb(self) -> int | None: ...


def label(app: str, machine: Machine) -> str:
    """How a finding names a machine."""
    return f"{app} {machine.process_group} {machine.id}"


def spoken_count(count: int) -> str:
    """`one machine`, `3 machines`."""
    return "one machine" if count == 1 else f"{count} machines"


def sizes(app: str, machines: Sequence[Machine], floor_mb: int | None) -> Iterator[Finding]:
    """Memory against the floor, and machines of one group that differ."""
    sizes: dict[str, set[int]] = {}
    for machine in machines:
        memory_mb = machine.known_config.guest.memory_mb
        sizes.setdefault(machine.process_group, set()).add(memory_mb)
        if floor_mb is not None and memory_mb < floor_mb:
            says = f"it has {memory_mb} MB of memory; the floor is {floor_mb} MB."
            yield Finding("memory_floor", app, label(app, machine), says, remedy="Scale the group's memory.")
    for group, found in sizes.items():
        if len(found) > 1:
            says = f"its machines differ in memory: {', '.join(f'{size} MB' for size in sorted(found))}."
            yield Finding("uneven_memory", app, f"{app} {group}", says, "warn")


def drift(app: str, machines: Sequence[Machine], groups: Mapping[str, Declared]) -> Iterator[Finding]:
    """What is declared of groups against what is there."""
    present = Counter(machine.process_group for machine in machines)
    for group, declared in groups.items():
        if declared.count is not None and present[group] != declared.count:
            says = f"it has {spoken_count(present[group])}; declared are {declared.count}."
            yield Finding("count_drift", app, f"{app} {group}", says, remedy="Scale it, or correct the inventory.")
        for machine in machines:
            memory_mb = machine.known_config.guest.memory_mb
            if machine.process_group == group and declared.memory_mb not in (None, memory_mb):
                says = f"it has {memory_mb} MB of memory; declared are {declared.memory_mb} MB."
                yield Finding("memory_drift", app, label(app, machine), says, remedy="Scale it, or correct it.")


def settings(app: str, machines: Sequence[Machine], budget_ms: int | None) -> Iterator[Finding]:
    """Settings that will hurt: no checks, fewer machines than the minimum, cold starts within a latency budget."""
    groups: dict[str, list[Machine]] = {}
    for machine in machines:
        groups.setdefault(machine.process_group, []).append(machine)
    for group, members in groups.items():
        named, config = f"{app} {group}", members[0].known_config
        if config.services and config.check_count == 0:
            says = "it has no health check: the proxy sends requests to machines that can't answer."
            yield Finding("no_checks", app, named, says, "warn", "Add a check to its service.")
        for service in config.services:
            yield from _autostop(app, named, service, len(members), budget_ms)


def _autostop(app: str, named: str, service: Service, count: int, budget_ms: int | None) -> Iterator[Finding]:
    if service.autostop == "off":
        return
    where = f"port {service.internal_port}"
    if service.min_machines_running > count:
        says = f"{service.min_machines_running} machines shall always run ({where}), and there are only {count}."
        yield Finding("below_minimum", app, named, says, "warn", "The proxy creates none: scale the group.")
    if service.autostart is False:
        says = f"its machines stop by themselves ({where}), and nothing starts them again (autostart is off)."
        yield Finding("never_starts", app, named, says, "warn", "Turn autostart on, or autostop off.")
    if service.min_machines_running == 0 and budget_ms is not None:
        says = f"all its machines may stop by themselves ({where}): a cold start breaks the budget of {budget_ms} ms."
        yield Finding("autostop_latency", app, named, says, "warn", "Set min_machines_running to 1, or autostop off.")

"""Sizes of machines: which exist, and which one was probably meant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from typing import Any

from hotops.core.errors import UsageError
from hotops.fly.config import Guest


class InvalidSize(UsageError):
    """Fly has no machine of this size; nothing was called. The remedy names sizes that exist."""

    code = "invalid_size"


@dataclass(frozen=True)
class Size:
    """CPU kind, CPUs and memory in MiB."""

    cpu_kind: str
    cpus: int
    memory_mb: int

    @classmethod
    def of(cls, guest: Guest) -> Size:
        return cls(guest.cpu_kind, guest.cpus, guest.memory_mb)

    def __str__(self) -> str:
        return f"{self.cpu_kind}-{self.cpus}x {self.memory_mb} MB"

    def as_guest(self) -> dict[str, object]:
        """The keys of a machine's `guest`."""
        return {"cpu_kind": self.cpu_kind, "cpus": self.cpus, "memory_mb": self.memory_mb}


@dataclass(frozen=True)
class Kind:
    """What sizes a CPU kind has: a line of sizes.json."""

    cpus: tuple[int, ...]
    step_mb: int
    least_mb_per_cpu: int
    most_mb_per_cpu: int

    def memory_of(self, cpus: int) -> range:
        """The memory sizes that go with so many CPUs."""
        return range(self.least_mb_per_cpu * cpus, self.most_mb_per_cpu * cpus + 1, self.step_mb)


@cache
def kinds() -> Mapping[str, Kind]:
    """The CPU kinds of sizes.json by name."""
    data: dict[str, Any] = json.loads((files("hotops.scale") / "sizes.json").read_text(encoding="utf-8"))
    return {name: Kind(**{**kind, "cpus": tuple(kind["cpus"])}) for name, kind in data["kinds"].items()}


def refuse_impossible(what: str, *, cpu_kind: str | None, cpus: int | None, memory_mb: int | None) -> None:
    """Raise InvalidSize if no size has all that is named; what is None may be anything. `what` begins the message."""
    chosen = {name: kind for name, kind in kinds().items() if cpu_kind in (None, name)}
    if not chosen:
        raise InvalidSize(f"{what}: there is no CPU kind {cpu_kind!r}.", remedy=f"Use {' or '.join(kinds())}.")
    with_cpus = {name: kind for name, kind in chosen.items() if cpus is None or cpus in kind.cpus}
    if not with_cpus:
        known = "; ".join(f"{name}: {', '.join(map(str, kind.cpus))}" for name, kind in chosen.items())
        raise InvalidSize(f"{what}: no machine has {cpus} CPUs.", remedy=f"Numbers of CPUs are {known}.")
    if memory_mb is None or any(memory_mb in ram for _, _, ram in _ranges(with_cpus, cpus)):
        return
    asked = "-".join(filter(None, [cpu_kind, f"{cpus}x" if cpus else None])) or "no size of Fly's"
    raise InvalidSize(
        f"{what}: {asked} has {'' if 'no size' in asked else 'not '}{memory_mb} MB of memory.",
        remedy=_meant(with_cpus, cpus, memory_mb),
    )


def check(what: str, size: Size) -> None:
    """Raise InvalidSize if Fly has no machine of this size."""
    refuse_impossible(what, cpu_kind=size.cpu_kind, cpus=size.cpus, memory_mb=size.memory_mb)


def at_least(size: Size, memory_mb: int) -> Size:
    """The size with at least this memory: the next one up that goes with its CPUs, with more CPUs where none does."""
    kind = kinds()[size.cpu_kind]
    for cpus in (size.cpus, *(number for number in kind.cpus if number > size.cpus)):
        for found_mb in kind.memory_of(cpus):
            if found_mb >= memory_mb:
                return replace(size, cpus=cpus, memory_mb=found_mb)
    most = max(kind.cpus)
    return replace(size, cpus=most, memory_mb=kind.memory_of(most)[-1])


def _ranges(of: Mapping[str, Kind], cpus: int | None) -> Iterator[tuple[str, int, range]]:
    for name, kind in of.items():
        for number in kind.cpus if cpus is None else (cpus,):
            yield name, number, kind.memory_of(number)


def _meant(of: Mapping[str, Kind], cpus: int | None, memory_mb: int) -> str:
    """What to write instead: what these CPUs can have, and how many CPUs the memory needs."""
    says: list[str] = []
    for name, number, ram in _ranges(of, cpus):
        if cpus is not None:
            says.append(f"{name}-{number}x has {ram[0]} to {ram[-1]} MB in steps of {ram.step}")
    near = sorted({mb for _, _, ram in _ranges(of, cpus) for mb in ram}, key=lambda mb: (abs(mb - memory_mb), mb))
    if near:
        says.append(f"the nearest {'are' if len(near) > 1 else 'is'} {' and '.join(map(str, sorted(near[:2])))} MB")
    if cpus is not None:
        more = [(n, c) for n, kind in of.items() for c in kind.cpus if memory_mb in kind.memory_of(c)]
        says += [f"{memory_mb} MB goes with {n}-{c}x" for n, c in more[:1]]
    told = "; ".join(says)
    return f"{told[:1].upper()}{told[1:]}." if told else ""

"""The steps of a mirror: one write an app or scope, what a machine proved, what is removed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hotops.core.operation import Plan, Step
from hotops.secrets.judgement import Judged
from hotops.secrets.secret_map import Target, fly_destination

PHASE_WRITE = "1-write"


def apps_of(plan: Plan) -> list[str]:
    """The apps that a plan is about; scopes of GitHub prove themselves where they are written."""
    return list(dict.fromkeys(step.name.split("/")[0] for step in plan.steps if not step.name.startswith("github:")))


def remove_step(name: str, target: Target, needs: tuple[str, ...]) -> Step:
    gone = {"secret": "gone"}
    return Step(name, str(target), "destroy", before={"secret": "there"}, after=gone, needs=needs, phase=PHASE_WRITE)


def write_steps(place: str, written: Mapping[str, Judged], proven: Mapping[str, Judged]) -> Iterable[Step]:
    if written:
        yield Step(
            f"{place}/secrets",
            place if place.startswith("github:") else fly_destination(place),
            "create" if all(item.drift == "absent" for item in written.values()) else "update",
            before={name: item.drift for name, item in written.items()},
            after={name: item.wanted.fingerprint for name, item in written.items()},
            phase=PHASE_WRITE,
        )
    if proven:
        yield Step(
            f"{place}/proven",
            "the vault's ledger",
            "update",
            before=dict.fromkeys(proven, "unknown"),
            after={name: f"{item.wanted.fingerprint}, proven inside a machine" for name, item in proven.items()},
            phase=PHASE_WRITE,
        )


def needs(app: str, written: Mapping[str, Judged]) -> tuple[str, ...]:
    return (f"{app}/secrets",) if written else ()


def why_anew(written: Mapping[str, Judged], stale: Iterable[str]) -> str:
    names = sorted({*written, *stale})
    return f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}"

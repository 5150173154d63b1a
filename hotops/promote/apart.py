"""Apps that go by themselves (`train: independent`): a failure is one app's own, and each one's fate is told."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hotops.core.context import Context
from hotops.core.errors import ExitCode, HotopsError, RolledBack
from hotops.core.operation import Done, Fact
from hotops.deploy import marks
from hotops.fly.models import Machine
from hotops.inventory.schema import Environment

#: By Fly app, the structured failure of those that did not arrive.
Apart = Mapping[str, Mapping[str, Any]]
#: Which failure decides how the run ends: not restored, then anything unclear, then brought back, then never begun.
_WORST_FIRST = (ExitCode.NOT_RESTORED, ExitCode.ERROR, ExitCode.RESTORED, ExitCode.NO_GO)


class PartlyPromoted(HotopsError):
    """Some apps are promoted, others are proven to be as they were; each stands in `details.apps`."""

    code = "partly_promoted"
    exit_code = ExitCode.RESTORED


def go_apart(environment: Environment, apps: Sequence[object]) -> bool:
    """Whether several apps of one run are brought back one by one; a single app always is."""
    return environment.train == "independent" and len(apps) > 1


def by_itself(context: Context, app: str, act: Callable[[], object]) -> Fact:
    """One app's part of a phase. Its failure is kept, told in the evidence, and no other app's."""
    try:
        act()
    except HotopsError as error:
        context.journal.event("observation", app=app, subject="train", text=f"goes no further: {error.message}")
        return {"app": app, "failure": error.as_failure()}
    return {"app": app}


def failed_in(done: Done) -> dict[str, Mapping[str, Any]]:
    """The failures among the facts of `by_itself`, by app."""
    return {str(fact["app"]): dict(fact["failure"]) for fact in done.values() if "failure" in fact}  # type: ignore[call-overload]


def is_aboard(machines: Iterable[Machine], digest: str) -> bool:
    """Whether an app still carries the release: asked of the clouds, whatever anybody says of it."""
    return any(marks.digest_of(machine) == digest and not marks.is_retired(machine) for machine in machines)


def ending(apart: Apart, apps: Iterable[str]) -> HotopsError:
    """How a run ends of whose apps some failed: what became of each, by the worst of it."""
    fates = {app: _fate(apart[app]) if app in apart else "promoted" for app in apps}
    codes = [_exit_of(failure) for failure in apart.values()]
    worst = next((code for code in _WORST_FIRST if code in codes), ExitCode.ERROR)
    arrived = any(app not in apart for app in fates)
    if worst == ExitCode.NO_GO and arrived:
        worst = ExitCode.RESTORED  # nothing was changed of that app, and much of others
    decides = next(failure for failure in apart.values() if _exit_of(failure) == worst or arrived)
    is_worst = worst == ExitCode.NOT_RESTORED
    code = "not_restored" if is_worst else PartlyPromoted.code if arrived else str(decides["code"])
    kind = PartlyPromoted if arrived and not is_worst else RolledBack
    remedies = dict.fromkeys(str(failure.get("remedy") or "") for failure in apart.values())
    return kind(
        "; ".join(f"{app} {fate}" for app, fate in fates.items()) + ".",
        remedy=" ".join(filter(None, remedies)),
        code=code,
        exit_code=worst,
        details={
            "apps": {app: dict(apart.get(app, {"outcome": "promoted"})) for app in fates},
            "hotops_screen": [f"{app}: {fate}" for app, fate in fates.items()],
        },
    )


def some_arrived(failure: Mapping[str, Any], restored: Iterable[str]) -> bool:
    """Whether some app of a run that ended so is promoted still, after those of `restored` were brought back."""
    fates: Mapping[str, Any] = dict(failure.get("details") or {}).get("apps") or {}
    promoted = {app for app, fate in fates.items() if fate.get("outcome") == "promoted"}
    return failure.get("code") == PartlyPromoted.code and bool(promoted.difference(restored))


def _fate(failure: Mapping[str, Any]) -> str:
    word = {
        ExitCode.NOT_RESTORED: "is NOT proven back",
        ExitCode.RESTORED: "is rolled back",
        ExitCode.NO_GO: "is as it was",
    }.get(_exit_of(failure), "is left as it is")
    return f"{word}: {str(failure['message']).rstrip('.')}"


def _exit_of(failure: Mapping[str, Any]) -> ExitCode:
    code = int(failure.get("exit_code") or 1)
    return ExitCode(code) if code in _WORST_FIRST else ExitCode.ERROR

"""One operation called with plain options for a plain result: what a module, the command line and `--json` give."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hotops.core.context import Context
from hotops.core.driver import Outcome, drive
from hotops.core.errors import HotopsError
from hotops.core.operation import Operation, Spec
from hotops.core.options import validated
from hotops.core.plain import plain_data
from hotops.core.secret import Secret
from hotops.core.table import harmless
from hotops.core.world import CREDENTIALS

#: Lines that an operation wants shown as they are (a table); they are taken out of the result.
SCREEN = "hotops_screen"


@dataclass(frozen=True)
class Answer:
    """What came of a call.

    `result` is scrubbed, plain data with `changed`; on an error also with `failed`, `msg` and `failure`.
    """

    result: dict[str, Any]
    screen: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return bool(self.result.get("failed"))


def invoke(
    kind: type[Operation[Any, Any]],
    options: Mapping[str, Any],
    surroundings: Callable[[Spec], Context],
    *,
    check: bool = False,
    diff: bool = False,
    secrets: Iterable[Secret] = (),
    expected_plan: str | None = None,
) -> Answer:
    """Validate the options, make the context for them, drive the operation. Raises nothing but what ends a process.

    `expected_plan` is the id of the plan that was confirmed: another one is refused before anything is written.
    `secrets` are known values to scrub; what the context's world holds is scrubbed anyway.
    """
    known = [*secrets, *credentials_in(os.environ)]
    try:
        want = validated(kind.Want, options, of=kind.name)
        with surroundings(want) as context:
            known += [*context.world.tokens.values(), *credentials_in(context.world.environ)]
            outcome = drive(kind(want, context), check=check, expected_plan=expected_plan)
        result, screen = result_of(kind, outcome, check=check, diff=diff)
    except HotopsError as error:
        result, screen = failure_of(error)
    except Exception as error:  # noqa: BLE001 (the boundary: a caller gets a failure that names the place, no traceback)
        result, screen = failure_of(as_bug(error))
    scrubbed = plain_data({"result": result, "screen": screen}, known)
    return Answer(scrubbed["result"], tuple(scrubbed["screen"]))


def credentials_in(environ: Mapping[str, str]) -> list[Secret]:
    """The credentials of all clouds that an environment holds, and each part of a list of tokens joined by commas."""
    values = [environ.get(name, "").strip() for names in CREDENTIALS.values() for name in names]
    return [Secret(part) for value in values for part in {value, *value.split(",")} if part]


def failure_of(error: HotopsError) -> tuple[dict[str, Any], list[str]]:
    """The result of a failed call, not yet scrubbed, and the lines it wants shown."""
    failure = error.as_failure()
    details = dict(error.details)
    screen = _lines(details.pop(SCREEN, ()))
    if "details" in failure:
        failure["details"] = details
    return {"changed": False, "failed": True, "msg": harmless(" ".join(str(error).split())), "failure": failure}, screen


def as_bug(error: Exception) -> HotopsError:
    """An error that hotops should have foreseen: named with its place, since nobody sees a traceback."""
    trace = traceback.extract_tb(error.__traceback__)
    frames = [frame for frame in trace if "hotops" in Path(frame.filename).parts]
    place = f" in {_below_hotops(frames[-1].filename)}, line {frames[-1].lineno}" if frames else ""
    return HotopsError(
        f"hotops has a bug: {type(error).__name__}: {error}{place}.",
        remedy="Look at what was done so far before you run it again, and report this.",
        code="bug",
    )


def _below_hotops(file: str) -> str:
    """`hotops/fly/client.py`: where it is installed is nobody's business."""
    parts = Path(file).parts
    return "/".join(parts[len(parts) - 1 - parts[::-1].index("hotops") :])


def result_of(
    kind: type[Operation[Any, Any]], outcome: Outcome, *, check: bool, diff: bool
) -> tuple[dict[str, Any], list[str]]:
    """What an outcome is told as, not yet scrubbed, and the lines that a person sees of it."""
    result = dict(outcome.result)
    screen = _lines(result.pop(SCREEN, ()))
    result["changed"] = outcome.changed
    if kind.effect != "read":
        result["plan"] = outcome.plan.render(written=outcome.changed and not check)
        result["plan_id"] = outcome.plan.id
        if check and not screen:
            screen = result["plan"].splitlines()
        if diff:
            result["diff"] = outcome.plan.diff()
    return result, screen


def _lines(value: object) -> list[str]:
    lines = value.splitlines() if isinstance(value, str) else value if isinstance(value, (list, tuple)) else ()
    return [harmless(line) for text in lines for line in str(text).split("\n")]

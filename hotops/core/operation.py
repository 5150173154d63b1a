"""The one idea: observe, plan, apply, verify; and the data that passes between them."""

from __future__ import annotations

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from hotops.core.context import Context
from hotops.core.documented import Documented
from hotops.core.errors import HotopsError
from hotops.core.table import WIDTH

#: What a step found out and later steps may need: ids and versions, never a value.
Fact = Mapping[str, object]
#: The facts of the steps already carried out, by step name.
Done = Mapping[str, Fact]

Effect = Literal["read", "write", "destroy"]

_DIGEST = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")
#: Where every image of Fly is, so that saying it says nothing.
_FLY_REGISTRY = "registry.fly.io/"

SYMBOLS: Mapping[str, str] = MappingProxyType({"create": "+", "update": "~", "destroy": "-", "replace": "±"})


class Spec(BaseModel):
    """What is wanted of an operation: its options, validated; also the module's argument spec and documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Step:
    """One change. `name` is logical and stable between runs (`web/green/1`); `target` is the thing itself (an id)."""

    name: str
    target: str
    action: Literal["create", "update", "destroy", "replace"] = "update"
    before: Mapping[str, object] = field(default_factory=dict)
    after: Mapping[str, object] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    phase: str = ""


@dataclass(frozen=True)
class Plan:
    """The steps between the world as it is and as it is wanted; empty means nothing to do.

    `decides` is what an approver decides, and nothing else (no ids, times or measurements): the plan's id is its hash.
    Steps of one phase may run in parallel as far as their `needs` allow; between phases stands a barrier.
    """

    steps: tuple[Step, ...] = ()
    title: str = ""
    decides: Mapping[str, object] = field(default_factory=dict)
    why_empty: str = ""

    @property
    def is_empty(self) -> bool:
        return not self.steps

    @property
    def id(self) -> str:
        """SHA-256 over canonical JSON of what is decided (of the steps where an operation names nothing else)."""
        decided = self.decides or {
            step.name: {"target": step.target, "action": step.action, "before": step.before, "after": step.after}
            for step in self.steps
        }
        return hashlib.sha256(canonical_json(decided).encode()).hexdigest()

    def phases(self) -> Iterator[tuple[str, tuple[Step, ...]]]:
        """Phases in the order in which they first appear, with their steps."""
        names = dict.fromkeys(step.phase for step in self.steps)
        for name in names:
            yield name, tuple(step for step in self.steps if step.phase == name)

    def counts(self) -> dict[str, int]:
        """How many steps change, add and destroy."""
        found = {"change": 0, "add": 0, "destroy": 0}
        for step in self.steps:
            if step.action in ("update", "replace"):
                found["change"] += 1
            if step.action in ("create", "replace"):
                found["add"] += 1
            if step.action in ("destroy", "replace"):
                found["destroy"] += 1
        return found

    def render(self, *, written: bool = False) -> str:
        """The plan as an operator reads it: a line a target, before → after, and the counts."""
        lines = [self.title] if self.title else []
        for step in self.steps:
            lines += _step_lines(step)
        if self.is_empty:
            lines.append(f"  Nothing to do{': ' + self.why_empty if self.why_empty else '.'}")
        count = self.counts()
        tail = "" if written else " Nothing was written."
        lines.append(f"{count['change']} to change, {count['add']} to add, {count['destroy']} to destroy.{tail}")
        return "\n".join(lines)

    def diff(self) -> list[dict[str, str]]:
        """Ansible's diff entries: one per step, before and after as YAML-like text."""
        return [
            {
                "before_header": step.name,
                "after_header": step.name,
                "before": "".join(f"{key}: {shown(step.before.get(key))}\n" for key in step.after),
                "after": "".join(f"{key}: {shown(value)}\n" for key, value in step.after.items()),
            }
            for step in self.steps
        ]


W = TypeVar("W", bound=Spec)
S = TypeVar("S")


class Operation(ABC, Generic[W, S]):
    """A change (or a reading) that hotops knows to make. The driver does the rest for every operation.

    A subclass names its module (`name`), its options (`Want`), its `effect`, and gives the four steps. `report` turns
    what was seen and done into the result that a module, the CLI and a script return: plain data, no secret in it.
    """

    name: ClassVar[str]
    Want: ClassVar[type[Spec]]
    effect: ClassVar[Effect] = "write"
    #: Whether the driver compensates by `undo` when a step or the proof fails.
    undoes: ClassVar[bool] = False
    #: Whether it is about a whole environment: `context.environment` and `context.selection` are then there.
    needs_environment: ClassVar[bool] = False
    #: Whether its playbook takes a run's variables although it is about no environment: an unknown one is then refused.
    takes_run_vars: ClassVar[bool] = False
    #: Whether it goes on where evidence can't be written (the fire exit does).
    evidence_optional: ClassVar[bool] = False
    #: Whether a reading of a whole environment belongs into the evidence of the run (a mere look leaves no file).
    keeps_evidence: ClassVar[bool] = True
    #: What `ansible-doc` tells beside the options; needed for what stands in the registry.
    docs: ClassVar[Documented]

    def __init__(self, want: W, context: Context) -> None:
        self.want = want
        self.context = context

    @classmethod
    def goes_on_unrecorded(cls, want: W) -> bool:  # noqa: ARG003 (an operation whose options decide overrides it)
        """Whether it goes on with these options where evidence can't be written."""
        return cls.evidence_optional

    @classmethod
    def name_to_confirm(cls, want: W, environment: Any) -> str | None:  # noqa: ARG003
        """What is typed on a command line before it destroys; None: the app's name, else the environment's."""
        return None

    @abstractmethod
    def observe(self) -> S:
        """Read the world as it is: no writes, safe to repeat."""

    def plan(self, state: S) -> Plan:
        """Compare with what is wanted. Pure: no I/O. A reading plans nothing."""
        return Plan()

    def prepare(self, plan: Plan) -> Fact:
        """Learn what only a write can teach, once, before the first step (its fact is `done['prepare']`)."""
        return {}

    def apply(self, step: Step, done: Done) -> Fact:
        """Carry one step out, idempotently."""
        raise HotopsError(f"{self.name} plans no steps, so there is nothing to apply ({step.name}).")

    def verify(self, plan: Plan, done: Done) -> None:
        """Observe again and prove the result; raises VerifyFailed."""

    def undo(self, step: Step, done: Done) -> None:
        """Bring back what the step (perhaps half) changed; must be safe for a step that did nothing."""
        raise HotopsError(f"{self.name} can't undo {step.name}.")

    def verify_undone(self, plan: Plan, done: Done) -> None:
        """Prove that the old state is back; raises VerifyFailed."""

    def after_undoing(self, error: Exception, plan: Plan, done: Done) -> Exception | None:
        """What to raise for an error after which the old state was proven back; None: RolledBack, caused by it."""
        return None

    def after_failure(self, error: Exception, plan: Plan, done: Done) -> Exception:
        """What to raise for an error of a step or of the proof where nothing is undone: it may say what was done."""
        return error

    def report(self, state: S, plan: Plan, done: Done) -> dict[str, Any]:
        """The result, as plain data."""
        return {}


def canonical_json(data: object) -> str:
    """JSON with sorted keys and no spaces: the same decision, the same bytes."""
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str)


def _step_lines(step: Step) -> list[str]:
    """A step on one line, or a line a change where that is wider than a terminal; an image holds its digest."""
    head = f"  {SYMBOLS[step.action]} {step.name} ({step.target}):"
    if not step.after and not step.before:
        return [head.removesuffix(":")]  # its target says it all
    changes = [
        (key, shown(step.before.get(key)), shown(value))
        for key, value in step.after.items()
        if step.before.get(key) != value and not (key == "digest" and str(value) in str(step.after.get("image")))
    ]
    line = f"{head} {', '.join(f'{key} {before} → {after}' for key, before, after in changes) or 'as it is'}"
    if len(line) <= WIDTH:
        return [line]
    lines = [head]
    for key, before, after in changes:
        whole = f"      {key} {before} → {after}"
        lines += [whole] if len(whole) <= WIDTH else [f"      {key} {before}", f"      {' ' * (len(key) - 1)}→ {after}"]
    return lines


def shown(value: object) -> str:
    """A value for eyes: digests short, Fly's registry left out; a result and the evidence keep them whole."""
    if value is None:
        return "none"
    text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
    return _DIGEST.sub(r"\1", text).removeprefix(_FLY_REGISTRY)

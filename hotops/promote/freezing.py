"""An environment frozen by hand: where that is kept, and the operation behind the module freeze."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal

from pydantic import Field

from hotops.core.clock import rfc3339
from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, UsageError, VerifyFailed
from hotops.core.lock import Holder
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.inventory.frozen import NO_END, Frozen, frozen_by, told
from hotops.promote.holding import LockUnknown
from hotops.promote.pairs import environment_of

_SPAN = re.compile(r"^(?P<number>\d+(?:\.\d+)?)(?P<unit>min|h|d)$")
_SECONDS = {"min": 60.0, "h": 3600.0, "d": 86400.0}


def moment_of(until: str, now: float) -> float:
    """`8h`, `2d`, a date (that day included, UTC) or an RFC 3339 time in unix seconds. Raises UsageError."""
    span = _SPAN.match(until)
    if span is not None:
        return now + float(span["number"]) * _SECONDS[span["unit"]]
    try:
        moment = datetime.fromisoformat(until.replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(
            f"until={until!r} is no time.", remedy="Say it as 8h, 2d, 2026-12-27 or 2026-12-27T09:00:00Z."
        ) from None
    if len(until) == len("2026-12-27"):
        moment += timedelta(days=1)
    aware = moment if moment.tzinfo else datetime.fromisoformat(f"{moment.isoformat()}+00:00")
    return aware.timestamp()


class FreezeWant(Spec):
    """Options of the module freeze."""

    state: Literal["frozen", "thawed"] = Field("frozen", description="Whether promotions are refused.")
    reason: str = Field("", description="Why; every promotion that is refused shows it.")
    until: str = Field(
        "",
        description="How long (V(8h), V(2d)) or until when (a date, an RFC 3339 time); until it is thawed if omitted.",
    )


@dataclass(frozen=True)
class Seen:
    """The freeze that is on, and where."""

    holder: Holder | None
    scope: str


class Freeze(Operation[FreezeWant, Seen]):
    """Freeze an environment or thaw it. Raises UsageError without a reason, or for an end that is past."""

    name: ClassVar[str] = "freeze"
    Want: ClassVar[type[Spec]] = FreezeWant
    needs_environment = True
    docs = Documented(
        short="Refuse promotions to an environment for a while, or allow them again",
        description=(
            "While it is frozen, the gate C(freeze) refuses promotions and deploys. A rollback is always allowed.",
            "It is kept where the lock is: a git reference in the repository, for all to see, else a file here.",
        ),
        returns={
            "frozen": {"description": "Whether it is frozen now.", "returned": "success", "type": "bool"},
            "scope": {
                "description": "Who sees it.",
                "returned": "success",
                "type": "str",
                "sample": "GitHub, acme/shop",
            },
            "until": {"description": "Until when, if it has an end.", "returned": "while frozen", "type": "str"},
            "reason": {"description": "Why.", "returned": "while frozen", "type": "str"},
        },
        examples="""
- name: Nothing is promoted over the holidays
  hotops.core.freeze:
    reason: holidays
    until: 2026-12-27
  run_once: true

- name: The holidays are over
  hotops.core.freeze:
    state: thawed
    reason: everybody is back
  run_once: true
""",
        see_also=("gate", "lock", "promote_phase"),
    )

    def observe(self) -> Seen:
        if not self.want.reason.strip():
            raise UsageError(
                "It is frozen and thawed for a reason, which others will read.", remedy="Say it: --reason 'holidays'"
            )
        environment = environment_of(self.context)
        seen = Seen(*frozen_by(self.context, environment))
        if self.want.state == "thawed" and seen.holder is None and not self._is_for_all(seen):
            raise LockUnknown(
                f"Whether {environment.name} is frozen for everybody is not known ({seen.scope}).",
                remedy="Use a token that may write the repository's contents, and thaw again.",
            )
        return seen

    def _is_for_all(self, seen: Seen) -> bool:
        """Whether it was read where everybody sees it (on this computer, where the inventory names no repository)."""
        return seen.scope == Frozen.of(self.context, environment_of(self.context)).scope

    def plan(self, state: Seen) -> Plan:
        self._state = state
        environment, now = environment_of(self.context), self.context.clock.now()
        self._until = moment_of(self.want.until, now) if self.want.until else NO_END
        if self._until <= now:
            raise UsageError(f"until={self.want.until} is past.", remedy="Give a time to come, or none.")
        before = {"state": told(state.holder) if state.holder else "not frozen"}
        if self.want.state == "thawed":
            if state.holder is None:
                return Plan(why_empty="it is not frozen.")
            step = Step(f"freeze/{environment.name}", environment.name, "destroy", before, {"state": "not frozen"})
            return Plan((step,), f"Thaw {environment.name}: {self.want.reason}")
        same = state.holder is not None and state.holder.reason == self.want.reason
        if same and state.holder is not None and abs(state.holder.expires_at - self._until) < 1:
            return Plan(why_empty=f"it is {told(state.holder)}.")
        until = "somebody thaws it" if self._until >= NO_END else rfc3339(self._until)
        after = {"state": f"frozen until {until}: {self.want.reason}"}
        action: Literal["create", "update"] = "update" if state.holder else "create"
        return Plan((Step(f"freeze/{environment.name}", environment.name, action, before, after),))

    def apply(self, step: Step, done: Done) -> Fact:
        context, environment = self.context, environment_of(self.context)
        is_thaw = step.action == "destroy"
        mine = replace(
            Holder.of(context.run, self.want.reason, context.holder_pid, context.clock), expires_at=self._until
        )
        frozen = Frozen.of(context, environment)
        scope = frozen.write(None if is_thaw else mine, for_all=self._is_for_all(self._state))
        if scope != frozen.scope:
            text = f"It is this computer's only: the token may not read {environment.github_repo}"
            context.journal.event("note", text=text)
        return {"scope": scope}

    def verify(self, plan: Plan, done: Done) -> None:
        found, scope = frozen_by(self.context, environment_of(self.context))
        wanted = (self.want.reason, self._until) if self.want.state == "frozen" else None
        if (found and (found.reason, found.expires_at)) != wanted:
            raise VerifyFailed(
                f"It is {told(found) if found else 'not frozen'} ({scope}).",
                remedy="Somebody else freezes or thaws it too: look, then run it again.",
                exit_code=ExitCode.ERROR,
            )

    def report(self, state: Seen, plan: Plan, done: Done) -> dict[str, Any]:
        frozen = self.want.state == "frozen"
        scope = next((str(fact["scope"]) for fact in done.values() if "scope" in fact), state.scope)
        result: dict[str, Any] = {"frozen": frozen, "scope": scope}
        if frozen:
            result |= {"reason": self.want.reason, "until": None if self._until >= NO_END else rfc3339(self._until)}
        return result

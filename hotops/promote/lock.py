"""The module lock: who holds an environment, and taking it out of a hand that will not give it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import Field

from hotops.core.clock import rfc3339
from hotops.core.documented import Documented
from hotops.core.errors import LockHeld, UsageError
from hotops.core.lock import Holder
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.promote.holding import LockUnknown, held_by, local_lock, lock_of, shown_holder
from hotops.promote.pairs import environment_of


class LockWant(Spec):
    """Options of the module lock."""

    action: Literal["show", "break"] = Field("show", description="show: who holds it; break: take it away.")
    reason: str = Field("", description="Why it is broken; it stands in the evidence.")
    run: str = Field(
        "", description="Break it only if this run holds it, so that no lock is broken that was taken meanwhile."
    )


@dataclass(frozen=True)
class Held:
    """Who holds the environment, and where that is known."""

    holder: Holder | None
    scope: str


class Lock(Operation[LockWant, Held]):
    """Show or break an environment's lock.

    Raises LockHeld for a run that lives on this computer (end it instead), or where another run holds it than was
    named; UsageError without a reason; LockUnknown.
    """

    name: ClassVar[str] = "lock"
    Want: ClassVar[type[Spec]] = LockWant
    effect = "write"
    needs_environment = True
    docs = Documented(
        short="Show who holds an environment, or break a lock that its holder will not give back",
        description=(
            "With O(action=show), tells which run holds the environment, since when, why, and until when.",
            "With O(action=break), removes that lock and writes who held it into the evidence.",
            "A run that lives on this computer is not broken into: end it, and its lock is free.",
            "With a repository in the inventory and a token of GitHub, it is a git reference there, for all to see.",
            "Else it is a file on this computer, and RV(scope) says so.",
        ),
        returns={
            "held": {
                "description": "Whether somebody holds it (before it was broken).",
                "returned": "success",
                "type": "bool",
                "sample": True,
            },
            "scope": {
                "description": "Who can see this lock.",
                "returned": "success",
                "type": "str",
                "sample": "GitHub, acme/shop",
            },
            "holder": {
                "description": "The run that holds it, and when it began and would be over.",
                "returned": "when somebody holds it",
                "type": "dict",
                "sample": {
                    "run": "20260131T100000Z-promote-production",
                    "user": "ada",
                    "host": "laptop",
                    "dead": False,
                },
            },
        },
        examples="""
- name: See who is at work on production
  hotops.core.lock:
  register: lock
  run_once: true

- name: The lock of a CI job that was killed is taken away
  hotops.core.lock:
    action: break
    run: "{{ lock.holder.run }}"
    reason: its runner was shut down
  run_once: true
""",
        see_also=("gate", "promote_phase"),
    )

    def observe(self) -> Held:
        if self.want.action == "break" and not self.want.reason.strip():
            raise UsageError("A lock is broken for a reason.", remedy="Say it: reason='its runner was shut down'.")
        environment = environment_of(self.context)
        if self.want.action == "show":
            return Held(*shown_holder(self.context, environment))
        found = Held(*held_by(self.context, environment))
        if found.holder is None and found.scope != lock_of(self.context, environment).scope:
            raise LockUnknown(
                f"Whether somebody holds {environment.name} for everybody is not known ({found.scope}).",
                remedy="Use a token that may write the repository's contents, and look again.",
            )
        return found

    def plan(self, state: Held) -> Plan:
        self._state = state
        holder = state.holder
        if self.want.action == "show" or holder is None:
            return Plan(why_empty="nobody holds it." if holder is None else "it is only shown.")
        if self.want.run and holder.run != self.want.run:
            raise LockHeld(
                f"It is not run {self.want.run} that holds it, but {holder} ({state.scope}).", remedy="Look again."
            )
        if holder.lives_here(self.context.clock.now()):
            raise LockHeld(
                f"{holder} lives on this computer.",
                remedy=f"End it: Ctrl-C in its terminal, or kill {holder.pid}. Its lock is free then.",
            )
        name = environment_of(self.context).name
        step = Step(f"lock/{name}", name, "destroy", {"held_by": str(holder), "where": state.scope}, {"held_by": None})
        return Plan((step,), f"Break the lock of {name}: {self.want.reason}")

    def apply(self, step: Step, done: Done) -> Fact:
        context, holder = self.context, self._state.holder
        assert holder is not None  # noqa: S101 (the plan has a step only where somebody holds it)
        environment = environment_of(context)
        store = lock_of(context, environment)
        if self._state.scope != store.scope:  # the token lacks the right: what is known is this computer's
            store = local_lock(environment)
        store.remove(holder)
        text = f"{self.want.reason} (by {Holder.of(context.run, '', context.holder_pid, context.clock).user})"
        context.journal.event("lock", action="broken", holder=str(holder), where=self._state.scope, text=text)
        return {"run": holder.run}

    def verify(self, plan: Plan, done: Done) -> None:
        now, scope = held_by(self.context, environment_of(self.context))
        held = self._state.holder
        if now is not None and held is not None and now.run == held.run:
            raise LockHeld(
                f"{now} still holds it ({scope}).",
                remedy="Somebody else is taking it over, or it is in two places: look, then run again in a minute.",
            )

    def report(self, state: Held, plan: Plan, done: Done) -> dict[str, Any]:
        holder, now = state.holder, self.context.clock.now()
        if holder is None:
            return {"held": False, "scope": state.scope, "hotops_screen": [f"free ({state.scope})"]}
        dead = holder.is_dead(now)
        word = "left by dead" if dead else "held by"
        broken = " Broken." if done else ""
        return {
            "held": True,
            "scope": state.scope,
            "holder": {
                "run": holder.run,
                "reason": holder.reason,
                "user": holder.user,
                "host": holder.host,
                "pid": holder.pid,
                "since": rfc3339(holder.taken_at),
                "until": rfc3339(holder.expires_at),
                "dead": dead,
            },
            "hotops_screen": [
                f"{word} {holder}, at the longest until {rfc3339(holder.expires_at)} ({state.scope}).{broken}"
            ],
        }

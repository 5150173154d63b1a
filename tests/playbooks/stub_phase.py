"""Stands in for the action plugin promote_phase: notes each phase, fails where it is told to, calls no cloud."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible_collections.hotops.core.plugins.plugin_utils.base import plugin

from hotops.core.errors import NotRestored, RolledBack, WireError
from hotops.core.operation import Done, Fact, Operation, Plan, Step
from hotops.deploy.verdict import NoVerdict
from hotops.promote.phases import PhaseWant

NOTED = Path(os.environ["STUB_FOLDER"], "phases.jsonl")
FAILS = dict(pair.split("=") for pair in os.environ.get("STUB_FAILS", "").split() if pair)
ERRORS = {"rolled_back": RolledBack, "not_restored": NotRestored, "wire": WireError}


class StubPhase(Operation[PhaseWant, None]):
    name = "promote_phase"
    Want = PhaseWant
    needs_environment = True

    @classmethod
    def goes_on_unrecorded(cls, want: PhaseWant) -> bool:
        return want.phase in ("compensate", "notify")

    def observe(self) -> None:
        noted = {
            "phase": self.want.phase,
            "selection": self.context.selection,
            "verdict": self.want.verdict,
            "apart": self.want.apart,
            "failure": (self.want.failure or {}).get("failure"),
            "check": self.context.check,
        }
        with NOTED.open("a", encoding="utf-8") as file:
            file.write(json.dumps(noted) + "\n")
        self.want.refuse_without_image()
        if self.want.phase in ("deploy", "verify", "watch") and not self.want.verdict:
            raise NoVerdict("There is no go verdict.")
        if self.want.phase in FAILS:
            raise ERRORS[FAILS[self.want.phase]](f"The phase {self.want.phase} broke.")

    def plan(self, state: None) -> Plan:
        steps = (Step("app/1", "m1", before={"image": "v41"}, after={"image": "v42"}),)
        return Plan(steps if self.want.phase == "deploy" else ())

    def apply(self, step: Step, done: Done) -> Fact:
        return {"version": 42}

    def report(self, state: None, plan: Plan, done: Done) -> dict[str, Any]:
        if self.want.phase == "ask_gates":
            return {"verdict": {"go": True}, "hotops_screen": ["gate  go", "GO: all"]}
        if self.want.phase in ("deploy", "verify"):
            return {"apart": {**(self.want.apart or {}), f"app-{self.want.phase}": {"code": "rolled_back"}}}
        return {"message": "The promotion failed, and everything is back."} if self.want.phase == "compensate" else {}


ActionModule = plugin(StubPhase)

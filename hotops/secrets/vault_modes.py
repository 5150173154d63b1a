"""Modes of the vault: what others on this computer may read is taken from them."""

from __future__ import annotations

from typing import Any, ClassVar

from hotops.core.documented import Documented
from hotops.core.errors import VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.promote.pairs import environment_of
from hotops.secrets.wanted import store_of
from hotops.vault.store import Loose


class VaultModesWant(Spec):
    """No options."""


class FixModes(Operation[VaultModesWant, list[Loose]]):
    """Folders 700, files 600 (a script of the team's may stay executable). Touches no content. Raises VaultMissing."""

    name: ClassVar[str] = "vault_fix_modes"
    Want: ClassVar[type[Spec]] = VaultModesWant
    effect = "write"
    needs_environment = True
    docs = Documented(
        short="Take from others what they may read of the vault",
        description=(
            "Gives the vault's folders mode 700 and its files 600; a file that its owner may execute stays so.",
            "Every operation that opens the vault refuses one that others may read.",
        ),
        returns={
            "fixed": {
                "description": "Files and folders whose modes were, or would be, changed.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": ["supabase/database_url_prod.env"],
            }
        },
        examples="""
- name: Nobody else reads the vault
  hotops.core.vault_fix_modes:
  run_once: true

- name: See who could
  hotops.core.vault_fix_modes:
  check_mode: true
  register: modes
  run_once: true
""",
        see_also=("vault_check",),
    )

    def observe(self) -> list[Loose]:
        self._store = store_of(environment_of(self.context))
        return self._store.loose()

    def plan(self, state: list[Loose]) -> Plan:
        steps = tuple(
            Step(f"modes/{item.path}", item.path, "update", {"mode": f"{item.mode:o}"}, {"mode": f"{item.wanted:o}"})
            for item in state
        )
        return Plan(steps, "Take the vault from others", why_empty="nobody else may read it")

    def apply(self, step: Step, done: Done) -> Fact:
        """All at once: the first step does the work of the others."""
        return {"changed": [item.path for item in self._store.tighten()]}

    def verify(self, plan: Plan, done: Done) -> None:
        left = self._store.loose()
        if left:
            raise VerifyFailed(f"Others may still read {left[0]}.", remedy=f"ls -l {self._store.place}", exit_code=None)

    def report(self, state: list[Loose], plan: Plan, done: Done) -> dict[str, Any]:
        verb = "are" if done else "would be"
        lines = [f"{item}" for item in state]
        return {
            "fixed": [item.path for item in state],
            "hotops_screen": [*lines, f"{len(state)} modes {verb} changed." if state else "Nobody else may read it."],
        }

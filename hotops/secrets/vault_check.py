"""The vault by itself: who may read it, what can't be used, what two places claim; told with file and line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.table import aligned
from hotops.health.finding import Finding, worst_first
from hotops.inventory.schema import Environment
from hotops.promote.pairs import environment_of
from hotops.secrets.map_file import load_map
from hotops.secrets.wanted import vault_of, want_of
from hotops.vault.errors import VaultError
from hotops.vault.judging import unfit
from hotops.vault.vault import Vault


class VaultCheckWant(Spec):
    """Options of a look at the vault."""

    fail_on_findings: bool = Field(default=False, description="Whether the task fails when something is bad.")


class VaultFound(HotopsError):
    """Something in the vault can't be used, or others may read it."""

    code = "vault_findings"
    exit_code = ExitCode.FINDINGS


@dataclass(frozen=True)
class VaultSeen:
    """The values that count in this environment by place, and what is not well."""

    values: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]


class CheckVault(Operation[VaultCheckWant, VaultSeen]):
    """Read the vault whole and tell what is wrong with it. Asks nobody. Raises VaultMissing, VaultFound."""

    name: ClassVar[str] = "vault_check"
    Want: ClassVar[type[Spec]] = VaultCheckWant
    effect = "read"
    needs_environment = True
    keeps_evidence = False
    docs = Documented(
        short="Check the vault: modes, forms, placeholders, double claims",
        description=(
            "Reads every file of the vault and tells what can't be used, with file and line; never a value.",
            "Modes that let others read, unreadable files, placeholders, empty values, two places for one name.",
            "Where there is a secret map, also what it needs and the vault can't give. No cloud is asked.",
        ),
        returns={
            "values": {
                "description": "What counts in this environment.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "name": {"description": "Its name.", "type": "str"},
                    "place": {"description": "File and line.", "type": "str"},
                    "state": {
                        "description": "V(present), V(empty), V(placeholder) or V(unreadable).", "type": "str",
                    },
                },
            },
            "findings": {
                "description": "What is not well, bad ones first.", "returned": "success", "type": "list",
                "elements": "dict", "sample": [],
            },
            "failed_findings": {
                "description": "Those that are bad.", "returned": "success", "type": "list", "elements": "dict",
                "sample": [],
            },
        },
        examples="""
- name: The vault can be used
  hotops.core.vault_check:
    fail_on_findings: true
  run_once: true

- name: See what is in it, by name
  hotops.core.vault_check:
  register: vault
  run_once: true
""",
        see_also=("vault_fix_modes", "vault_templates", "secrets_audit"),
    )  # fmt: skip

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    def observe(self) -> VaultSeen:
        vault = vault_of(self.environment, may_write=False, any_modes=True)
        found = [*self._of_modes(vault), *_of_files(vault), *self._of_map(vault)]
        values = tuple({"name": item.name, "place": item.place, "state": _state(vault, item)} for item in vault.here())
        return VaultSeen(values, tuple(worst_first(found)))

    def report(self, state: VaultSeen, plan: Plan, done: Done) -> dict[str, Any]:
        failed = [finding for finding in state.findings if finding.is_failure]
        table = [[value["name"], value["place"], value["state"]] for value in state.values]
        result = {
            "values": list(state.values),
            "findings": [finding.as_row() for finding in state.findings],
            "failed_findings": [finding.as_row() for finding in failed],
            "hotops_screen": [
                *aligned(table, ("name", "place", "state")),
                "",
                f"{len(table)} values count in {self.environment.name}, {len(state.findings)} findings.",
                *(finding.as_line() for finding in state.findings),
            ],
        }
        if failed and self.want.fail_on_findings:
            raise VaultFound(
                f"The vault has {len(failed)} findings: {', '.join(sorted({each.subject for each in failed}))}.",
                remedy=failed[0].remedy,
                details=result,
            )
        return result

    def _of_modes(self, vault: Vault) -> Iterator[Finding]:
        for loose in vault.store.loose():
            place = loose.path if loose.path != "." else vault.store.place
            says = f"others on this computer may read it: mode {loose.mode:o}, wanted {loose.wanted:o}."
            yield Finding("loose", "", place, says, "bad", f"hotops vault fix-modes {self.environment.name}")

    def _of_map(self, vault: Vault) -> Iterator[Finding]:
        """What the map needs and the vault can't give, but for what the vault's own values tell already."""
        if not self.environment.secret_map_path.is_file():
            says = "there is none, so nothing is mirrored."
            remedy = f"hotops secrets map init {self.environment.name}"
            yield Finding("no_map", "", "secret map", says, "warn", remedy)
            return
        for problem in want_of(load_map(self.environment), vault)[1]:
            if problem.trouble in ("missing", "malformed", "claimed twice"):
                yield Finding(
                    problem.trouble.replace(" ", "_"), "", problem.secret,
                    f"{f'{problem.place}: ' if problem.place else ''}{problem.text.rstrip('.')}.",
                    "bad" if problem.required else "warn",
                    f"hotops vault templates {self.environment.name} makes what is missing, to be filled in"
                    if problem.trouble == "missing"
                    else "Correct it in the vault",
                )  # fmt: skip


def _of_files(vault: Vault) -> Iterator[Finding]:
    for error in vault.unreadable.values():
        yield Finding("unreadable", "", "vault", error.message, "bad", error.remedy)
    for item in vault.here():
        state = _state(vault, item)
        if state != "present":
            says = {"empty": "is empty.", "placeholder": "is a placeholder."}.get(state, "can't be read.")
            yield Finding(state, "", item.place, f"{item.key} {says}", "bad", "Put the real value there")
    for name, items in vault.double_claims().items():
        places = ", ".join(item.place for item in items)
        yield Finding("claimed_twice", "", name, f"is claimed by {places}.", "bad", "Remove or rename one")
    for item in vault.items():
        if item.meaning.sibling == "new":
            says = "a successor that is kept and not in use: a rotation was cut off, or waits."
            yield Finding("successor", "", item.place, says, "warn", "Run the rotation again, or remove it")


def _state(vault: Vault, item: Any) -> str:
    try:
        return unfit(vault.value(item)) or "present"
    except VaultError:
        return "unreadable"

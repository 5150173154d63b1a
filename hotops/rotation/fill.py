"""What the map names and nobody has yet: random ones are made in the vault, others are told with who issues them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from hotops.core.documented import Documented
from hotops.core.errors import HotopsError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.secret import Secret
from hotops.core.table import aligned
from hotops.fly import Fly
from hotops.inventory.schema import Environment
from hotops.promote.pairs import environment_of
from hotops.rotation.generated import random_text
from hotops.secrets.issuers import Generated
from hotops.secrets.map_file import load_map
from hotops.secrets.places import app_holds
from hotops.secrets.secret_map import MappedSecret
from hotops.secrets.wanted import vault_of
from hotops.vault.names import environment_of as environment_word
from hotops.vault.vault import Vault


class FillWant(Spec):
    """No options: the map says it all."""


@dataclass(frozen=True)
class Missing:
    """A secret of the map that the vault lacks: who issues it, and which apps have one of their own already."""

    name: str
    mapped: MappedSecret
    at: tuple[str, ...]

    @property
    def can_be_made(self) -> bool:
        """Nobody issues it, and no app would lose the one that it has."""
        return isinstance(self.mapped.provider, Generated) and not self.at

    @property
    def says(self) -> str:
        """What is to be done about it."""
        if self.can_be_made:
            return "made in the vault"
        if self.at:
            return f"{', '.join(self.at)} has one: put that value into the vault, or it changes there"
        kind = self.mapped.provider.kind if self.mapped.provider else ""
        return f"put it into the vault; issued by {kind}" if kind else "put it into the vault"


@dataclass(frozen=True)
class FillSeen:
    """What the vault lacks, and which required names no place of an app has."""

    missing: tuple[Missing, ...]
    not_mapped: Mapping[str, tuple[str, ...]]


class FillSecrets(Operation[FillWant, FillSeen]):
    """Make what is missing and nobody issues; three reads an app. Raises MapError, VaultMissing, what Fly answers."""

    name: ClassVar[str] = "secrets_fill"
    Want: ClassVar[type[Spec]] = FillWant
    effect = "write"
    needs_environment = True
    docs = Documented(
        short="Make the missing secrets that nobody issues, and say what else is missing",
        description=(
            "Compares secret map, vault and apps. What C(generated) issues and the vault lacks is made there.",
            "One that an app has of its own, which nobody can read, is told instead, as is who issues all others.",
            "Names that an app requires, and that neither it has nor the map gives it, are told too.",
            "Nothing is written to an app; M(hotops.core.secrets_mirror) does that.",
        ),
        returns={
            "filled": {
                "description": "Names that were made in the vault, or would be.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": ["SECRET_KEY_BASE"],
            },
            "missing": {
                "description": "What a person has to put into the vault: C(secret), C(says).",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "sample": [],
            },
            "not_mapped": {
                "description": "By app, required names that it does not have and the map does not give it.",
                "returned": "success",
                "type": "dict",
                "sample": {},
            },
        },
        examples="""
- name: The vault has what the map names, as far as it can be made
  hotops.core.secrets_fill:
  run_once: true

- name: See what a person has to put into the vault
  hotops.core.secrets_fill:
  check_mode: true
  register: lacking
  run_once: true
""",
        see_also=("secrets_mirror", "secrets_rotate"),
    )

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    def observe(self) -> FillSeen:
        found, vault = load_map(self.environment), self._vault()
        chosen = [self.environment.apps[host] for host in self.context.selection or self.environment.apps]
        fly = self.context.client(Fly)
        held = {app.app: set(app_holds(fly, app.app).remotes()) for app in chosen}
        missing = tuple(
            Missing(name, mapped, tuple(app for app, names in mapped.fly.items() if set(names) & held.get(app, set())))
            for name, mapped in found.secrets.items()
            if (not mapped.fly or set(mapped.fly) & set(held)) and not vault.has(mapped.vault or name)
        )
        given = {app: {name for mapped in found.secrets.values() for name in mapped.fly.get(app, {})} for app in held}
        lacking = {app.app: tuple(sorted(set(app.required_secrets) - held[app.app] - given[app.app])) for app in chosen}
        return FillSeen(missing, {app: names for app, names in lacking.items() if names})

    def plan(self, state: FillSeen) -> Plan:
        steps = tuple(
            Step(f"vault/{one.name}", f"{_path(one, self.environment.name)}", "create", {}, {"made": "random"})
            for one in state.missing
            if one.can_be_made
        )
        return Plan(
            steps, f"Fill the vault of {self.environment.name}", why_empty="nothing that can be made is missing"
        )

    def apply(self, step: Step, done: Done) -> Fact:
        name = step.name.partition("/")[2]
        mapped = load_map(self.environment).secrets[name]
        if not isinstance(mapped.provider, Generated):
            raise HotopsError(f"{name} is not declared as generated any more.", remedy="Run it again.")
        vault = self._vault()
        if vault.has(mapped.vault or name):  # a run that was cut off made it
            return {"reference": vault.reference(mapped.vault or name)}
        key = (mapped.vault or "").partition("#")[2] or name
        item = vault.add(step.target, key, Secret(random_text(mapped.provider)))
        return {"reference": vault.reference(item)}

    def verify(self, plan: Plan, done: Done) -> None:
        vault, found = self._vault(), load_map(self.environment).secrets
        for step in plan.steps:
            name = step.name.partition("/")[2]
            if not vault.has(found[name].vault or name):
                raise VerifyFailed(f"{name} is not in the vault.", remedy=f"Look at {step.target}.")

    def report(self, state: FillSeen, plan: Plan, done: Done) -> dict[str, Any]:
        rows = [[one.name, one.says] for one in state.missing]
        rows += [[f"{app}/{name}", "required, there is none, and the map does not give it"]
                 for app, names in state.not_mapped.items() for name in names]  # fmt: skip
        return {
            "filled": [one.name for one in state.missing if one.can_be_made],
            "missing": [{"secret": one.name, "says": one.says} for one in state.missing if not one.can_be_made],
            "not_mapped": {app: list(names) for app, names in state.not_mapped.items()},
            "hotops_screen": aligned(rows, ("missing", "then")) if rows else ["Nothing is missing."],
        }

    def _vault(self) -> Vault:
        return vault_of(self.environment, may_write=not self.context.check)


def _path(one: Missing, environment: str) -> str:
    """Where in the vault it goes: the map's slot, for this environment."""
    slot = (one.mapped.vault or one.name.lower()).partition("#")[0]
    return f"{slot}_{environment_word(environment)}.env"

"""Files that the map needs and the vault lacks, made with names and no values, to be filled in by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, ClassVar

from hotops.core.documented import Documented
from hotops.core.errors import VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.secret import Secret
from hotops.inventory.schema import Environment
from hotops.promote.pairs import environment_of
from hotops.secrets.map_file import load_map
from hotops.secrets.secret_map import MappedSecret
from hotops.secrets.wanted import Problem, value_of, vault_of
from hotops.vault.names import ALIASES
from hotops.vault.names import environment_of as environment_of_word
from hotops.vault.vault import Vault


class VaultTemplatesWant(Spec):
    """No options."""


@dataclass(frozen=True)
class Missing:
    """A secret of the map that the vault lacks: which file and which key it would have."""

    secret: str
    path: str
    key: str
    is_new: bool


class MakeTemplates(Operation[VaultTemplatesWant, list[Missing]]):
    """Make a file for each missing secret; an empty value is refused everywhere until somebody fills it in.

    Raises MapError, VaultMissing, VaultModes.
    """

    name: ClassVar[str] = "vault_templates"
    Want: ClassVar[type[Spec]] = VaultTemplatesWant
    effect = "write"
    needs_environment = True
    docs = Documented(
        short="Make the vault's missing files, names only",
        description=(
            "For each secret of the map that the vault lacks, adds its key with an empty value; files are made.",
            "Files are called as the vault's others are (C(_prod), C(_production) or C(prod.env)), with mode 600.",
            "An empty value is never mirrored: it is refused until somebody fills it in.",
        ),
        returns={
            "missing": {
                "description": "What was missing.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "secret": {"description": "Its name in the map.", "type": "str"},
                    "path": {"description": "The file in the vault.", "type": "str"},
                    "key": {"description": "The key in it.", "type": "str"},
                },
            }
        },
        examples="""
- name: Every secret that the map needs has a place to be filled in
  hotops.core.vault_templates:
  run_once: true

- name: See what is missing
  hotops.core.vault_templates:
  check_mode: true
  register: templates
  run_once: true
""",
        see_also=("vault_check", "secrets_map_init"),
    )

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    def observe(self) -> list[Missing]:
        self._vault = vault_of(self.environment, may_write=not self.context.check)
        found = load_map(self.environment)
        return [
            missing_place(name, mapped, self._vault)
            for name, mapped in found.secrets.items()
            if isinstance(given := value_of(name, mapped, self._vault), Problem) and given.trouble == "missing"
        ]

    def plan(self, state: list[Missing]) -> Plan:
        self._missing = state
        steps = tuple(
            Step(
                f"template/{item.secret}", item.path, "create" if item.is_new else "update",
                after={item.key: "empty, to be filled in"},
            )
            for item in state
        )  # fmt: skip
        return Plan(steps, "Make room for what the vault lacks", why_empty="the vault has all that the map names")

    def apply(self, step: Step, done: Done) -> Fact:
        item = next(item for item in self._missing if f"template/{item.secret}" == step.name)
        self._vault.add(item.path, item.key, Secret(""))
        return {"path": item.path}

    def verify(self, plan: Plan, done: Done) -> None:
        found = load_map(self.environment)
        for item in self._missing:
            given = value_of(item.secret, found.secrets[item.secret], self._vault)
            if not isinstance(given, Problem) or given.trouble != "empty":
                raise VerifyFailed(
                    f"{item.path} was made and does not stand for {item.secret}.",
                    remedy=f"Name it in the map: vault: {item.path}#{item.key}",
                    exit_code=None,
                )

    def report(self, state: list[Missing], plan: Plan, done: Done) -> dict[str, Any]:
        lines = [f"{item.path}: {item.key}=" for item in state]
        verb = "is made" if done else "would be made"
        said = f"Room for {len(state)} {verb}; fill it in." if state else "The vault has all that the map names."
        return {
            "missing": [{"secret": item.secret, "path": item.path, "key": item.key} for item in state],
            "hotops_screen": [*lines, said],
        }


def missing_place(name: str, mapped: MappedSecret, vault: Vault) -> Missing:
    """Where a secret would stand, called as the vault's other files of this environment are."""
    term, _, key = (mapped.vault or "").removeprefix("vault:").partition("#")
    suffix = PurePosixPath(term).suffix
    if suffix:  # the map names the file itself
        return Missing(name, term, key or name, term not in vault.documents)
    slot = term if "/" in term or key else (term or name).lower()
    path = file_of(slot, vault)
    return Missing(name, path, key or (term if term and "/" not in term and term.isupper() else name),
                   path not in vault.documents)  # fmt: skip


def file_of(slot: str, vault: Vault) -> str:
    """`supabase/url` → `supabase/url_prod.env`, or as most of the vault's files of this environment spell it."""
    words: Counter[str] = Counter()
    spellings: Mapping[str, str] = ALIASES
    for path in vault.documents:
        stem = PurePosixPath(path).name.partition(".")[0]
        word = stem.rpartition("_")[2].lower()
        if spellings.get(word, word) == vault.environment and "_" in stem:
            words[word] += 1
    word = words.most_common(1)[0][0] if words else environment_of_word(vault.environment)
    return f"{slot}_{word}.env"

"""What the map wants where: each value resolved, checked, and named by its fingerprint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hotops.core.errors import UsageError
from hotops.core.secret import Secret
from hotops.inventory.adding import to_add
from hotops.inventory.schema import Environment
from hotops.secrets.formats import malformed, part_of
from hotops.secrets.secret_map import MappedSecret, SecretMap, Target
from hotops.vault.errors import ClaimedTwice, NotInVault, Unfit, VaultMissing, VaultUnreadable
from hotops.vault.judging import unfit
from hotops.vault.opening import open_vault, store_at
from hotops.vault.store import Store
from hotops.vault.vault import Item, Vault

Trouble = Literal["missing", "claimed twice", "unreadable", "empty", "placeholder", "malformed"]


@dataclass(frozen=True)
class Wanted:
    """One value for one target. `reference` names where it stands in the vault; `value` is shown nowhere."""

    target: Target
    secret: str
    item: Item
    value: Secret = field(repr=False)
    fingerprint: str


@dataclass(frozen=True)
class Problem:
    """A secret of the map that the vault can't give, and why; `place` is a file and line where there is one."""

    secret: str
    trouble: Trouble
    place: str
    text: str
    required: bool

    def __str__(self) -> str:
        return f"{self.place + ': ' if self.place else ''}{self.secret} {self.text}"


class SourceIncomplete(UsageError):
    """The vault can't give what the map requires: nothing was written anywhere."""

    code = "source_incomplete"


def vault_of(environment: Environment, *, may_write: bool, fix_modes: bool = False, any_modes: bool = False) -> Vault:
    """The environment's vault. Raises VaultMissing where none is declared, and what opening raises."""
    return open_vault(
        _place(environment), environment.name, may_write=may_write, fix_modes=fix_modes, any_modes=any_modes
    )


def store_of(environment: Environment) -> Store:
    """The files of the environment's vault, whoever may read them. Raises VaultMissing."""
    return store_at(_place(environment))


def _place(environment: Environment) -> Path:
    place = environment.vault_path
    if place is None:
        raise VaultMissing(
            f"{environment.name} declares no vault.",
            remedy=f"{to_add(environment, 'vault: vault/occ')} (its folder, mode 700, or a SOPS file).",
        )
    return place


def want_of(found: SecretMap, vault: Vault) -> tuple[dict[Target, Wanted], list[Problem]]:
    """Every target whose value is there and fit, and what is wrong with the others."""
    wanted: dict[Target, Wanted] = {}
    problems: list[Problem] = []
    values: dict[str, tuple[Item, Secret]] = {}
    for name, secret in found.secrets.items():
        given = value_of(name, secret, vault)
        if isinstance(given, Problem):
            problems.append(given)
        else:
            values[name] = given
    for target, placed in found.placements():
        if placed.secret not in values:
            continue
        item, value = values[placed.secret]
        try:
            part = part_of(value, placed.part)
        except ValueError as error:
            required = found.secrets[placed.secret].required
            problems.append(Problem(placed.secret, "malformed", item.place, f"{error} for {target}", required))
            continue
        wanted[target] = Wanted(target, placed.secret, item, part, vault.fingerprint(part))
    return wanted, problems


def value_of(name: str, secret: MappedSecret, vault: Vault) -> tuple[Item, Secret] | Problem:
    """The value of a secret of the map and where it stands, or what is wrong with it."""

    def problem(trouble: Trouble, text: str, place: str = "") -> Problem:
        return Problem(name, trouble, place, text, secret.required)

    try:
        item = vault.find(secret.vault or name)
        value = vault.value(item)
    except NotInVault as error:
        return problem("missing", f"is not there: {error.message}")
    except ClaimedTwice as error:
        return problem("claimed twice", f"is claimed twice: {error.message}")
    except VaultUnreadable as error:
        return problem("unreadable", f"can't be read: {error.message}")
    why = unfit(value)
    if why is not None:
        return problem("empty" if why == "empty" else "placeholder", f"is {_article(why)}", item.place)
    wrong = malformed(value, secret.format) if secret.format else None
    if wrong is not None:
        return problem("malformed", wrong, item.place)
    return item, value


def refuse(problems: Iterable[Problem], place: str) -> None:
    """Raise where something required is wrong: a source that is wiped or half filled never reaches a target.

    Raises Unfit where all of it is placeholders, empties and wrong forms, else SourceIncomplete; both name all.
    """
    required = [problem for problem in problems if problem.required]
    if not required:
        return
    kind: type[UsageError] = SourceIncomplete
    if all(problem.trouble in ("empty", "placeholder", "malformed") for problem in required):
        kind = Unfit
    told = "; ".join(str(problem).rstrip(".") for problem in required[:5])
    more = f"; and {len(required) - 5} more" if len(required) > 5 else ""
    raise kind(
        f"{len(required)} of the map's required secrets can't be taken from the vault {place}: {told}{more}.",
        remedy="Correct them in the vault, or mark them `required: false` in the map. Nothing was written.",
        details={"secrets": {problem.secret: str(problem) for problem in required}},
    )


def by_destination(wanted: Mapping[Target, Wanted]) -> dict[str, dict[str, Wanted]]:
    """What each destination is to have, by name."""
    found: dict[str, dict[str, Wanted]] = {}
    for target, item in wanted.items():
        found.setdefault(target.destination, {})[target.name] = item
    return found


def _article(why: str) -> str:
    return "empty" if why == "empty" else "a placeholder"

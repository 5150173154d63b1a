"""A first secret map, drafted from what the vault has and the places show. Names only; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hotops.core.secret import Secret
from hotops.secrets.formats import malformed
from hotops.secrets.secret_map import Format
from hotops.vault.errors import VaultError
from hotops.vault.judging import unfit
from hotops.vault.names import canonical
from hotops.vault.vault import Item, Vault

#: Forms that are told of a value; others would say something of it, such as its length.
_TOLD = (Format(kind="dsn"), Format(kind="url"))

_WHY_NOT = {"empty": "empty", "placeholder": "a placeholder", "unreadable": "it can't be read"}


@dataclass(frozen=True)
class Drafted:
    """One secret of the draft. `where` is how the map names it in the vault, `why_not` what is wrong with its value."""

    name: str
    where: str
    form: str | None
    why_not: str | None
    fly: Mapping[str, str] = field(default_factory=dict)
    github: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Draft:
    """What is drafted, and names at the places that nothing in the vault is called like."""

    secrets: tuple[Drafted, ...]
    unplaced: Mapping[str, tuple[str, ...]]


def drafted(vault: Vault, at_fly: Mapping[str, Iterable[str]], at_github: Mapping[str, Iterable[str]]) -> Draft:
    """A secret for each value that counts in this environment, at the places that have its name.

    `at_fly` is app → names, `at_github` scope → names (`repository` or an environment). GitHub's names often repeat the
    environment (`SHOP_KEY_PROD`), which the vault's do not.
    """
    fly = {app: set(names) for app, names in at_fly.items()}
    github = {scope: set(names) for scope, names in at_github.items()}
    placed: set[tuple[str, str]] = set()
    secrets = []
    for name, item in _named(vault):
        here = {app: found for app, names in fly.items() if (found := _same(name, item, names, vault))}
        there = {scope: found for scope, names in github.items() if (found := _same(name, item, names, vault))}
        placed.update([*((app, found) for app, found in here.items()), *((at, found) for at, found in there.items())])
        form, why_not = _judged(vault, item)
        secrets.append(Drafted(name, _where(vault, item), form, why_not, here, there))
    unplaced = {
        f"{kind}{place}": left
        for kind, places in (("fly:", fly), ("github:", github))
        for place, names in places.items()
        if (left := tuple(sorted(name for name in names if (place, name) not in placed)))
    }
    return Draft(tuple(secrets), unplaced)


def text_of(draft: Draft, environment: str) -> str:
    """The draft as the text of a file."""
    lines = [
        "---",
        f"# Which secret of the vault goes where in {environment}: names only, never a value. A first draft of",
        "# `hotops secrets map init`: look it through. Who uses what (used_by), what is required, when is it rotated",
        "# (rotate_days), who issues it (provider)? docs/secrets.md says what can stand here.",
        "secrets:" if draft.secrets else "secrets: {}",
    ]
    for item in draft.secrets:
        lines += [f"  {item.name}:", f"    vault: {_quoted(item.where)}"]
        if item.form:
            lines.append(f"    format: {item.form}")
        if item.why_not:
            lines.append(f"    required: false  # {_WHY_NOT[item.why_not]} as yet")
        if item.fly:
            lines.append("    fly:")
            lines += [f"      {app}: {name}" for app, name in item.fly.items()]
        lines += _github_lines(item.github)
        if not item.fly and not item.github:
            lines.append("    # fly: {APP: NAME}")
    for place, names in draft.unplaced.items():
        lines.append(f"# At {place}, and by no such name in the vault: {', '.join(names)}")
    return "\n".join(lines) + "\n"


def _github_lines(github: Mapping[str, str]) -> list[str]:
    if not github:
        return []
    lines = ["    github:"]
    if "repository" in github:
        lines.append(f"      repository: {github['repository']}")
    environments = {scope: name for scope, name in github.items() if scope != "repository"}
    if environments:
        lines.append("      environments:")
        lines += [f"        {_quoted(scope)}: {name}" for scope, name in environments.items()]
    return lines


def _named(vault: Vault) -> list[tuple[str, Item]]:
    """Each value by the name that it gets: its own where one place claims it, else what its path says."""
    found: dict[str, Item] = {}
    for name, items in sorted(vault.claims().items()):
        for item in items:
            own = name if len(items) == 1 else item.meaning.implied_key
            own = f"{own}_{item.key}" if own in found else own
            found.setdefault(own, item)
    return sorted(found.items())


def _where(vault: Vault, item: Item) -> str:
    """The shortest term that finds just this item."""
    slot = item.meaning.slot
    with_key = f"{slot}#{item.key}"
    for term in (slot if "/" in slot else with_key, with_key, str(item)):  # a bare word would be taken for a name
        try:
            if vault.find(term) == item:
                return term
        except VaultError:  # claimed twice: the next term is longer
            continue
    return str(item)


def _same(name: str, item: Item, names: set[str], vault: Vault) -> str:
    """The one of these names that means this secret: its own, its key's, or either with the environment behind it."""
    wanted = {name.upper(), item.name.upper(), item.key.upper()}
    exact = [candidate for candidate in names if candidate.upper() in wanted]
    if exact:
        return sorted(exact)[0]
    suffixed = [candidate for candidate in names if canonical(candidate, vault.environment).upper() in wanted]
    return sorted(suffixed)[0] if suffixed else ""


def _judged(vault: Vault, item: Item) -> tuple[str | None, str | None]:
    """The form of a value, and what is wrong with it."""
    try:
        value = vault.value(item)
    except VaultError:
        return None, "unreadable"
    why_not = unfit(value)
    return (None if why_not else _form(value)), why_not


def _form(value: Secret) -> str | None:
    for form in _TOLD:
        if malformed(value, form) is None:
            return form.kind
    text = value.reveal()
    if text.startswith(("{", "[")):
        try:
            json.loads(text)
        except ValueError:
            return None
        return "json"
    return None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False) if not text.replace("/", "").replace("_", "").isalnum() else text

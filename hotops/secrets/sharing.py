"""Which values other environments have, too: told by fingerprints of one key, hinted at by equal digests of Fly's."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from hotops.fly.models import AppSecret
from hotops.secrets.audit_places import PlacesSeen
from hotops.secrets.ledger import Mark
from hotops.secrets.secret_map import Target
from hotops.secrets.wanted import Wanted
from hotops.vault.errors import VaultError
from hotops.vault.judging import unfit
from hotops.vault.names import environment_of, key_environment
from hotops.vault.vault import Item, Vault


@dataclass(frozen=True)
class Shared:
    """A value that stands elsewhere, too. `proven`: by fingerprint; else equal digests or a file of no environment."""

    where: str
    proven: bool

    def __str__(self) -> str:
        return self.where if self.proven else f"{self.where} (a hint)"


def environment_of_item(item: Item) -> str | None:
    """The environment that path or key of an item say; None for one that counts in all."""
    named = item.meaning.environment or key_environment(item.key)
    return environment_of(named) if named else None


def shared_in_vault(vault: Vault, fingerprints: Collection[str]) -> dict[str, list[Shared]]:
    """By fingerprint: where other environments of the same vault hold the same value."""
    found: dict[str, list[Shared]] = {}
    for item in vault.items():
        environment = environment_of_item(item)
        if item.meaning.sibling or environment is None or environment == vault.environment:
            continue
        try:
            value = vault.value(item)
        except VaultError:  # what can't be read here is told where that environment is audited
            continue
        fingerprint = vault.fingerprint(value)
        if unfit(value) is None and fingerprint in fingerprints:
            found.setdefault(fingerprint, []).append(Shared(f"{environment} ({item})", proven=True))
    return found


def shared_in_ledger(
    marks: Mapping[str, Mark], own_places: Collection[str], fingerprints: Collection[str]
) -> dict[str, list[Shared]]:
    """By fingerprint: targets of other environments that were given the same value."""
    found: dict[str, list[Shared]] = {}
    for target, mark in marks.items():
        if mark.fingerprint in fingerprints and target.rpartition("/")[0] not in own_places:
            found.setdefault(mark.fingerprint, []).append(Shared(target, proven=True))
    return found


def shared_by_digest(
    wanted: Iterable[Wanted],
    digests: Mapping[Target, str],
    sources: Mapping[str, Iterable[AppSecret]],
    allowed: Collection[str],
) -> dict[str, list[Shared]]:
    """By secret of the map: names at the apps that are promoted from whose digest is that of one of its targets.

    Equal digests are equal values, as far as anybody saw; Fly does not promise it, so it is a hint.
    """
    by_digest: dict[str, list[str]] = {}
    for app, secrets in sources.items():
        for secret in secrets:
            if secret.digest:
                by_digest.setdefault(secret.digest, []).append(f"fly:{app}/{secret.name}")
    found: dict[str, list[Shared]] = {}
    for want in wanted:
        digest = digests.get(want.target)
        if digest is None or want.target.name in allowed:
            continue
        for where in by_digest.get(digest, ()):
            hint = Shared(where, proven=False)
            if hint not in found.setdefault(want.secret, []):
                found[want.secret].append(hint)
    return {secret: hints for secret, hints in found.items() if hints}


def shared_of(
    vault: Vault,
    items: Mapping[str, Item],
    wanted: Mapping[Target, Wanted],
    seen: PlacesSeen,
    *,
    marks: Mapping[str, Mark],
    own_places: Collection[str],
    allowed: Collection[str],
) -> dict[str, tuple[Shared, ...]]:
    """By secret of the map: where else its value is; hints only where nothing is proven.

    `own_places` are the environment's own destinations, `allowed` names that may be equal at source and target.
    """
    whole: dict[str, str] = {}
    for name, item in items.items():
        try:
            whole[name] = vault.fingerprint(vault.fit_value(item))
        except VaultError:  # told as a problem of the secret itself
            continue
    in_vault = shared_in_vault(vault, set(whole.values()))
    in_ledger = shared_in_ledger(marks, own_places, set(whole.values()))
    digests = {
        target: remote.digest
        for target in wanted
        if (remote := seen.held.remotes.get(target.destination, {}).get(target.name)) is not None and remote.digest
    }
    hints = shared_by_digest(wanted.values(), digests, seen.sources, allowed)
    others = {environment_of_item(item) for item in vault.items()} - {None, vault.environment}
    shared: dict[str, tuple[Shared, ...]] = {}
    for name, fingerprint in whole.items():
        found = [*in_vault.get(fingerprint, ()), *in_ledger.get(fingerprint, ())]
        if not found and others and environment_of_item(items[name]) is None:
            found = [Shared(f"{', '.join(sorted(map(str, others)))}: {items[name]} is everybody's", proven=False)]
        shared[name] = tuple(found or hints.get(name, []))
    return shared

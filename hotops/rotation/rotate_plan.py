"""Where a rotation stands, and the steps from there: forward to the new credential, or back to the old one."""

from __future__ import annotations

from dataclasses import dataclass, field

from hotops.core.operation import Step
from hotops.core.secret import Secret
from hotops.rotation.provider import Provider
from hotops.secrets.ages import Age
from hotops.secrets.secret_map import MappedSecret
from hotops.vault.vault import Item

#: A run waits so long for the old one to end; where it stays valid longer, the next run ends it.
LONGEST_WAIT_S = 300.0
#: The steps of an undo.
BACKWARD = frozenset({"prove_old", "reactivate", "vault_back", "places_back", "revoke_new"})


@dataclass(frozen=True)
class RotateSeen:
    """Where a rotation stands: the values and whose they are, how old the present one is, what the log says."""

    mapped: MappedSecret
    item: Item
    now: Secret = field(repr=False)
    coming: Secret | None = field(repr=False)
    former: Secret | None = field(repr=False)
    age: Age
    #: Whether the log knows of the successor: a `.new` beside a vault that nobody began to rotate is a person's.
    begun: bool
    leaked: bool
    #: Since when the new one is proven everywhere; None before.
    proven_at: float | None
    overlap_s: float
    at: float

    @property
    def is_under_way(self) -> bool:
        """Whether an interrupted rotation left its successor in the vault."""
        return self.coming is not None

    @property
    def is_in_vault(self) -> bool:
        """Whether the vault's value is the new one already."""
        return self.coming is not None and self.coming == self.now

    @property
    def old(self) -> Secret | None:
        """The credential that is to end."""
        return self.former if self.is_in_vault else self.now

    @property
    def waits_s(self) -> float:
        """How long the old one stays valid still, where a later run ends it."""
        if self.leaked or self.overlap_s <= LONGEST_WAIT_S:
            return 0.0
        return max(0.0, (self.proven_at if self.proven_at is not None else self.at) + self.overlap_s - self.at)


def forward(secret: str, seen: RotateSeen, provider: Provider, *, leaked: bool, ends_now: bool) -> list[Step]:
    """The steps that are left to the new credential."""
    present = provider.told(seen.old) if seen.old else "?"
    coming = provider.told(seen.coming) if seen.coming else "its successor"
    place = str(seen.item)
    steps: list[Step] = []
    add = steps.append
    if leaked and seen.coming is None and provider.revokes_first:
        add(Step(f"{secret}/revoke_leaked", present, "destroy", {"valid": True}, {"valid": False}, phase="0-leaked"))
    if seen.coming is None:
        add(Step(f"{secret}/keep_new", f"{place}.new", "create", {}, {"kept": coming}, phase="1-keep"))
    if not seen.is_in_vault:
        after = {"valid": coming, "beside": present} if provider.overlaps else {"valid": coming, "ends": present}
        add(Step(f"{secret}/activate", coming, "create", {}, after, phase="2-activate"))
        add(Step(f"{secret}/vault", place, "update", {"is": present}, {"is": coming}, phase="3-vault"))
    add(Step(f"{secret}/places", "Fly, GitHub", "update", {"have": present}, {"have": coming}, phase="4-places"))
    add(Step(f"{secret}/prove", coming, "update", {}, {"proven": coming}, phase="5-prove"))
    if ends_now or not seen.waits_s:
        add(Step(f"{secret}/revoke", present, "destroy", {"valid": True}, {"valid": False}, phase="6-revoke"))
    return steps


def backward(secret: str, seen: RotateSeen, provider: Provider) -> list[Step]:
    """The steps back to the old credential, which is proven before anything changes."""
    old = provider.told(seen.old) if seen.old else "?"
    coming = provider.told(seen.coming) if seen.coming else "?"
    steps: list[Step] = []
    add = steps.append
    if provider.overlaps:
        add(Step(f"{secret}/prove_old", old, "update", {}, {"proven": old}, phase="1-prove"))
    else:
        add(Step(f"{secret}/reactivate", old, "create", {}, {"valid": old, "ends": coming}, phase="1-prove"))
    add(Step(f"{secret}/vault_back", str(seen.item), "update", {"is": coming}, {"is": old}, phase="2-vault"))
    add(Step(f"{secret}/places_back", "Fly, GitHub", "update", {"have": coming}, {"have": old}, phase="3-places"))
    add(Step(f"{secret}/revoke_new", coming, "destroy", {"valid": True}, {"valid": False}, phase="4-revoke"))
    return steps

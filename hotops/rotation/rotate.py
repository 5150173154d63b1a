"""Rotate: a successor beside the present credential, in vault and places, proven; only then the old one goes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.driver import drive
from hotops.core.errors import HotopsError, UsageError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.secret import Secret
from hotops.inventory.schema import Environment
from hotops.inventory.spec import nearest
from hotops.promote.holding import hold, let_go
from hotops.promote.pairs import environment_of
from hotops.rotation.provider import Provider
from hotops.rotation.providers import provider_of
from hotops.rotation.rotate_told import DOCS, rotation_lines
from hotops.secrets.ledger import Ledger
from hotops.secrets.map_file import load_map
from hotops.secrets.mirror import MirrorSecrets, MirrorWant
from hotops.secrets.secret_map import MappedSecret, SecretMap
from hotops.secrets.wanted import vault_of
from hotops.vault.vault import Item, Vault

DAY_S = 86400.0


class RotateWant(Spec):
    """Options of a rotation."""

    secret: str = Field(min_length=1, description="Secret of the map that is rotated.")
    force: bool = Field(default=False, description="Whether it is rotated although it is not due (`rotate_days`).")
    leaked: bool = Field(
        default=False, description="Whether the present one leaked: it is revoked first, and what uses it stops."
    )
    grace_s: float = Field(
        30.0, ge=0, description="Time between the proof of the new one and the end of the old one, in seconds."
    )


class RotationIncomplete(HotopsError):
    """A rotation came to a stop: both credentials are valid (the new one alone, where the old one leaked)."""

    code = "rotation_incomplete"


@dataclass(frozen=True)
class RotateSeen:
    """Where a rotation stands: the values and whose they are, and how old the present one is."""

    mapped: MappedSecret
    item: Item
    now: Secret
    coming: Secret | None
    former: Secret | None
    due: bool | None
    age_days: float | None

    @property
    def is_under_way(self) -> bool:
        """Whether an interrupted rotation left its successor in the vault."""
        return self.coming is not None

    @property
    def old(self) -> Secret | None:
        """The credential that is to end."""
        return self.former if self.coming is not None and self.coming == self.now else self.now


class _MirrorOne(MirrorSecrets):
    """The mirror of one secret of the map."""

    secret = ""

    def mapped(self) -> SecretMap:
        return load_map(self.environment).only((self.secret,))


class RotateSecret(Operation[RotateWant, RotateSeen]):
    """Replace a credential by a successor without a moment in which none is valid.

    The successor is kept in the vault as `.new` before it counts anywhere; it is activated beside the present one and
    proven; the vault, Fly and GitHub get it, machines are made anew; it is proven again; then the old one is revoked.
    Interrupted anywhere, a re-run goes on from what vault and provider show. A secret that is not due is left.
    Raises: CanNotOverlap, RotationIncomplete, UsageError, LockHeld, and what the mirror raises.
    """

    name: ClassVar[str] = "secrets_rotate"
    Want: ClassVar[type[Spec]] = RotateWant
    effect = "write"
    needs_environment = True
    docs = DOCS
    #: Makes the provider; tests without a cloud have their own.
    provider_for: Any = staticmethod(provider_of)

    _seen: RotateSeen | None = None
    _vault: Vault | None = None
    _provider: Provider | None = None

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    @property
    def vault(self) -> Vault:
        """The environment's vault, opened once; in check mode for reading only."""
        if self._vault is None:
            self._vault = vault_of(self.environment, may_write=not self.context.check)
        return self._vault

    def observe(self) -> RotateSeen:
        found = load_map(self.environment)
        mapped = found.secrets.get(self.want.secret)
        if mapped is None:
            near = nearest(self.want.secret, found.secrets)
            raise UsageError(
                f"The map has no secret {self.want.secret}.", remedy=f"Did you mean {near}?" if near else ""
            )
        self._provider = self.provider_for(self.context, self.environment, self.want.secret, mapped)
        item = self.vault.find(mapped.vault or self.want.secret)
        since = [
            mark.since
            for target, mark in Ledger(self.vault).marks.items()
            if mark.since is not None and target in self._targets(found)
        ]
        age_s = self.context.clock.now() - min(since) if since else None
        due = None if age_s is None or mapped.rotate_days is None else age_s >= mapped.rotate_days * DAY_S
        self._seen = RotateSeen(
            mapped,
            item,
            self.vault.fit_value(item),
            self.vault.sibling(item, "new"),
            self.vault.sibling(item, "old"),
            due,
            None if age_s is None else age_s / DAY_S,
        )
        return self._seen

    def plan(self, state: RotateSeen) -> Plan:
        wanted = state.is_under_way or state.due or self.want.force or self.want.leaked
        title = f"Rotate {self.want.secret} of {self.environment.name}"
        if not wanted:
            why = "it is not known since when it is there; -e force=true rotates it" if state.due is None else "not due"
            return Plan((), title, {"rotate": None}, why)
        present = self.provider.told(state.old) if state.old else "?"
        coming = self.provider.told(state.coming) if state.coming else "its successor"
        steps: list[Step] = []
        add = steps.append
        secret, place = self.want.secret, str(state.item)
        if self.want.leaked and state.coming is None:
            add(
                Step(f"{secret}/revoke_leaked", present, "destroy", {"valid": True}, {"valid": False}, phase="0-leaked")
            )
        if state.coming is None:
            add(Step(f"{secret}/keep_new", f"{place}.new", "create", {}, {"kept": coming}, phase="1-keep"))
        add(Step(f"{secret}/activate", coming, "create", {}, {"valid": coming, "beside": present}, phase="2-activate"))
        if state.coming is None or state.coming != state.now:
            add(Step(f"{secret}/vault", place, "update", {"is": present}, {"is": coming}, phase="3-vault"))
        add(Step(f"{secret}/places", "Fly, GitHub", "update", {"have": present}, {"have": coming}, phase="4-places"))
        add(Step(f"{secret}/prove", coming, "update", {}, {"proven": coming}, phase="5-prove"))
        add(Step(f"{secret}/revoke", present, "destroy", {"valid": True}, {"valid": False}, phase="6-revoke"))
        return Plan(tuple(steps), title, {"rotate": secret, "from": present, "leaked": self.want.leaked})

    def prepare(self, plan: Plan) -> Fact:
        """Take the environment's lock. Raises LockHeld."""
        return {"lock": str(hold(self.context, self.environment).holder)}

    def apply(self, step: Step, done: Done) -> Fact:
        state, provider, vault = self._observed, self.provider, self.vault
        what = step.name.rpartition("/")[2]
        if what == "revoke_leaked":
            return provider.revoke(state.now)
        if what == "keep_new":
            new = provider.successor(state.now)
            vault.keep_sibling(state.item, "new", new)
            return {"kept": provider.told(new)}
        new = self._coming()
        if what == "activate":
            return {**provider.activate(new), **provider.prove(new)}
        if what == "vault":
            vault.keep_sibling(state.item, "old", state.now)
            vault.write(state.item, new)
            return {"reference": vault.reference(state.item)}
        if what == "places":
            return self._mirrored()
        if what == "prove":
            fact = provider.prove(new)
            self.context.clock.sleep(self.want.grace_s)  # a connection that is just being made ends first
            return fact
        old = vault.sibling(state.item, "old")
        fact = provider.revoke(old) if old is not None else {}
        vault.drop_sibling(state.item, "new")
        return fact

    def verify(self, plan: Plan, done: Done) -> None:
        try:
            self.provider.prove(self.vault.value(self._observed.item))
        finally:
            let_go(self.context, self.environment)

    def after_failure(self, error: Exception, plan: Plan, done: Done) -> Exception:
        let_go(self.context, self.environment)
        if not isinstance(error, HotopsError):
            return error
        steps = [step.name.rpartition("/")[2] for step in plan.steps if step.name in done]
        valid = "The new one alone is valid" if "revoke_leaked" in steps else "Old and new are both valid"
        if not {"activate", "revoke"} & set(steps):
            valid = (
                "The old one is revoked, the new one does not count yet"
                if "revoke_leaked" in steps
                else "The old one is valid"
            )
        return RotationIncomplete(
            f"{error.message.rstrip('.')}. Done: {', '.join(steps) or 'nothing'}. {valid}.",
            remedy=f"{error.remedy or ''} Run it again: it goes on from there.".strip(),
            request_id=error.request_id,
            details={"cause": error.as_failure(), "done": steps},
        )

    def report(self, state: RotateSeen, plan: Plan, done: Done) -> dict[str, Any]:
        revoked = done.get(f"{self.want.secret}/revoke", {})
        result = {
            "secret": self.want.secret,
            "rotated": bool(done),
            "due": state.due,
            "age_days": None if state.age_days is None else round(state.age_days, 1),
            "from_credential": self.provider.told(state.old) if state.old else "",
            "to_credential": str(done.get(f"{self.want.secret}/activate", {}).get("logged_in", "")),
            "revoked": str(revoked.get("revoked", "")),
            "left": str(revoked.get("left", "")),
        }
        return {**result, "hotops_screen": rotation_lines(result, plan)}

    # --- inside -------------------------------------------------------------------------------------------------------

    @property
    def provider(self) -> Provider:
        if self._provider is None:
            raise HotopsError("The secret was not looked at before it was to be rotated.")
        return self._provider

    @property
    def _observed(self) -> RotateSeen:
        if self._seen is None:
            raise HotopsError("The secret was not looked at before it was to be rotated.")
        return self._seen

    def _targets(self, found: SecretMap) -> set[str]:
        return {str(target) for target, placed in found.placements() if placed.secret == self.want.secret}

    def _coming(self) -> Secret:
        """The successor as the vault keeps it, which is the only place that has it."""
        new = self.vault.sibling(self._observed.item, "new")
        if new is None:
            raise HotopsError(
                f"{self._observed.item}.new is gone from the vault.", remedy="Run it again: it makes another successor."
            )
        return new

    def _mirrored(self) -> Fact:
        """Write it to all places of the map and have the machines made anew. Keeps this run's lock."""
        mirror = _MirrorOne(MirrorWant(adopt="write"), self.context)
        mirror.secret = self.want.secret
        outcome = drive(mirror)
        hold(self.context, self.environment)
        return {"written": list(outcome.result["written"])}

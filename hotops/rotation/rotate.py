"""Rotate: a successor beside the present credential, in vault and places, proven; only then the old one goes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.clock import rfc3339
from hotops.core.driver import drive
from hotops.core.errors import HotopsError, UsageError
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.secret import Secret
from hotops.deploy.refresh import Refresh
from hotops.inventory.schema import Environment
from hotops.inventory.spec import nearest
from hotops.promote.holding import hold, let_go
from hotops.promote.pairs import environment_of
from hotops.rotation.provider import ByHand, CanNotOverlap, Provider
from hotops.rotation.providers import Asked, provider_of
from hotops.rotation.rotate_plan import BACKWARD, LONGEST_WAIT_S, RotateSeen, backward, forward
from hotops.rotation.rotate_told import DOCS, rotation_lines, what_is_valid
from hotops.secrets.ages import age_of
from hotops.secrets.ledger import Ledger
from hotops.secrets.map_file import load_map
from hotops.secrets.mirror import MirrorSecrets, MirrorWant
from hotops.secrets.rotation_log import Event, RotationLog
from hotops.secrets.secret_map import SecretMap
from hotops.secrets.wanted import vault_of
from hotops.vault.vault import Vault


class RotateWant(Spec):
    """Options of a rotation."""

    secret: str = Field(min_length=1, description="Secret of the map that is rotated.")
    force: bool = Field(
        default=False,
        description="Whether it is rotated although not due (`rotate_days`), and an old one ends before its time.",
    )
    leaked: bool = Field(
        default=False, description="Whether the present one leaked: it is revoked first, and what uses it stops."
    )
    undo: bool = Field(
        default=False,
        description="Whether a rotation that is under way goes back to the old one, which is proven first.",
    )
    accept_outage: bool = Field(
        default=False, description="Whether a credential that can't overlap is changed: nothing logs in meanwhile."
    )
    grace_s: float | None = Field(
        None,
        ge=0,
        description="Time between the proof of the new one and the end of the old one, in seconds; what the map says"
        " (`overlap_s`) if omitted.",
    )


class RotationIncomplete(HotopsError):
    """A rotation came to a stop: both credentials are valid (the new one alone, where the old one leaked)."""

    code = "rotation_incomplete"


class _MirrorSome(MirrorSecrets):
    """The mirror of some secrets of the map."""

    secrets: tuple[str, ...] = ()
    #: Whether what machines have is refused (or must be) already: then none of them drains before it is made anew.
    is_urgent: bool = False

    def mapped(self) -> SecretMap:
        return load_map(self.environment).only(self.secrets)

    def refresh_of(self, app: str) -> Refresh:
        found = super().refresh_of(app)
        return replace(found, drain_s=0.0) if self.is_urgent else found


class RotateSecret(Operation[RotateWant, RotateSeen]):
    """Replace a credential by a successor without a moment in which none is valid.

    The successor is kept in the vault as `.new` before it counts anywhere; it is activated beside the present one and
    proven; the vault, Fly and GitHub get it, machines are made anew; it is proven again; then the old one is revoked.
    Interrupted anywhere, a re-run goes on from what vault, log and provider show, and `undo` goes back. What is not due
    is left.
    Raises: CanNotOverlap, ByHand, RotationIncomplete, UsageError, LockHeld, and what the mirror raises.
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
        name, vault = self.want.secret, self.vault
        mapped = found.secrets.get(name)
        if mapped is None:
            near = nearest(name, found.secrets)
            known = f"It has {', '.join(found.secrets)}." if found.secrets else ""
            raise UsageError(f"The map has no secret {name}.", remedy=f"Did you mean {near}?" if near else known)
        item = vault.find(mapped.vault or name)
        self._provider = self.provider_for(
            Asked(
                self.context, self.environment, name, mapped, item, vault.fingerprint, lambda: vault.value(item),
                self._place,
            )
        )  # fmt: skip
        entries = RotationLog(vault).entries(name)
        now, coming = vault.fit_value(item), vault.sibling(item, "new")
        mine = vault.fingerprint(coming) if coming is not None else ""
        since_begun = [entry for entry in entries if entry.fingerprint == mine]
        leaked = self.want.leaked or any(entry.leaked for entry in since_begun)
        declared = mapped.provider.overlap_s if mapped.provider else 0.0
        self._seen = RotateSeen(
            mapped,
            item,
            now,
            coming,
            vault.sibling(item, "old"),
            age_of(name, found, Ledger(vault).marks, entries, now=self.context.clock.now()),
            begun=bool(since_begun),
            leaked=leaked,
            proven_at=next((entry.at for entry in reversed(since_begun) if entry.event == "proven"), None),
            overlap_s=0.0 if leaked else declared if self.want.grace_s is None else self.want.grace_s,
            at=self.context.clock.now(),
        )
        return self._seen

    def plan(self, state: RotateSeen) -> Plan:
        name, provider, want = self.want.secret, self.provider, self.want
        title = f"{'Undo the rotation of' if want.undo else 'Rotate'} {name} of {self.environment.name}"
        if want.undo:
            if not state.is_under_way:
                return Plan((), title, {"undo": None}, "no rotation of it is under way")
            return Plan(tuple(backward(name, state, provider)), title, {"undo": name})
        if state.is_under_way and state.is_in_vault and not state.begun:
            raise UsageError(
                f"{state.item}.new holds the present value, not a new one.",
                remedy="Put the new one there, run it again.",
            )
        wanted = state.is_under_way or state.age.is_due or want.force or want.leaked
        if not wanted:
            unknown = state.age.is_due is None
            why = "it is not known since when it is there; -e force=true rotates it" if unknown else "not due"
            return Plan((), title, {"rotate": None}, why)
        if state.proven_at is not None and state.waits_s and not want.force:
            until = rfc3339(state.at + state.waits_s)
            return Plan(
                (), title, {"rotate": None}, f"the old one stays valid until {until}; -e force=true ends it now"
            )
        self._refuse_what_needs_a_person(state)
        steps = forward(name, state, provider, leaked=state.leaked, ends_now=want.force and state.proven_at is not None)
        present = provider.told(state.old) if state.old else "?"
        return Plan(tuple(steps), title, {"rotate": name, "from": present, "leaked": state.leaked})

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
        if what in BACKWARD:
            return self._back(what)
        return self._on(what)

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
        is_under_way = self._observed.is_under_way
        valid = what_is_valid(steps, overlaps=self.provider.overlaps, under_way=is_under_way, undo=self.want.undo)
        by_hand = isinstance(error, ByHand)
        return RotationIncomplete(
            f"{error.message.rstrip('.')}. Done: {', '.join(steps) or 'nothing'}. {valid}.",
            remedy=error.remedy if by_hand else f"{error.remedy or ''} Run it again: it goes on from there.".strip(),
            request_id=error.request_id,
            code=error.failure_code if by_hand else None,
            exit_code=error.failure_exit if by_hand else None,
            details={"cause": error.as_failure(), "done": steps},
        )

    def report(self, state: RotateSeen, plan: Plan, done: Done) -> dict[str, Any]:
        name = self.want.secret
        revoked = done.get(f"{name}/revoke", {}) or done.get(f"{name}/revoke_new", {})
        proven = done.get(f"{name}/activate", {}) or done.get(f"{name}/prove", {})
        is_open = bool(state.waits_s) and f"{name}/revoke" not in done and (bool(done) or state.proven_at is not None)
        result = {
            "secret": name,
            "rotated": bool(done) and not self.want.undo,
            "undone": bool(done) and self.want.undo,
            "due": state.age.is_due,
            "age_days": None if state.age.age_days is None else round(state.age.age_days, 1),
            "from_credential": self.provider.told(state.old) if state.old else "",
            "to_credential": str(proven.get("logged_in", "")),
            "revoked": str(revoked.get("revoked", "")),
            "left": str(revoked.get("left", "")),
            "old_valid_until": rfc3339(state.at + state.waits_s) if is_open else None,
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

    def _refuse_what_needs_a_person(self, state: RotateSeen) -> None:
        """Before anything changes: an outage that nobody accepted, a successor that only a person can make."""
        if state.is_under_way:
            return
        name = self.want.secret
        if not self.provider.overlaps and not self.want.accept_outage:
            raise CanNotOverlap(
                f"{name} can't overlap: from its change until places and machines have the new one, nothing logs in.",
                remedy="Announce it, then: -e accept_outage=true. Or two login roles: {kind: postgres, owner: …}.",
            )
        steps = self.provider.by_hand(leaked=state.leaked)
        if steps:
            told = " ".join(f"{number}. {step}" for number, step in enumerate(steps, start=1))
            raise ByHand(f"{name} is changed by hand. {told}", details={"secret": name, "steps": list(steps)})

    def _on(self, what: str) -> Fact:
        """One step on to the new credential, which the vault keeps."""
        state, provider, vault = self._observed, self.provider, self.vault
        new = self._coming()
        if what == "activate":
            self._note("begun", new)
            return {**provider.activate(new), **provider.prove(new)}
        if what == "vault":
            vault.keep_sibling(state.item, "old", state.now)
            if not state.leaked:
                self._write(provider.beside(state.now))
            vault.write(state.item, new)
            return {"reference": vault.reference(state.item)}
        if what == "places":
            return self._mirrored((self.want.secret, *provider.beside(new)))
        if what == "prove":
            fact = provider.prove(new)
            if state.proven_at is None:
                self._note("proven", new)
                # A connection that is just being made ends first.
                self.context.clock.sleep(state.overlap_s if state.overlap_s <= LONGEST_WAIT_S else 0.0)
            return fact
        old = vault.sibling(state.item, "old")
        fact = provider.revoke(old) if old is not None else {}
        if old is not None:
            self._note("left" if "left" in fact else "ended", old)
        vault.drop_sibling(state.item, "new")
        return fact

    def _back(self, what: str) -> Fact:
        """One step back to the old credential."""
        state, provider, vault = self._observed, self.provider, self.vault
        old = state.old
        if old is None:
            raise HotopsError(
                f"{state.item}.old is gone from the vault.", remedy="There is no way back: run it without undo=true."
            )
        if what == "prove_old":
            return provider.prove(old)
        if what == "reactivate":
            return {**provider.activate(old), **provider.prove(old)}
        if what == "vault_back":
            self._write(provider.beside(old))
            vault.write(state.item, old)
            return {"reference": vault.reference(state.item)}
        if what == "places_back":
            return self._mirrored((self.want.secret, *provider.beside(old)))
        fact = provider.revoke(self._coming())
        self._note("undone", old)
        vault.drop_sibling(state.item, "new")
        return fact

    def _note(self, event: Event, value: Secret) -> None:
        leaked = event == "begun" and self._observed.leaked
        told = self.provider.told(value)
        RotationLog(self.vault).note(self.context, self.want.secret, event, told, value, leaked=leaked)

    def _coming(self) -> Secret:
        """The successor as the vault keeps it, which is the only place that has it."""
        new = self.vault.sibling(self._observed.item, "new")
        if new is None:
            raise HotopsError(
                f"{self._observed.item}.new is gone from the vault.", remedy="Run it again: it makes another successor."
            )
        return new

    def _write(self, values: Mapping[str, Secret]) -> None:
        found = load_map(self.environment)
        for name, value in values.items():
            self.vault.write(self.vault.find(found.secrets[name].vault or name), value)

    def _place(self, values: Mapping[str, Secret]) -> Fact:
        """Write secrets of the map into the vault, and have their places and machines follow."""
        self._write(values)
        return self._mirrored(values)

    def _mirrored(self, names: Collection[str]) -> Fact:
        """Write them to all places of the map and have the machines made anew. Keeps this run's lock."""
        mirror = _MirrorSome(MirrorWant(adopt="write"), self.context)
        mirror.secrets = tuple(names)
        mirror.is_urgent = self._observed.leaked or not self.provider.overlaps
        outcome = drive(mirror)
        hold(self.context, self.environment)
        return {"written": list(outcome.result["written"])}

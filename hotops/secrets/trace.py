"""Trace: something leaked. What is it, is it valid, what may it do, who uses it, what now? It is never shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pydantic import Field

from hotops.core.clock import rfc3339
from hotops.core.documented import Documented
from hotops.core.errors import HotopsError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.parallel import map_settled
from hotops.core.secret import Secret, scrub_data
from hotops.fly import Fly
from hotops.fly.models import AppSecret
from hotops.inventory.schema import Environment
from hotops.promote.pairs import environment_of
from hotops.secrets.authenticating import Authenticator, declared_of
from hotops.secrets.credential_forms import Form, form_of
from hotops.secrets.formats import part_of
from hotops.secrets.leak import Match, leaked_text, matches, peeled
from hotops.secrets.ledger import Ledger, Mark
from hotops.secrets.logins import Login
from hotops.secrets.map_file import load_map
from hotops.secrets.places import why_unreadable
from hotops.secrets.secret_map import CREDENTIAL_PARTS, SecretMap, Target
from hotops.secrets.sharing import environment_of_item
from hotops.secrets.trace_told import RETURNS, Use, lines_of, next_steps
from hotops.secrets.wanted import vault_of
from hotops.vault.errors import VaultError
from hotops.vault.vault import Vault


class TraceWant(Spec):
    """Options of a trace. The leaked value itself is no option: it would stand in logs and in lists of processes."""

    file: str | None = Field(
        None, min_length=1, description="File of mode 600 with the leaked text; standard input if omitted."
    )
    authenticate: bool = Field(
        default=False, description="Whether it is used once, for reading, to see whether it is still valid."
    )


@dataclass(frozen=True)
class Traced:
    """All that is known of what leaked, but for itself."""

    form: Form | None
    login: Login | None
    found: tuple[Match, ...]
    uses: tuple[Use, ...]
    notes: tuple[str, ...]
    secrets: tuple[str, ...]
    known: SecretMap | None
    value: Secret


class TraceSecret(Operation[TraceWant, Traced]):
    """Look a leaked value up in vault, ledger, map and Fly's digests. Writes nothing, and keeps nothing of it.

    Calls: one an app for digests; with `authenticate` one more. Fly may be down: that is told, the rest is known.
    Raises UsageError, VaultMissing, VaultModes.
    """

    name: ClassVar[str] = "secrets_trace"
    Want: ClassVar[type[Spec]] = TraceWant
    effect = "read"
    needs_environment = True
    keeps_evidence = False
    docs = Documented(
        short="Trace a leaked value: what it is, who uses it, what to do",
        description=(
            "Reads the leaked text from a file or standard input, never from an option, and never shows it.",
            "Tells its kind by its form; with O(authenticate) whether it is valid, by one reading call.",
            "Finds it in the vault (all environments), and from there in apps, in GitHub, and by Fly's digests.",
            "Says what to do next: the rotation that replaces it, or where it is revoked by hand.",
        ),
        returns=RETURNS,
        examples="""
- name: What is it that leaked, and who uses it?
  hotops.core.secrets_trace:
    file: /run/user/1000/leaked
  register: leak
  run_once: true

- name: Is it still valid?
  hotops.core.secrets_trace:
    file: /run/user/1000/leaked
    authenticate: true
  register: leak
  run_once: true
""",
        see_also=("secrets_rotate", "secrets_scan", "secrets_audit"),
    )

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    def observe(self) -> Traced:
        text = leaked_text(self.want.file)
        value = peeled(text)
        notes: list[str] = []
        vault = vault_of(self.environment, may_write=False)
        notes += [f"not looked into: {error.message}" for error in vault.unreadable.values()]
        found = matches(text, value, vault)
        known = self._map(notes)
        names = _secrets_of(known, vault, found) if known is not None else ()
        uses = self._uses(known, vault, names, notes) if known is not None else ()
        login = None
        # The pasted text may hold more than the value: what the vault has is what can be used.
        whole = next((vault.value(match.item) for match in found if "password" not in match.how), value)
        if self.want.authenticate:
            declared = declared_of(known.secrets[names[0]]) if known is not None and names else None
            login = Authenticator(self.context, self.environment).login(whole, declared)
        return Traced(form_of(whole), login, tuple(found), uses, tuple(notes), names, known, text)

    def report(self, state: Traced, plan: Plan, done: Done) -> dict[str, Any]:
        form, environment = state.form, self.environment.name
        steps = next_steps(environment, state.secrets, state.known, form, state.found)
        is_valid = state.login is not None and state.login.state == "valid"
        failed = [{"kind": "in_use", "subject": use.place} for use in state.uses]
        failed += [{"kind": "in_vault", "subject": str(match.item)} for match in state.found]
        failed += [{"kind": "valid", "subject": state.login.kind}] if is_valid and state.login is not None else []
        result = {
            "what": form.what if form else "in no known form: random bytes, a password, or a part of something",
            "form": form.form if form else None,
            "may": (state.login.may if is_valid and state.login else "") or (form.may if form else "unknown"),
            "expires_at": rfc3339(form.expires_at) if form and form.expires_at else None,
            "login": state.login.as_row() if state.login else None,
            "vault": [
                {
                    "place": str(match.item),
                    "line": match.item.line,
                    "environment": environment_of_item(match.item),
                    "how": match.how,
                }
                for match in state.found
            ],
            "secrets": list(state.secrets),
            "uses": [use.as_row() for use in state.uses],
            "notes": list(state.notes),
            "steps": list(steps),
            "failed_findings": failed,
        }
        result["hotops_screen"] = lines_of(result)
        # The last wall: whatever an answer or a name repeats of it is masked.
        scrubbed: dict[str, Any] = scrub_data(result, [state.value, peeled(state.value)])
        return scrubbed

    # --- inside ------------------------------------------------------------------------------------------------------

    def _map(self, notes: list[str]) -> SecretMap | None:
        try:
            return load_map(self.environment)
        except HotopsError as error:
            notes.append(f"the secret map tells nothing: {error.message}")
            return None

    def _uses(self, found: SecretMap, vault: Vault, names: tuple[str, ...], notes: list[str]) -> tuple[Use, ...]:
        """Places that get one of these secrets, and names at Fly that have the same digest."""
        marks = Ledger(vault).marks
        uses: dict[str, Use] = {}
        digests: dict[str, str] = {}
        for target, placed in found.placements():
            if placed.secret not in names or placed.part not in CREDENTIAL_PARTS:
                continue
            mark = marks.get(str(target))
            known_by = _known_by(found, vault, target, placed.secret, mark)
            uses[str(target)] = Use(str(target), placed.secret, known_by)
            if mark is not None and mark.digest and known_by == "ledger":
                digests[mark.digest] = placed.secret
        if not uses:
            return ()
        for app, secrets in self._at_fly(notes).items():
            for secret in secrets:
                place = f"fly:{app}/{secret.name}"
                if secret.digest in digests:
                    uses[place] = Use(place, digests[secret.digest], "digest")
                elif place in uses and uses[place].known_by == "ledger":
                    uses[place] = Use(place, uses[place].secret, "map")  # touched since: what it holds is not known
        return tuple(uses.values())

    def _names_at(self, app: str) -> list[AppSecret]:
        return self.context.client(Fly).secrets.list(app)  # a token that is missing is that app's answer, as any other

    def _at_fly(self, notes: list[str]) -> dict[str, list[AppSecret]]:
        apps = [app for item in self.environment.apps.values() for app in (item.app, item.promote_from) if app]
        wanted = list(dict.fromkeys(apps))
        answers = map_settled(self._names_at, wanted)
        found: dict[str, list[AppSecret]] = {}
        for app, answer in zip(wanted, answers, strict=True):
            if isinstance(answer, HotopsError):
                notes.append(f"not looked into: fly:{app} {why_unreadable(answer)}")
            elif isinstance(answer, Exception):
                raise answer
            else:
                found[app] = answer
        return found


def _secrets_of(found: SecretMap, vault: Vault, matched: list[Match]) -> tuple[str, ...]:
    """Secrets of the map whose value is one of these, taken in by one of these included."""
    places = {str(match.item) for match in matched if not match.item.meaning.sibling}
    names = []
    for name, mapped in found.secrets.items():
        try:
            item = vault.find(mapped.vault or name)
        except VaultError:
            continue
        if str(item) in places:
            names.append(name)
    return tuple(names)


def _known_by(found: SecretMap, vault: Vault, target: Target, secret: str, mark: Mark | None) -> str:
    """`ledger` where it was written there, by fingerprint; else `map`, which says that it should be there."""
    part = next(placed.part for at, placed in found.placements() if at == target)
    try:
        value = part_of(vault.value(found.secrets[secret].vault or secret), part)
    except (VaultError, ValueError):
        return "map"
    return "ledger" if mark is not None and mark.fingerprint == vault.fingerprint(value) else "map"

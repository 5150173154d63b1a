"""Audit: vault, Fly, GitHub and map side by side; what is not as it should be; never a value."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError, VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.parallel import map_parallel
from hotops.health.finding import Finding, worst_first
from hotops.inventory.schema import Environment
from hotops.promote.pairs import environment_of
from hotops.secrets import env_matrix
from hotops.secrets.audit_findings import findings_of
from hotops.secrets.audit_places import see_places
from hotops.secrets.audit_rows import Audited, SecretRow, rows_of, undocumented
from hotops.secrets.audit_told import RETURNS, counts_of, lines_of, matrix_rows
from hotops.secrets.authenticating import Authenticator, declared_of
from hotops.secrets.judgement import judge
from hotops.secrets.ledger import Ledger
from hotops.secrets.map_file import load_map
from hotops.secrets.rotation_log import RotationLog
from hotops.secrets.secret_map import SecretMap
from hotops.secrets.sharing import shared_of
from hotops.secrets.wanted import vault_of, want_of
from hotops.vault.errors import VaultError
from hotops.vault.vault import Item, Vault

STEP = "env_matrix"


class AuditWant(Spec):
    """Options of an audit."""

    places: tuple[Literal["fly", "github"], ...] = Field(
        ("fly", "github"), min_length=1, description="Which clouds are asked: fly, github, or both."
    )
    authenticate: bool = Field(
        default=False,
        description="Whether each credential is used once, for reading: is it taken, what may it do? One call each.",
    )
    fail_on_findings: bool = Field(
        default=False, description="Whether the task fails when something is bad or unknown; the command always tells."
    )


class AuditFound(HotopsError):
    """Secrets are not as map and vault say, or env_matrix is not current."""

    code = "audit_findings"
    exit_code = ExitCode.FINDINGS


@dataclass(frozen=True)
class AuditSeen:
    """What is known, what of it is not well, and the text of the file that tells it (None: none is declared)."""

    audited: Audited
    findings: tuple[Finding, ...]
    part: str
    before: tuple[str, ...]
    is_current: bool

    @property
    def is_partial(self) -> bool:
        """Whether a place did not answer or was not asked: a file that knows more is not overwritten then."""
        seen = self.audited.seen
        return bool(seen.not_asked) or any(closed.trouble != "not_found" for closed in seen.closed.values())


class AuditSecrets(Operation[AuditWant, AuditSeen]):
    """Compare vault, places and map; keep the declared env_matrix current. Writes nothing else anywhere.

    Calls: three reads an app, one a scope of GitHub, one for each app that is promoted from; one a credential where
    that is asked for.
    A place that can't be read is a finding of its own, the rest is told, and the file stays as it is.
    Raises: MapError, VaultMissing, VaultModes, MatrixBroken, MatrixUnwritable, AuditFound.
    """

    name: ClassVar[str] = "secrets_audit"
    Want: ClassVar[type[Spec]] = AuditWant
    effect = "write"
    needs_environment = True
    docs = Documented(
        short="Audit secrets: vault, Fly.io, GitHub and the secret map in one table",
        description=(
            "Tells where each secret of the map stands in the vault, and what each of its places holds.",
            "Equal, absent, changed in the vault since, touched elsewhere, staged on no machine; unknown is an answer.",
            "Finds placeholders, empty and malformed values, and what is due for rotation.",
            "Finds values that environments share, names that nobody mapped, and values that nobody uses.",
            "Where the inventory declares C(env_matrix), the marked part of that Markdown file is kept current.",
            "That part holds names, places, states and users, never a value. Nothing else is written.",
            "With O(authenticate), each credential is used once, for reading, as its form or the map says.",
        ),
        returns=RETURNS,
        examples="""
- name: Every secret is where the map says, and nobody shares one
  hotops.core.secrets_audit:
    fail_on_findings: true
  run_once: true

- name: Only Fly is asked, and each credential is used once
  hotops.core.secrets_audit:
    places: [fly]
    authenticate: true
  register: audit
  run_once: true
""",
        see_also=("secrets_mirror", "secrets_rotate", "secrets_scan"),
    )

    _vault: Vault | None = None

    @property
    def environment(self) -> Environment:
        return environment_of(self.context)

    @property
    def vault(self) -> Vault:
        """The environment's vault, opened once, for reading only."""
        if self._vault is None:
            self._vault = vault_of(self.environment, may_write=False)
        return self._vault

    def observe(self) -> AuditSeen:
        vault = self.vault  # first: who may read it matters more than a map that is missing
        found = load_map(self.environment)
        matrix = self._matrix_text()  # a file that can't be kept is told before anybody is asked
        wanted, problems = want_of(found, vault)
        marks, rotations = Ledger(vault).marks, RotationLog(vault).entries()
        seen = see_places(self.context, self.environment, found, self.want.places)
        judged = judge(found, wanted, seen.held, marks, adopt=False, problems=tuple(problems))
        items = _items(found, vault)
        shared = shared_of(
            vault,
            items,
            wanted,
            seen,
            marks=marks,
            own_places={*found.destinations(), *(f"fly:{app.app}" for app in self.environment.apps.values())},
            allowed={name for app in self.environment.apps.values() for name in app.shared_secrets_ok},
        )
        rows = rows_of(
            found, seen, judged,
            items=items, problems=problems, marks=marks, rotations=rotations, shared=shared,
            now=self.context.clock.now(),
        )  # fmt: skip
        if self.want.authenticate:
            rows = self._tried(found, rows, items)
        audited = Audited(
            rows,
            _unused(vault, items),
            undocumented(judged),
            seen,
            tuple(problems),
            tuple(error.message for error in vault.unreadable.values()),
        )
        part = env_matrix.table(matrix_rows(audited))
        path = self.environment.env_matrix
        before: tuple[str, ...] = ()
        is_current = True
        if path is not None:
            name = self.environment.name
            before = tuple(env_matrix.part_of(matrix, name, shown=path))
            is_current = env_matrix.with_part(matrix, name, part, shown=path) == matrix
        findings = findings_of(audited, self.environment.name)
        return AuditSeen(audited, tuple(findings), part, before, is_current)

    def plan(self, state: AuditSeen) -> Plan:
        self._seen = state
        path = self.environment.env_matrix
        if path is None or state.is_current or state.is_partial:
            return Plan(why_empty=_why_left(path, state))
        now = [line for line in state.part.splitlines() if line.strip()]
        gone = [line for line in state.before if line not in now]
        new = [line for line in now if line not in state.before]
        step = Step(
            STEP, path, "update" if state.before else "create", {"rows": "\n".join(gone)}, {"rows": "\n".join(new)}
        )
        return Plan((step,), f"Keep {path} current for {self.environment.name}")

    def apply(self, step: Step, done: Done) -> Fact:
        environment = self.environment
        assert environment.env_matrix is not None  # noqa: S101 (a step is planned only where it is declared)
        env_matrix.write(
            environment.path(environment.env_matrix),
            environment.name,
            self._seen.part,
            project=environment.project_dir,
            shown=environment.env_matrix,
        )
        return {"written": environment.env_matrix}

    def verify(self, plan: Plan, done: Done) -> None:
        environment, text = self.environment, self._matrix_text()
        wanted = [line for line in self._seen.part.splitlines() if line.strip()]
        is_there = env_matrix.part_of(text, environment.name, shown=str(environment.env_matrix))[: len(wanted)]
        if is_there != wanted:
            raise VerifyFailed(
                f"{environment.env_matrix} is not what was written: somebody else writes there too.",
                remedy="Run it again.",
                exit_code=ExitCode.ERROR,
            )

    def report(self, state: AuditSeen, plan: Plan, done: Done) -> dict[str, Any]:
        path, audited = self.environment.env_matrix, state.audited
        matrix = _matrix_state(path, state, written=bool(done))
        findings = list(state.findings)
        if matrix == "not current":
            findings.append(
                Finding(
                    "env_matrix",
                    "",
                    str(path),
                    "is not current.",
                    "bad",
                    f"hotops secrets audit {self.environment.name}",
                )
            )
        findings = worst_first(findings)
        failed = [finding for finding in findings if finding.is_failure]
        calls = dict(Counter(call.host for call in self.context.calls))
        result = {
            "secrets": [row.as_row() for row in audited.rows],
            "unused": list(audited.unused),
            "undocumented": [str(place.target) for place in audited.undocumented],
            "findings": [finding.as_row() for finding in findings],
            "failed_findings": [finding.as_row() for finding in failed],
            "counts": dict(counts_of(audited)),
            "calls": calls,
            "env_matrix": {"path": path, "state": matrix},
            "hotops_screen": lines_of(audited, findings, calls, "" if path is None else f"{path}: {matrix}."),
        }
        if failed and self.want.fail_on_findings:
            kinds = ", ".join(f"{count} {kind}" for kind, count in Counter(each.kind for each in failed).most_common())
            raise AuditFound(
                f"The secrets of {self.environment.name} are not as they should be: {kinds}.",
                remedy=failed[0].remedy,
                details=result,
            )
        return result

    # --- inside ------------------------------------------------------------------------------------------------------

    def _tried(self, found: SecretMap, rows: tuple[SecretRow, ...], items: Mapping[str, Item]) -> tuple[SecretRow, ...]:
        """The rows with what came of using each credential once; equal values are used once together."""
        ask = Authenticator(self.context, self.environment)
        values = {row.name: self.vault.value(items[row.name]) for row in rows if row.vault == "present"}
        prints = {name: self.vault.fingerprint(value) for name, value in values.items()}
        first: dict[str, str] = {}
        for name, fingerprint in prints.items():
            first.setdefault(fingerprint, name)
        asked = list(first.items())
        answers = map_parallel(lambda one: ask.login(values[one[1]], declared_of(found.secrets[one[1]])), asked)
        logins = dict(zip(first, answers, strict=True))
        return tuple(replace(row, login=logins[prints[row.name]]) if row.name in prints else row for row in rows)

    def _matrix_text(self) -> str | None:
        environment, path = self.environment, self.environment.env_matrix
        if path is None:
            return None
        return env_matrix.read(environment.path(path), project=environment.project_dir, shown=path)


def _why_left(path: str | None, state: AuditSeen) -> str:
    if path is None:
        return "no env_matrix is declared"
    return f"{path} is current" if not state.is_partial else f"not every place was read, so {path} stays as it is"


def _matrix_state(path: str | None, state: AuditSeen, *, written: bool) -> str:
    if path is None:
        return "not declared"
    if state.is_partial:
        return "left"
    return "current" if state.is_current else "written" if written else "not current"


def _items(found: SecretMap, vault: Vault) -> dict[str, Item]:
    """Where each secret of the map stands; those that the vault can't find are left out."""
    items: dict[str, Item] = {}
    for name, mapped in found.secrets.items():
        try:
            items[name] = vault.find(mapped.vault or name)
        except VaultError:
            continue
    return items


def _unused(vault: Vault, items: dict[str, Item]) -> tuple[str, ...]:
    """What counts in this environment and is in no entry of the map, nor taken in by one that is."""
    used = {str(item) for item in items.values()}
    taken_in: set[str] = set()
    for item in items.values():
        entry = vault.documents[item.path].entry(item.written_key)
        taken_in.update(entry.references if entry else ())
    return tuple(str(item) for item in vault.here() if str(item) not in used and not taken_in & {item.name, item.key})

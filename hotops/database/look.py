"""A connection string of the vault looked at: judged by its use, proven from here, and error texts explained."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError, UsageError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.secret import Secret
from hotops.database.project import circumstances_of, declared_use, project_facts
from hotops.database.running import proven_inside
from hotops.database.told import JUDGED, judged_data, judged_lines, proof_data, proof_lines
from hotops.dsn.explaining import Explanation, explain
from hotops.dsn.judging import Circumstances, Judgement, judge
from hotops.dsn.proof import Proof, Prover
from hotops.fly import Fly
from hotops.inventory.database import DatabaseUse
from hotops.promote.pairs import environment_of
from hotops.secrets.wanted import vault_of


class DsnFindings(HotopsError):
    """A connection string is not what its use needs, or does not connect."""

    code = "dsn_findings"
    exit_code = ExitCode.FINDINGS


class LookWant(Spec):
    """Options of a look."""

    app: str | None = Field(None, description="Host or app whose declared `database` is meant.")
    secret: str | None = Field(
        None, description="Where the vault has the string: a name, path#KEY, or a reference; of O(app) if omitted."
    )
    use: Literal["migrations", "server", "serverless", "backup", "replication"] | None = Field(
        None, description="What it is used for; as O(app) declares, else V(server)."
    )
    ipv6: bool | None = Field(None, description="Whether there is IPv6 where it is used; as O(app) declares, else yes.")
    prove: bool = Field(default=True, description="Whether to connect from here; a look that writes nothing.")
    ca_file: str | None = Field(None, description="Root certificate to verify the server with, besides a sandbox's.")
    error_text: str | None = Field(None, description="An error or log of a client, to be explained.")
    fail_on_findings: bool = Field(
        default=False, description="Whether it ends red when something is wrong, or does not connect."
    )


@dataclass(frozen=True)
class Looked:
    """What was found."""

    judged: Judgement | None
    proof: Proof | None
    corrected_proof: Proof | None
    inside: Proof | None
    explained: tuple[Explanation, ...]


class SupabaseDsn(Operation[LookWant, Looked]):
    """Judge a connection string of the vault by its use, prove it from here, and explain error texts.

    Calls: 2 of Supabase's, 3 where a budget is declared. Raises NotInVault, NoProject, DsnFindings, MissingExtra.
    """

    name: ClassVar[str] = "supabase_dsn"
    Want: ClassVar[type[Spec]] = LookWant
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Judge a connection string by its use, prove it, and say what is wrong",
        description=(
            "Takes a connection string from the vault, and tells by host, user and port together what it leads to.",
            "Judges it by its use; computes the right one, with the pooler's host as the Management API names it.",
            "Connects from here step by step: name, TCP, TLS, login, a query, a prepared statement.",
            "Shows user, host, port and database, never a value.",
        ),
        returns={
            **JUDGED,
            "proof": {
                "description": "The steps of connecting with the string as it is: step, outcome, said, cause.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "sample": [{"step": "login", "outcome": "failed", "cause": "wrong_password"}],
            },
            "corrected_proof": {
                "description": "The same for the right one.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "sample": [],
            },
            "inside": {
                "description": "The same for the right one from a machine of O(app), where C(exec_checks) allows that.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "sample": [],
            },
            "connects": {
                "description": "Whether the right one (or the string, where it is right) connects; none if not tried.",
                "returned": "success",
                "type": "bool",
                "sample": True,
            },
            "explained": {
                "description": "Causes that O(error_text) names: cause, says, do, source, line, count.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "sample": [],
            },
        },
        examples="""
- name: Chatwoot's connection string is what a long-lived server needs, and connects
  hotops.core.supabase_dsn:
    app: shop-chatwoot
    fail_on_findings: true
  run_once: true

- name: What does this error mean?
  hotops.core.supabase_dsn:
    error_text: "FATAL: Tenant or user not found"
  run_once: true
""",
        see_also=("dsn_fix", "secrets_mirror"),
    )

    def observe(self) -> Looked:
        want = self.want
        judged = self._judged() if want.app or want.secret else None
        if judged is None and not (want.error_text or "").strip():
            raise UsageError(
                "Nothing to look at: neither an app, nor a secret of the vault, nor the text of an error is given.",
                remedy="Give one of them, such as --error-text 'FATAL: Tenant or user not found'.",
            )
        proof = corrected = None
        if judged is not None and want.prove:
            prover = Prover(self.context.world, Path(want.ca_file) if want.ca_file else None)
            proof = prover.prove(judged.dsn) if judged.dsn and judged.dsn.hosts and judged.text_is_right else None
            corrected = prover.prove(judged.corrected) if judged.corrected else None
        inside = self._inside(judged) if judged is not None and want.prove and want.app else None
        return Looked(judged, proof, corrected, inside, explain(want.error_text or ""))

    def report(self, state: Looked, plan: Plan, done: Done) -> dict[str, Any]:
        judged = state.judged
        last = state.inside or state.corrected_proof or state.proof
        lines = judged_lines(self.want.app or self.want.secret or "", judged) if judged else []
        lines += proof_lines("as it is:", state.proof) + proof_lines("as it should be:", state.corrected_proof)
        lines += proof_lines("the right one from a machine of the app:", state.inside)
        for one in state.explained:
            lines += [f"{one.cause} ({one.count}): {one.says}", f"  {one.do}"]
        if self.want.error_text and not state.explained:
            lines.append("Nothing in it is a known error of a connection.")
        result: dict[str, Any] = {
            **(judged_data(judged) if judged else dict.fromkeys(JUDGED)),
            "proof": proof_data(state.proof),
            "corrected_proof": proof_data(state.corrected_proof),
            "inside": proof_data(state.inside),
            "connects": last.works if last else None,
            "explained": [vars(one) for one in state.explained],
            "hotops_screen": lines,
        }
        bad = (judged is not None and judged.verdict == "wrong") or (last is not None and not last.works)
        if bad and self.want.fail_on_findings:
            codes = ", ".join(judged.codes) if judged else ""
            raise DsnFindings(
                f"{self.want.app or self.want.secret}: the connection string is not right: {codes or 'no connection'}.",
                remedy=f"ansible-playbook dsn_fix.yml -l {self.want.app}" if self.want.app else "See the findings.",
                details=result,
            )
        return result

    # --- inside -------------------------------------------------------------------------------------------------------

    def _inside(self, judged: Judgement) -> Proof | None:
        """From where it will run: a machine of the app, if commands there are declared."""
        dsn = judged.corrected or (judged.dsn if judged.text_is_right else None)
        environment = environment_of(self.context)
        app = next((one for one in environment.apps.values() if self.want.app in (one.app, one.host)), None)
        if app is None or dsn is None or not dsn.hosts or not app.exec_checks or self.context.check:
            return None
        return proven_inside(self.context, app, self.context.client(Fly).machines.list(app.app), dsn)

    def _judged(self) -> Judgement:
        environment = environment_of(self.context)
        use = declared_use(environment, self.want.app, ())[1] if self.want.app else DatabaseUse()
        vault = vault_of(environment, may_write=False)
        text: Secret = vault.value(self.want.secret or use.secret)
        circumstances = self._circumstances(use)
        name = use.project or environment.supabase_project
        project = project_facts(self.context, name, with_room=circumstances.budget is not None)
        return judge(text, circumstances, project)

    def _circumstances(self, use: DatabaseUse) -> Circumstances:
        declared = circumstances_of(use)
        return replace(
            declared,
            use=self.want.use or declared.use,
            ipv6=declared.ipv6 if self.want.ipv6 is None else self.want.ipv6,
        )

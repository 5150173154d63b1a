"""The papers of disaster recovery, written from the inventory and measured figures; what was never measured says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from hotops.backup.info import PointsWanted, RestorePoints
from hotops.core.clock import rfc3339, spoken_duration
from hotops.core.documented import Documented
from hotops.core.driver import drive
from hotops.core.errors import VerifyFailed
from hotops.core.operation import Done, Fact, Operation, Plan, Spec, Step
from hotops.core.report.look import template
from hotops.core.state import write_atomically
from hotops.core.table import aligned
from hotops.drill.result import seconds
from hotops.drill.standing import Standing, standings
from hotops.inventory.schema import Environment
from hotops.proofs.register import Register

#: File by template. The first is for who decides, the others for who does it.
FILES: Mapping[str, str] = {
    "can-we-come-back.html": "can_we_come_back.html.j2",
    "dr-plan.md": "dr_plan.md.j2",
    "restore-runbook.md": "restore_runbook.md.j2",
    "recovery-times.md": "recovery_times.md.j2",
}
NEVER = "never measured"


class DocumentsWanted(Spec):
    """Where to."""

    out: str = Field(
        "artifacts/disaster-recovery",
        min_length=1,
        description="Folder; a relative path begins at the project's folder.",
    )


@dataclass(frozen=True)
class Papers:
    """What the papers say, by file, and what stands there now."""

    wanted: Mapping[str, str]
    there: Mapping[str, str | None]
    standing: Sequence[Standing]
    answer: str


class DrDocuments(Operation[DocumentsWanted, Papers]):
    """Write plan, runbook, recovery times and the page for who decides. Raises RegisterDamaged.

    Asks what could be brought back today, as `restore_points` does: what can't be asked stands there as not known.
    """

    name = "dr_documents"
    Want = DocumentsWanted
    effect = "write"
    needs_environment = True
    docs = Documented(
        short="Write the papers of disaster recovery from measured figures",
        description=(
            "Writes a plan, a restore runbook, a table of recovery times, and one page for who decides.",
            "The page: can we come back, in how long, losing what, last time, what is not covered, next due.",
            "Every figure is of a drill in the register or of the backups there are; what was never measured says so.",
            "A sandbox's figures stand apart and are called a rehearsal.",
        ),
        returns={
            "files": {
                "description": "The papers, by path, and whether they were written now.",
                "returned": "success",
                "type": "dict",
                "sample": {"artifacts/disaster-recovery/dr-plan.md": True},
            },
            "answer": {
                "description": "Can we come back? V(yes), V(partly), V(not proven).",
                "returned": "success",
                "type": "str",
                "sample": "partly",
            },
        },
        examples="""
- name: The papers say what was measured
  hotops.core.dr_documents:
    out: docs/disaster-recovery
  run_once: true

- name: Would they change?
  hotops.core.dr_documents:
  check_mode: true
  run_once: true
""",
        see_also=("dr_drill", "dr_due", "restore_points"),
    )

    @property
    def environment(self) -> Environment:
        environment: Environment = self.context.environment
        return environment

    def observe(self) -> Papers:
        environment, now = self.environment, self.context.clock.now()
        entries = Register(environment.path(environment.dr.register_file)).entries()
        found = standings(environment, entries)
        points = drive(RestorePoints(PointsWanted(), self.context)).result["points"]
        seen = facts(environment, found, points, now)
        wanted = {
            file: template("hotops.drill", name, autoescape=name.endswith(".html.j2")).render(seen)
            for file, name in FILES.items()
        }
        folder = environment.path(self.want.out)
        return Papers(wanted, {file: _text(folder / file) for file in wanted}, found, seen["answer"])

    def plan(self, state: Papers) -> Plan:
        self._wanted = state.wanted
        steps = tuple(
            Step(
                f"write/{file}",
                str(Path(self.want.out) / file),
                "create" if state.there[file] is None else "update",
                before={},
                after={"lines": text.count("\n")},
            )
            for file, text in state.wanted.items()
            if _undated(state.there[file]) != _undated(text)
        )
        return Plan(
            steps, f"Papers of disaster recovery of {self.environment.name}", {}, "every paper says that already"
        )

    def apply(self, step: Step, done: Done) -> Fact:
        file = self.environment.path(step.target)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, self._wanted[file.name], mode=0o644)
        return {"written": str(step.target)}

    def verify(self, plan: Plan, done: Done) -> None:
        for step in plan.steps:
            file = self.environment.path(step.target)
            if _text(file) != self._wanted[file.name]:
                raise VerifyFailed(f"{step.target} does not hold what was written.", remedy="Run it again.")

    def report(self, state: Papers, plan: Plan, done: Done) -> dict[str, Any]:
        written = {step.target for step in plan.steps if step.name in done}
        rows = [
            [
                one.scenario,
                one.proof.at if one.proof else NEVER,
                _took(one),
                "due" if one.is_due(self.context.clock.now()) else "" if one.wanted else "not asked for",
            ]
            for one in state.standing
        ]
        files = {str(Path(self.want.out) / file): str(Path(self.want.out) / file) in written for file in state.wanted}
        screen = [
            f"Can we come back? {state.answer}",
            *aligned(rows, ("scenario", "proven", "served after", "")),
            *(f"{'written' if now else 'the same'}: {file}" for file, now in files.items()),
        ]
        return {"files": files, "answer": state.answer, "hotops_screen": screen}


def facts(
    environment: Environment, found: Sequence[Standing], points: Sequence[Mapping[str, Any]], now: float
) -> dict[str, Any]:
    """All that the papers say. Figures are those of proofs; a live environment's rehearsals are named so."""
    wanted = [one for one in found if one.wanted]
    good = [one for one in wanted if not one.is_due(now)]
    answer = "yes" if len(good) == len(wanted) else "partly" if good else "not proven"
    proofs = [one.proof for one in found if one.proof is not None]
    dues = [one.due_at for one in wanted if one.due_at is not None]
    return {
        "env_kind": environment.env_kind,
        "name": environment.name,
        "written_at": rfc3339(now),
        "answer": answer,
        "proven_of": f"{len(good)} of {len(wanted)}",
        "slowest": max(
            (one for one in proofs if one.recovery_s is not None), key=lambda one: one.recovery_s or 0.0, default=None
        ),
        "worst_loss": max(
            (one for one in proofs if one.loss_s is not None), key=lambda one: one.loss_s or 0.0, default=None
        ),
        "last": max(proofs, key=lambda entry: entry.began_at, default=None),
        "due_now": [one.scenario for one in wanted if one.is_due(now)],
        "due_next": rfc3339(min(dues)) if dues else None,
        "rto": seconds(environment.dr.rto_s),
        "rpo": seconds(environment.dr.rpo_s),
        "rto_s": environment.dr.rto_s,
        "rpo_s": environment.dr.rpo_s,
        "every_days": environment.dr.every_days,
        "region": environment.dr.second_region or "REGION",
        "second_region": environment.dr.second_region,
        "register": environment.dr.register_file,
        "project": environment.supabase_project,
        "repo": environment.github_repo,
        "backup": environment.backup,
        "apps": [
            {"name": app.app, "url": app.url, "checks": [check.path for check in app.health] or ["/health"]}
            for app in environment.in_order()
        ],
        "points": [
            {**point, "age": None if point["age_s"] is None else spoken_duration(point["age_s"])} for point in points
        ],
        "not_kept": _not_kept(points),
        "scenarios": found,
        "titles": {one.scenario: one.experiment.title for one in found},
        "not_proven": [one for one in found if one.proof is None],
        "took": _took,
        "lost": _lost,
        "never": NEVER,
    }


def _not_kept(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Of what no copy is kept, one item for each kind: that six apps have secrets is one thing to know, not six."""
    found: dict[tuple[str, str], list[str]] = {}
    for point in points:
        if point["newest"] is None:
            found.setdefault((point["kind"], point["how"]), []).append(point["of"])
    return [
        {"kind": kind, "how": how, "of": ", ".join(of) if len(of) <= 3 else f"{len(of)} apps"}
        for (kind, how), of in found.items()
    ]


def _took(one: Standing) -> str:
    """How long the way back took, and where: measured here, rehearsed in a sandbox, or never."""
    entry = one.measured
    if entry is None or entry.recovery_s is None:
        return NEVER
    return seconds(entry.recovery_s) + ("" if one.proof else " (rehearsed in a sandbox)")


def _lost(one: Standing) -> str:
    entry = one.measured
    if entry is None:
        return NEVER
    told = "no data at stake" if entry.loss_s is None else seconds(entry.loss_s)
    return told + ("" if one.proof else " (rehearsed in a sandbox)")


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _undated(text: str | None) -> str | None:
    """Without the lines that say when it was written or how old something is: those alone are no change."""
    if text is None:
        return None
    return "\n".join(line for line in text.splitlines() if "data-now" not in line and "<!-- now -->" not in line)

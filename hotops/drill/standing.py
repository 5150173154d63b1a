"""How each scenario stands: proven when, with which figures, where rehearsed, due when. Nothing is estimated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hotops.drill.experiment import Experiment, load, scenarios
from hotops.inventory.schema import Environment
from hotops.proofs.register import DAY_S, Entry, newest_proof


@dataclass(frozen=True)
class Standing:
    """One scenario of one environment. `rehearsal` is a sandbox's and proves nothing about live clouds."""

    scenario: str
    experiment: Experiment
    wanted: bool
    proof: Entry | None
    rehearsal: Entry | None
    failed: Entry | None
    due_at: float | None

    @property
    def measured(self) -> Entry | None:
        """The figures to expect: those of the proof, else of the rehearsal."""
        return self.proof or self.rehearsal

    def is_due(self, now: float) -> bool:
        """Whether it has to be proven and is not, or not any more."""
        return self.wanted and (self.due_at is None or self.due_at <= now)


def wanted_of(environment: Environment) -> tuple[str, ...]:
    """The scenarios that have to be proven: what is declared, else what may be drilled in this world."""
    usual = ("backup_restored",) if environment.env_kind == "live" else ("database_lost", "release_broken")
    return environment.dr.scenarios or usual


def standings(environment: Environment, entries: Sequence[Entry]) -> list[Standing]:
    """Every scenario that hotops brings, those that have to be proven first."""
    wanted = wanted_of(environment)
    rest = [name for name in scenarios() if name not in wanted]
    return [_standing(environment, entries, name, wanted=name in wanted) for name in (*wanted, *rest)]


def _standing(environment: Environment, entries: Sequence[Entry], name: str, *, wanted: bool) -> Standing:
    proof = newest_proof(entries, name, environment.name, environment.env_kind)
    rehearsed = [entry for entry in entries if entry.passed and (entry.scenario, entry.env_kind) == (name, "sandbox")]
    mine = [entry for entry in entries if (entry.scenario, entry.environment) == (name, environment.name)]
    newest = max(mine, key=lambda entry: entry.began_at, default=None)
    return Standing(
        name,
        load(name),
        wanted,
        proof,
        max(rehearsed, key=lambda entry: entry.began_at, default=None) if environment.env_kind == "live" else None,
        newest if newest is not None and not newest.passed else None,
        None if proof is None else proof.began_at + environment.dr.every_days * DAY_S,
    )

"""When a restore was proven last: by a drill that passed, or by a backup that came back and was compared row by row."""

from __future__ import annotations

from dataclasses import dataclass

from hotops.backup.proven import newest_proof as newest_note
from hotops.backup.settings import Where, settings_of
from hotops.core.clock import spoken_duration
from hotops.core.context import Context
from hotops.inventory.schema import Environment
from hotops.proofs.register import Register, newest_proof

#: Scenarios whose way back is a restore of the data.
RESTORES = ("backup_restored", "database_lost", "bad_migration", "project_deleted")


@dataclass(frozen=True)
class RestoreProof:
    """One proof: when (unix seconds), how, and how long the way back took."""

    at: float
    how: str
    seconds: float | None

    @property
    def told(self) -> str:
        """`drill backup_restored, back in 42 s`."""
        return self.how if self.seconds is None else f"{self.how}, back in {spoken_duration(self.seconds)}"


def restore_proof(context: Context, environment: Environment) -> RestoreProof | None:
    """The newest proof of this environment in this world; None where there is none.

    A sandbox's drills and backups prove nothing about live clouds. Raises RegisterDamaged, StoreFailed.
    """
    found: list[RestoreProof] = []
    entries = Register(environment.path(environment.dr.register_file)).entries()
    for scenario in RESTORES:
        entry = newest_proof(entries, scenario, environment.name, environment.env_kind)
        if entry is not None:
            found.append(RestoreProof(entry.began_at, f"drill {scenario}", entry.recovery_s))
    if environment.backup is not None and environment.backup.store is not None:
        settings = settings_of(context, Where())
        note = newest_note(settings.store, settings.environment, settings.database, settings.env_kind)
        if note is not None:
            how = f"backup {note['backup']} compared row by row"
            found.append(RestoreProof(float(note["proven_at"]), how, float(note["seconds"])))
    return max(found, key=lambda proof: proof.at, default=None)

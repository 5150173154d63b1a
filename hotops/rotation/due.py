"""Which secrets are due for rotation, 30 and 7 days ahead, and who would rotate each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import Field

from hotops.core.clock import rfc3339
from hotops.core.documented import Documented
from hotops.core.errors import ExitCode, HotopsError
from hotops.core.operation import Done, Operation, Plan, Spec
from hotops.core.table import aligned
from hotops.inventory.schema import Environment
from hotops.promote.pairs import environment_of
from hotops.secrets.ages import age_of
from hotops.secrets.issuers import Checklist, FlyToken, PostgresPassword
from hotops.secrets.ledger import Ledger
from hotops.secrets.map_file import load_map
from hotops.secrets.rotation_log import RotationLog
from hotops.secrets.secret_map import MappedSecret
from hotops.secrets.wanted import vault_of

_STATES = {
    "overdue": "due",
    "soon": "due this week",
    "ahead": "due this month",
    "fine": "fine",
    "unknown": "unknown since when",
    "never": "no period declared",
}


class RotationsDue(HotopsError):
    """A secret is due; `details` says which."""

    code = "rotations_due"
    exit_code = ExitCode.FINDINGS


class DueWanted(Spec):
    """What fails the task."""

    fail_when_due: bool = Field(
        default=True, description="Whether a secret that is due fails the task, with exit code 8."
    )


@dataclass(frozen=True)
class SecretsStand:
    """Each secret of the map, and how it stands; what is due first."""

    rows: tuple[dict[str, Any], ...]


class SecretsDue(Operation[DueWanted, SecretsStand]):
    """Read the secret map, the vault's ledger and the rotation log. Raises RotationsDue. No call is made."""

    name = "secrets_due"
    Want = DueWanted
    effect = "read"
    needs_environment = True
    docs = Documented(
        short="Say which secrets are due for rotation",
        description=(
            "Tells each secret of the map with C(rotate_days): overdue, due in 7 days, due in 30 days, or fine.",
            "The age counts from the last rotation, else from when hotops wrote the present value first.",
            "RV(rotatable) are the due ones that C(secrets_rotate) can rotate alone, in order: a token of Fly's last.",
            "A secret that needs an outage or a person is told and never among them.",
        ),
        returns={
            "due": {
                "description": "Names of what is due now.",
                "returned": "success",
                "type": "list",
                "elements": "str",
            },
            "rotatable": {
                "description": "Names of what is due and can be rotated by a schedule, in the order to do it in.",
                "returned": "success",
                "type": "list",
                "elements": "str",
                "sample": ["DATABASE_URL"],
            },
            "secrets": {
                "description": "One item for each secret of the map, the most urgent first.",
                "returned": "success",
                "type": "list",
                "elements": "dict",
                "contains": {
                    "secret": {"description": "Its name.", "type": "str"},
                    "state": {
                        "description": "V(overdue), V(soon) (7 days), V(ahead) (30), V(fine), V(unknown), V(never).",
                        "type": "str",
                    },
                    "age_days": {"description": "How long it is there; none where nobody knows.", "type": "float"},
                    "due_in_days": {"description": "Days until it is due; negative since.", "type": "float"},
                    "issuer": {"description": "Who issues it: the kind of its provider, or none.", "type": "str"},
                    "how": {
                        "description": "How it is rotated: alone, by_hand, with_outage, not_declared.",
                        "type": "str",
                    },
                    "rotated_at": {"description": "When it was rotated last, as the log knows.", "type": "str"},
                    "rotated_by": {"description": "Who did.", "type": "str"},
                    "under_way": {"description": "Whether a rotation began and did not end.", "type": "bool"},
                },
            },
        },
        examples="""
- name: Red when a secret is due
  hotops.core.secrets_due:
  run_once: true

- name: What is due, for a schedule that rotates it
  hotops.core.secrets_due:
    fail_when_due: false
  register: due
  run_once: true
""",
        see_also=("secrets_rotate", "dr_due"),
    )

    def observe(self) -> SecretsStand:
        environment: Environment = environment_of(self.context)
        found, now = load_map(environment), self.context.clock.now()
        vault = vault_of(environment, may_write=False)
        marks, entries = Ledger(vault).marks, RotationLog(vault).entries()
        rows: list[dict[str, Any]] = []
        for name, secret in found.secrets.items():
            age = age_of(name, found, marks, entries, now=now)
            proven = [entry for entry in entries if entry.secret == name and entry.event in ("proven", "undone")]
            item = vault.find(secret.vault or name) if vault.has(secret.vault or name) else None
            rows.append(
                {
                    "secret": name,
                    "state": age.state,
                    "age_days": None if age.age_days is None else round(age.age_days, 1),
                    "due_in_days": None if age.due_in_days is None else round(age.due_in_days, 1),
                    "issuer": secret.provider.kind if secret.provider else None,
                    "how": _how(secret),
                    "rotated_at": rfc3339(proven[-1].at) if proven else None,
                    "rotated_by": proven[-1].by if proven else None,
                    "under_way": item is not None and vault.sibling(item, "new") is not None,
                }
            )
        known = list(_STATES)
        rows.sort(key=lambda row: (not row["under_way"], known.index(row["state"]), row["due_in_days"] or 0.0))
        return SecretsStand(tuple(rows))

    def report(self, state: SecretsStand, plan: Plan, done: Done) -> dict[str, Any]:
        found = load_map(environment_of(self.context)).secrets
        due = [row for row in state.rows if row["state"] == "overdue" or row["under_way"]]
        alone = [row["secret"] for row in due if row["how"] == "alone"]
        alone.sort(key=lambda name: isinstance(found[name].provider, FlyToken))  # this run may work with it: last
        table = aligned(
            [
                [
                    row["secret"],
                    "rotation under way" if row["under_way"] else _STATES[row["state"]],
                    "-" if row["age_days"] is None else f"{row['age_days']:.0f} days",
                    "-" if row["due_in_days"] is None else f"{row['due_in_days']:.0f} days",
                    (row["issuer"] or "-") + (f", {row['how']}".replace("_", " ") if row["how"] != "alone" else ""),
                    f"{row['rotated_at']} by {row['rotated_by']}" if row["rotated_at"] else "-",
                ]
                for row in state.rows
            ],
            ("secret", "state", "age", "due in", "issuer", "rotated"),
        )
        names = [row["secret"] for row in due]
        result = {"due": names, "rotatable": alone, "secrets": list(state.rows), "hotops_screen": table}
        if due and self.want.fail_when_due:
            raise RotationsDue(
                f"{len(due)} of {len(state.rows)} secrets are due for rotation: {', '.join(names)}.",
                remedy=f"hotops secrets rotate {environment_of(self.context).name} --secret {names[0]} --check",
                details=result,
            )
        return result


def _how(secret: MappedSecret) -> str:
    match secret.provider:
        case None:
            return "not_declared"
        case Checklist():
            return "by_hand"
        case PostgresPassword():
            return "with_outage"
        case _:
            return "alone"

"""A credential that leaks: a stranger logs in with it, it is revoked, has a successor everywhere, and is refused."""

from __future__ import annotations

import contextlib
from typing import Any

from hotops.backup.connection import Connection, driver
from hotops.core.driver import drive
from hotops.core.errors import HotopsError, UsageError, VerifyFailed
from hotops.core.operation import Done, Fact, Step
from hotops.core.secret import Secret
from hotops.core.waiting import Pace, wait_for
from hotops.drill.exercise import Exercise
from hotops.drill.worlds import sandbox_control
from hotops.dsn.parsing import parse
from hotops.dsn.proof import Prover
from hotops.rotation.rotate import RotateSecret, RotateWant
from hotops.secrets.issuers import PostgresProvider
from hotops.secrets.map_file import load_map
from hotops.secrets.wanted import vault_of
from hotops.vault.vault import Item, Vault

#: How the stranger's session calls itself; whoever watches sessions sees a name that no app of ours has.
STRANGER = "a_stranger"
#: Asking for sessions is a call of an endpoint that is limited to 120 a minute.
SEEN_PACE = Pace(0.5, 1.3, 2.0)
_SESSIONS = f"select count(*)::int as there from pg_stat_activity where application_name = '{STRANGER}'"  # noqa: S608
#: The owner may do in the application's schema what the apps do there. The name is checked by the map's form.
_OWNER = """
do $$ begin
  if not exists (select from pg_roles where rolname = '{owner}') then create role {owner} nologin; end if;
end $$;
grant usage, create on schema public to {owner};
grant all on all tables in schema public to {owner};
grant all on all sequences in schema public to {owner};
"""


class NotRotatable(UsageError):
    """Nobody is declared who could issue a successor of this credential."""

    code = "not_rotatable"


class StillValid(VerifyFailed):
    """The leaked credential, or a session that was opened with it, still works."""

    code = "still_valid"


class _Watched(RotateSecret):
    """A rotation that tells the drill when the leaked one had ended and when its successor was everywhere."""

    exercise: Exercise

    def apply(self, step: Step, done: Done) -> Fact:
        fact = super().apply(step, done)
        what = step.name.rpartition("/")[2]
        if what in ("revoke_leaked", "places"):
            self.exercise.record.mark("revoked" if what == "revoke_leaked" else "repointed")
        return fact


def owner_of(exercise: Exercise, secret: str) -> str:
    """The owner role whose two login roles take turns. Raises NotRotatable, and UsageError for some apps only."""
    if len(exercise.apps) != len(exercise.environment.apps):
        raise UsageError(
            "A credential is at all of its places, not at some apps.", remedy="Drill it without -l and apps."
        )
    mapped = load_map(exercise.environment).secrets.get(secret)
    if mapped is None or not isinstance(mapped.provider, PostgresProvider):
        raise NotRotatable(
            f"The secret map does not say who issues {secret} as login roles, so its leak can't be drilled.",
            remedy=f"In {exercise.environment.secret_map_path.name}, at {secret}:"
            " provider: {kind: postgres, owner: shop_app}",
        )
    return mapped.provider.owner


def prepare_credential(exercise: Exercise, *, secret: str) -> dict[str, Any]:
    """The apps log in as one of two login roles, as after a first rotation; only in the sandbox is that made so here.

    A credential of the role `postgres` can't have a successor beside it, so that its leak is another disaster.
    """
    owner = owner_of(exercise, secret)
    vault, item = _kept(exercise, secret)
    exercise.record.note(secret=secret)
    if parse(vault.value(item)).role in _two(owner):
        return {"secret": secret, "logs_in_as": parse(vault.value(item)).role}
    sandbox_control(exercise, "make login roles for a drill")
    exercise.supabase.execute(exercise.project.ref, _OWNER.format(owner=owner), idempotent=True)
    drive(RotateSecret(RotateWant(secret=secret, force=True, grace_s=0), exercise.context))
    exercise.hold_again()  # a rotation gives the lock back when it ends
    return {"secret": secret, "logs_in_as": parse(_value(exercise, secret)).role, "first_rotation": True}


def leak_credential(exercise: Exercise) -> dict[str, Any]:
    """A stranger has the credential and logs in with it. Only in the sandbox; the value goes nowhere else."""
    sandbox_control(exercise, "leak a credential")
    leaked = _value(exercise, exercise.record.facts["secret"])
    exercise.leaked = leaked
    exercise.record.note(leaked_role=parse(leaked).role)
    exercise.record.mark("fault")
    connection = Connection.parse(leaked.reveal(), exercise.context.world)
    exercise.intruder = connection.open(application_name=STRANGER)
    return {"role": parse(leaked).role}


def detect_stranger(exercise: Exercise, *, within_s: float = 120.0) -> dict[str, Any]:
    """Look at the database's sessions until one is there that is no app's."""

    def sessions() -> int:
        rows = exercise.supabase.look(exercise.project.ref, _SESSIONS)
        return int(rows[0]["there"]) if rows else 0

    seen = wait_for(
        lambda found: found > 0,
        sessions,
        clock=exercise.context.clock,
        timeout_s=within_s,
        what="A session that is no app's",
        pace=SEEN_PACE,
    )
    exercise.record.mark("detected")
    return {"sessions": seen}


def rotate_leaked(exercise: Exercise) -> dict[str, Any]:
    """The emergency rotation: the leaked one ends first, its successor goes to vault, apps and machines, proven."""
    record, secret = exercise.record, exercise.record.facts["secret"]
    record.mark("decided")
    record.note(rotating=True)
    operation = _Watched(RotateWant(secret=secret, leaked=True, grace_s=0), exercise.context)
    operation.exercise = exercise
    outcome = drive(operation)
    exercise.hold_again()
    record.note(rotating=False)
    fault, revoked = record.at("fault"), record.at("revoked")
    if fault is not None and revoked is not None:
        record.note(exposed_s=round(revoked - fault, 3))
    return {"from": outcome.result["from_credential"], "to": outcome.result["to_credential"]}


def prove_refused(exercise: Exercise) -> dict[str, Any]:
    """The leaked credential is refused, and the stranger's session has ended. Raises StillValid."""
    if exercise.leaked is None:
        raise HotopsError("No credential leaked in this drill, so nothing can be proven of it.")
    dsn = parse(exercise.leaked)
    proof = Prover(exercise.context.world).prove(dsn)
    failure = proof.failure
    if proof.works or failure is None:
        raise StillValid(f"{dsn.shown()} still logs in.", remedy=f"alter role {dsn.role} with nologin")
    if failure.name != "login":
        raise StillValid(f"Whether {dsn.shown()} is refused is not known: {failure.name}: {failure.said}.")
    if _is_alive(exercise.intruder):
        raise StillValid("The stranger's session goes on.", remedy=f"End the sessions of {dsn.role}.")
    return {"refused": dsn.role, "said": failure.said, "exposed_s": exercise.record.facts.get("exposed_s")}


def finish_rotation(exercise: Exercise) -> dict[str, Any]:
    """Whatever happened: the stranger is out, and a rotation that was begun is finished. Safe to repeat."""
    if exercise.intruder is not None:
        with contextlib.suppress(driver().Error):
            exercise.intruder.close()
        exercise.intruder = None
    exercise.leaked = None
    if not exercise.record.facts.get("rotating"):
        return {"finished": None}
    secret = exercise.record.facts["secret"]
    drive(RotateSecret(RotateWant(secret=secret, leaked=True, grace_s=0), exercise.context))
    exercise.hold_again()
    exercise.record.note(rotating=False)
    return {"finished": secret}


def _kept(exercise: Exercise, secret: str) -> tuple[Vault, Item]:
    vault = vault_of(exercise.environment, may_write=False)
    return vault, vault.find(load_map(exercise.environment).secrets[secret].vault or secret)


def _value(exercise: Exercise, secret: str) -> Secret:
    vault, item = _kept(exercise, secret)
    return vault.value(item)


def _two(owner: str) -> tuple[str, str]:
    return f"{owner}_a", f"{owner}_b"


def _is_alive(session: Any) -> bool:
    if session is None:
        return False
    try:
        session.execute("select 1")
    except driver().Error:
        return False
    return True

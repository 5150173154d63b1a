"""A project that was deleted: made anew, the newest backup restored into it, everything of the vault re-pointed."""

from __future__ import annotations

import secrets as entropy
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hotops.backup.create import BackupWanted, MakeBackup
from hotops.backup.restore import Restore, RestoreWanted
from hotops.core.context import Context
from hotops.core.driver import drive
from hotops.core.errors import HotopsError, UsageError
from hotops.core.secret import Secret
from hotops.core.waiting import Pace, wait_for
from hotops.core.world import World
from hotops.drill.backups import mark_phases
from hotops.drill.exercise import Exercise
from hotops.drill.worlds import sandbox_control
from hotops.dsn.connection import Dsn, Host
from hotops.dsn.parsing import DsnInvalid, parse
from hotops.dsn.proof import Prover
from hotops.rotation.postgres import PostgresRoles
from hotops.rotation.supabase_keys import SupabaseApiKey
from hotops.secrets.issuers import PostgresProvider, SupabaseKey
from hotops.secrets.map_file import load_map
from hotops.secrets.mirror import MirrorSecrets, MirrorWant
from hotops.secrets.secret_map import MappedSecret
from hotops.secrets.wanted import vault_of
from hotops.supabase.api_keys import ApiKeys
from hotops.vault.vault import Vault

MADE_WITHIN_S = 1800.0
_PACE = Pace(0.5, 1.3, 5.0)
#: Where the password of a rebuilt project's role `postgres` is kept, from before the project is made.
_SLOT = "supabase/rebuilt_project"
_KEY = "SUPABASE_DB_PASSWORD"
_RESTORE_ENV = "HOTOPS_REBUILT_URL"


class NotRebuildable(UsageError):
    """The way back is not all there, so nothing may be deleted."""

    code = "not_rebuildable"


def check_rebuildable(exercise: Exercise) -> None:
    """Before anything is deleted: some secret of the map names the project, and each one that does can name another.

    Raises NotRebuildable, and what reading the map and the vault raises. Of the clouds it asks which project there is.
    """
    environment = exercise.environment
    found, vault = load_map(environment).secrets, vault_of(environment, may_write=False)
    ref, naming = exercise.project.ref, 0
    for name, mapped in found.items():
        value = vault.value(vault.find(mapped.vault or name))
        if ref not in value.reveal():
            continue
        naming += 1
        dsn = _parsed(value)
        if dsn is not None and dsn.role != "postgres" and not isinstance(mapped.provider, PostgresProvider):
            raise NotRebuildable(
                f"{name} logs in as {dsn.role}, whose password no backup holds, and who gives another is not declared.",
                remedy="Declare it in the secret map: provider: {kind: postgres, owner: …}.",
            )
    if not naming:
        raise NotRebuildable(
            f"No secret of {environment.secret_map_path.name} names the project {ref}: no app would find the new one.",
            remedy="Put the database's connection string into the vault and the map: docs/secrets.md.",
        )


def take_backup(exercise: Exercise) -> dict[str, Any]:
    """A whole backup, as the nightly one is: what was written after it is lost with the project."""
    sandbox_control(exercise, "delete a project")  # before anything is made for it
    outcome = drive(MakeBackup(BackupWanted(), exercise.context))
    made: Mapping[str, Any] = outcome.result["backup"]
    exercise.record.note(backup=made["id"])
    return {"backup": made["id"], "rows": made["rows"]}


def delete_project(exercise: Exercise) -> dict[str, Any]:
    """Somebody deletes the project, and with it its data and all of the platform's backups. Only in the sandbox."""
    sandbox_control(exercise, "delete a project")
    project = exercise.project
    exercise.record.note(
        deleted={
            "ref": project.ref,
            "name": project.name,
            "organization": project.organization_slug,
            "region": project.region,
        }
    )
    exercise.record.mark("fault")
    exercise.supabase.delete(project.ref)
    return {"ref": project.ref}


def make_project(exercise: Exercise) -> dict[str, Any]:
    """A project of the same name in the same region; its password is in the vault before it counts. Safe to repeat."""
    record, supabase = exercise.record, exercise.supabase
    record.mark("decided")
    deleted = record.facts["deleted"]
    made = supabase.find(deleted["name"])
    if made is None:
        password = _kept_password(exercise)
        made = supabase.create(
            name=deleted["name"], organization=deleted["organization"], region=deleted["region"], password=password
        )
    ref = made.ref
    found = wait_for(
        lambda project: project is not None and project.status == "ACTIVE_HEALTHY",
        lambda: supabase.project(ref),
        clock=exercise.context.clock,
        timeout_s=MADE_WITHIN_S,
        what=f"The new project {ref}",
        pace=_PACE,
        describe=lambda project: project.status if project else "gone",
        remedy="Look at the project in the dashboard.",
    )
    if found is None:
        raise HotopsError(f"The new project {ref} is gone.", remedy="Run the drill again.")
    exercise.use_project(found)
    exercise.context.world = World.of(
        exercise.context.world.kind, exercise.context.world.environ
    )  # it has addresses now
    record.note(rebuilt_ref=ref)
    record.mark("made")
    return {"ref": ref}


def restore_into_project(exercise: Exercise) -> dict[str, Any]:
    """The newest backup, into the new project's own database, as its role postgres, compared row by row."""
    record = exercise.record
    began = record.mark("made")
    host, password = Host(f"db.{exercise.project.ref}.supabase.co", 5432), _kept_password(exercise)
    dsn = Dsn((host,), "postgres", password, "postgres", (("sslmode", "require"),))
    with _with_variable(exercise.context, _RESTORE_ENV, dsn.text()) as context:
        outcome = drive(Restore(RestoreWanted(target_env=_RESTORE_ENV, into="given"), context))
    took = {name: float(seconds) for name, seconds in outcome.result["phases"].items()}
    mark_phases(record, took, began)
    record.note(backup=outcome.result["restored"]["id"], problems=list(outcome.result["problems"]))
    record.note(unproven=list(outcome.result["unproven"]))
    return {"backup": outcome.result["restored"]["id"], "rows": outcome.result["restored"]["rows"], "phases": took}


def repoint(exercise: Exercise) -> dict[str, Any]:
    """Whatever of the map names the deleted project names the new one: vault, apps, machines. Safe to repeat."""
    record, environment = exercise.record, exercise.environment
    old: str = record.facts["deleted"]["ref"]
    vault = vault_of(environment, may_write=True)
    changed: list[str] = []
    found = load_map(environment).secrets
    for name, mapped in found.items():
        item = vault.find(mapped.vault or name)
        value = vault.value(item)
        if old in value.reveal() or _is_another_projects_key(exercise, mapped, value):
            successor = _successor(exercise, mapped, value, old)
            vault.keep_sibling(item, "old", value)
            vault.write(item, successor)
            changed.append(name)
    drive(MirrorSecrets(MirrorWant(adopt="write"), exercise.context))
    exercise.hold_again()  # a mirror gives the lock back when it ends
    left = [name for name in found if name.startswith("SUPABASE_") and name not in changed]
    record.note(repointed=changed, keys_left=left, rebuilt=True)
    record.mark("repointed")
    return {"repointed": changed, "keys_left": left}


def finish_rebuild(exercise: Exercise) -> dict[str, Any]:
    """Whatever happened: where a project was deleted and not brought back, bring it back. Safe to repeat."""
    deleted = exercise.record.facts.get("deleted")
    if not deleted or exercise.record.facts.get("rebuilt"):
        return {"finished": None}
    if exercise.supabase.project(deleted["ref"]) is not None:
        return {"finished": "it was not deleted"}
    make_project(exercise)
    restore_into_project(exercise)
    return {"finished": exercise.project.ref, **repoint(exercise)}


def _successor(exercise: Exercise, mapped: MappedSecret, value: Secret, old: str) -> Secret:
    """The same of the new project: its API key, or a login role with a new password, since no backup holds the old."""
    new = exercise.project.ref
    if isinstance(mapped.provider, SupabaseKey):
        fingerprint = vault_of(exercise.environment, may_write=True).fingerprint
        return SupabaseApiKey(exercise.context, new, mapped.provider, fingerprint).successor(value)
    moved = Secret(value.reveal().replace(old, new))
    dsn = _parsed(moved)
    if dsn is None:
        return moved  # a URL, say
    if dsn.role == "postgres" or not isinstance(mapped.provider, PostgresProvider):
        return replace(dsn, password=_kept_password(exercise)).text()
    roles = PostgresRoles(exercise.supabase, new, mapped.provider.owner, Prover(exercise.context.world).prove)
    successor = replace(dsn, password=Secret(entropy.token_urlsafe(24))).text()
    roles.activate(successor)
    roles.prove(successor)
    return successor


def _is_another_projects_key(exercise: Exercise, mapped: MappedSecret, value: Secret) -> bool:
    """Whether it is to be an API key of the project, and is none of the one there is now."""
    if not isinstance(mapped.provider, SupabaseKey):
        return False
    return all(key.value != value for key in ApiKeys(exercise.supabase).all(exercise.project.ref))


def _parsed(value: Secret) -> Dsn | None:
    """A connection string's parts; None for anything else."""
    if not value.reveal().startswith(("postgres://", "postgresql://")) and "host=" not in value.reveal():
        return None
    try:
        return parse(value)
    except DsnInvalid:
        return None


def _kept_password(exercise: Exercise) -> Secret:
    """The new project's password, from the vault; made and kept there where there is none yet."""
    vault: Vault = vault_of(exercise.environment, may_write=True)
    if vault.has(_SLOT):
        return vault.value(_SLOT)
    password = Secret(entropy.token_urlsafe(24))
    vault.add(f"{_SLOT}_{vault.environment}.env", _KEY, password)
    return password


def _with_variable(context: Context, name: str, value: Secret) -> Context:
    """The same run, for an operation that finds its connection string in a variable; no process is given it."""
    world = replace(context.world, environ={**context.world.environ, name: value.reveal()})
    return replace(context, world=world)

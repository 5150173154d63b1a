"""Which database an app really talks to: host, user's form and port of the connection string that its machines have.

Fly's vault can't be read back, so only a machine knows. Its environment is read there, where `exec_checks` allows it;
of the value nothing but its shown form leaves this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hotops.core.errors import ApiError, WireError
from hotops.core.secret import Secret
from hotops.dsn.catalogue import finding
from hotops.dsn.parsing import DsnInvalid, parse
from hotops.dsn.places import place_of
from hotops.fly import Fly
from hotops.fly.models import AppSecret, Machine
from hotops.fly.states import is_started

#: Names under which apps keep their connection string, the usual ones first.
DSN_NAMES = ("DATABASE_URL", "PG_URL", "DIRECT_URL", "POSTGRES_URL", "SUPABASE_DB_URL")
#: Of a string in parts; a host and a user are no secret.
PART_NAMES = ("POSTGRES_HOST", "POSTGRES_USERNAME", "POSTGRES_PORT")
_NOT_SET = 1


@dataclass(frozen=True)
class DsnInUse:
    """`name` is the secret's; `says` its user, host and port, and what that is, or why it is not known."""

    name: str
    says: str
    is_known: bool = False
    faults: tuple[str, ...] = ()

    def as_row(self) -> dict[str, Any]:
        """The finding as plain data."""
        return {"name": self.name, "says": self.says, "known": self.is_known, "faults": list(self.faults)}


def names_of(secrets: Sequence[AppSecret]) -> list[str]:
    """The secrets of an app that are connection strings, by their names."""
    there = {secret.name for secret in secrets}
    return [name for name in DSN_NAMES if name in there]


def dsn_in_use(
    fly: Fly, app: str, machines: Sequence[Machine], secrets: Sequence[AppSecret], *, may_exec: bool
) -> list[DsnInUse]:
    """What one started machine has under each known name: one exec a name, where it is allowed."""
    names = names_of(secrets)
    if not names and not set(PART_NAMES[:1]) & {secret.name for secret in secrets}:
        return []
    if not names:
        names = [PART_NAMES[0]]
    if not may_exec:
        why = "unknown: exec_checks is not declared, and Fly's vault tells no value"
        return [DsnInUse(name, why) for name in names]
    started = [machine for machine in machines if is_started(machine)]
    if not started:
        return [DsnInUse(name, "unknown: no machine runs that could tell it") for name in names]
    return [_asked(fly, app, started[0], name) for name in names]


def _asked(fly: Fly, app: str, machine: Machine, name: str) -> DsnInUse:
    try:
        done = fly.machines.exec(app, machine.id, ["printenv", name], timeout_s=10)
    except (ApiError, WireError) as error:
        return DsnInUse(name, f"unknown: {error.message}")
    if done.exit_code == _NOT_SET:
        return DsnInUse(name, f"is not set in machine {machine.id}: it was written after the machine was made")
    if done.exit_code != 0:
        return DsnInUse(name, "unknown: the image has no printenv")
    return described(name, Secret(done.stdout.strip()))


def described(name: str, value: Secret) -> DsnInUse:
    """A value's shown form. What can't be read is told by its fault, never repeated."""
    if name in PART_NAMES:
        host = value.reveal()
        plain = host if host.replace("-", "").replace(".", "").isalnum() else "(no host name)"
        return DsnInUse(name, plain, is_known=True)
    try:
        dsn = parse(value)
    except DsnInvalid as error:
        return DsnInUse(name, f"can't be read: {error.message}", is_known=True, faults=(error.fault,))
    place = place_of(dsn)
    wrong = "".join(f"; {finding(fault, ref=place.ref or '<ref>').says.rstrip('.')}" for fault in place.faults)
    return DsnInUse(name, f"{dsn.shown()}, {place.in_words}{wrong}", is_known=True, faults=place.faults)

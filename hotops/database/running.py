"""How an app's database secrets are now: in the vault, at Fly, in the machines, and what the app answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from hotops.core.context import Context
from hotops.core.errors import WireError
from hotops.core.http import Http, Retry
from hotops.core.secret import Secret
from hotops.dsn.connection import Dsn
from hotops.dsn.inside import prove_inside
from hotops.dsn.proof import Proof
from hotops.dsn.split import split
from hotops.fly import Fly
from hotops.fly.models import Machine
from hotops.fly.states import is_started
from hotops.health.machines import failing_checks
from hotops.inventory.database import DatabaseUse
from hotops.inventory.schema import App
from hotops.secrets.challenge import holds
from hotops.secrets.ledger import Mark
from hotops.secrets.places import AppHolds
from hotops.vault.vault import Vault

#: Whether what runs is the vault's: proven, proven not, or nobody can tell (Fly shows no value).
Runs = Literal["the vault's", "another", "unknown"]


@dataclass(frozen=True)
class Answered:
    """What the app answered on the path that counts. `no_route`: a check asks a path that the app does not serve."""

    path: str
    status: int | None
    no_route: str = ""

    @property
    def is_well(self) -> bool:
        """Whether it answered as an app that has its database does."""
        return self.status is not None and 200 <= self.status < 400


def values_of(dsn: Dsn, use: DatabaseUse) -> dict[str, Secret]:
    """What the app is to have, by the names that it reads."""
    return {**dict.fromkeys(use.whole_names, dsn.text()), **(split(dsn, use.parts) if use.parts else {})}


def equal_at_fly(held: AppHolds, values: Mapping[str, Secret], vault: Vault, marks: Mapping[str, Mark]) -> set[str]:
    """Names whose value at Fly is known to be this one: written by hotops, and as the write left it."""
    remotes = held.remotes()
    return {
        name
        for name, value in values.items()
        if (mark := marks.get(f"fly:{held.app}/{name}")) is not None
        and mark.fingerprint == vault.fingerprint(value)
        and mark.intended in (None, mark.fingerprint)
        and name in remotes
        and remotes[name].is_as_noted(mark)
    }


def what_runs(context: Context, app: App, held: AppHolds, values: Mapping[str, Secret], known: set[str]) -> Runs:
    """Whether the machines run with these values: by digest where the ledger knows, else by asking one, if allowed."""
    states = held.states()
    if set(values) <= known and all(states.get(name) == "deployed" for name in values):
        return "the vault's"
    if not app.challenge_secrets or context.check:
        return "unknown"
    machine = next((one for one in held.machines if is_started(one)), None)
    if machine is None:
        return "unknown"
    answers = set(holds(context.client(Fly), app.app, machine, values).values())
    return "another" if False in answers else "unknown" if None in answers else "the vault's"


def proven_inside(context: Context, app: App, machines: Iterable[Machine], dsn: Dsn) -> Proof | None:
    """Whether it logs in from a machine of the app; None where none runs, or commands there are not declared."""
    if not app.exec_checks or context.check:
        return None
    machine = next((one for one in machines if is_started(one)), None)
    return prove_inside(context.client(Fly), app.app, machine, dsn) if machine else None


def ask(context: Context, app: App, held: AppHolds) -> Answered:
    """Ask the app on its health path, and see whether its checks ask a path that is not there."""
    path = app.health[0].path if app.health else "/"
    http = Http(
        app.url, transport=context.make_transport(), clock=context.clock, retry=Retry(attempts=2), timeout_s=15.0,
        on_call=context.note_call,
    )  # fmt: skip
    try:
        status: int | None = http.request("GET", path, accept=frozenset(range(300, 600))).status
    except WireError:
        status = None
    finally:
        http.close()
    without = [
        check.path
        for machine in held.machines
        for check in failing_checks(machine)
        if "404" in check.output and check.path
    ]
    return Answered(path, status, without[0] if without else "")

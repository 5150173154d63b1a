"""The place from which one works: versions, clocks, the inventory and what it leans on, the lock."""

from __future__ import annotations

import configparser
import os
import platform
import shutil
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec

from hotops import __version__
from hotops.core.clock import rfc3339
from hotops.core.context import Context
from hotops.fly import Fly
from hotops.inventory.schema import Environment
from hotops.look.checkup import Checked, bad, ok, unknown, warn
from hotops.look.reading import read
from hotops.promote.holding import shown_holder

DAY_S = 86_400.0
#: A waiver that ends within this time is told, so that nobody meets the gate unprepared.
SOON_S = 7 * DAY_S
_CALLBACK = "hotops.core.evidence"


def versions(environment: Environment) -> list[Checked]:
    """What runs here, and what is missing for what the inventory declares."""
    found = [ok("versions", f"hotops {__version__}, Python {platform.python_version()}, {_ansible()}")]
    if any(note.kind == "webhook" for note in environment.notifications) and find_spec("apprise") is None:
        found.append(warn("versions", "apprise is not installed.", "pip install 'hotops[notify]'"))
    if find_spec("psycopg") is None:
        says = "psycopg is not installed: nothing that talks to the database itself works."
        found.append(warn("versions", says, "pip install 'hotops[db]'"))
    flyctl = shutil.which("flyctl") or shutil.which("fly")
    if flyctl is None:
        says = "flyctl is not on PATH: hotops does not need it; some next commands that it names do."
        found.append(ok("versions", says))
    return found


def _ansible() -> str:
    try:
        return f"ansible-core {metadata.version('ansible-core')}"
    except metadata.PackageNotFoundError:
        return "no ansible-core"


def clocks(context: Context, environment: Environment) -> list[Checked]:
    """This computer's clock against each cloud's, by the Date of its answers."""
    ahead: dict[str, list[float]] = {}
    for call in context.calls:
        if call.clock_ahead_s is not None:
            ahead.setdefault(call.host, []).append(call.clock_ahead_s)
    if not ahead:
        return [unknown("clock", "no answer told the time")]
    skews = {host: min(found, key=abs) for host, found in ahead.items()}
    worst = max(skews, key=lambda host: abs(skews[host]))
    said = f"{abs(skews[worst]):.0f} s {'ahead of' if skews[worst] > 0 else 'behind'} {worst}"
    if abs(skews[worst]) <= environment.clock_skew_s:
        return [ok("clock", f"{said}, at most {environment.clock_skew_s:.0f} s are allowed")]
    return [bad("clock", f"this computer is {said}; leases, windows and soak times are wrong.", "timedatectl status")]


def inventory(context: Context, environment: Environment) -> list[Checked]:
    """What the inventory declares against what is there."""
    found = [ok("inventory", f"{environment.name}: {len(environment.apps)} apps, {_promoted(environment)} promoted")]
    found += _variables(environment)
    found += _waivers(context.clock.now(), environment)
    found += _folders(environment)
    found += _strays(context, environment)
    return found


def _promoted(environment: Environment) -> int:
    return sum(1 for _ in environment.promotable())


def _variables(environment: Environment) -> Iterator[Checked]:
    """Environment variables that the inventory names and nobody set."""
    notes = [*environment.notifications, *(note for app in environment.apps.values() for note in app.notifications)]
    names = dict.fromkeys(note.url_env for note in notes if note.kind == "webhook")
    for name in names:
        if not os.environ.get(name):
            yield warn("inventory", f"{name}, which notifications name, is not set.", f"export {name}=…")


def _waivers(now: float, environment: Environment) -> Iterator[Checked]:
    for name, waiver in environment.gates.items():
        if waiver.level == "require" or waiver.until is None:
            continue
        if waiver.is_expired(now):
            says = f"the waiver of {name} ended on {waiver.until}: the gate is required again ({waiver.reason})."
            yield warn("waiver", says, f"hotops explain {environment.name}")
        elif waiver.is_expired(now + SOON_S):
            yield warn("waiver", f"the waiver of {name} ends on {waiver.until} ({waiver.reason}).")


def _folders(environment: Environment) -> Iterator[Checked]:
    """Whether evidence can be written, and is sealed."""
    nearest = environment.evidence_path
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if os.access(nearest, os.W_OK):
        yield ok("evidence", f"{environment.evidence_dir} can be written")
    else:
        says = f"{nearest} can't be written: only a rollback goes on without evidence."
        yield bad("evidence", says, f"ls -ld {nearest}")
    config = environment.project_dir / "ansible.cfg"
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(config)
    except (OSError, configparser.Error):
        parser = configparser.ConfigParser()
    enabled = parser.get("defaults", "callbacks_enabled", fallback="")
    if _CALLBACK not in enabled:
        says = "ansible.cfg does not enable the callback that seals evidence: runs stay unsigned."
        yield warn("evidence", says, rf"printf '[defaults]\ncallbacks_enabled = {_CALLBACK}\n' >> ansible.cfg")


def _strays(context: Context, environment: Environment) -> Iterator[Checked]:
    """Apps of the organisation that the inventory does not know: nobody watches them."""
    known = {app.app for app in environment.apps.values()} | {app.promote_from for app in environment.apps.values()}
    fly = context.client(Fly)
    for org in dict.fromkeys(app.fly_org for app in environment.apps.values()):
        told = read(lambda org=org: [app.name for app in fly.apps.list(org)])  # type: ignore[misc]
        if told.value is None:
            yield ok("strays", f"the apps of {org} can't be listed with this token, and need not be")
            continue
        strays = sorted(set(told.value) - {name for name in known if name})
        if strays:
            says = f"in {org}, but not in this inventory: {', '.join(strays)}. Nobody watches what no inventory has."
            yield warn("strays", says)


def lock(context: Context, environment: Environment) -> list[Checked]:
    """Who holds the environment."""
    held, scope = shown_holder(context, environment)
    if held is None:
        return [ok("lock", f"free ({scope})")]
    if held.is_dead(context.clock.now()):
        says = f"left by the dead {held}; the next run takes it over and says so."
        return [warn("lock", says, "hotops evidence show    # where it stopped")]
    return [warn("lock", f"held by {held} until {rfc3339(held.expires_at)} at the latest ({scope}).")]

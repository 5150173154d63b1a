"""An `Environment` from the variables of Ansible's hosts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from pydantic import ValidationError

from hotops.core.errors import InventoryError, WorldsMixed
from hotops.core.world import is_loopback
from hotops.inventory.files import check_file_names, check_files, project_folder
from hotops.inventory.locate import locate
from hotops.inventory.mistakes import Mistake, inventory_error, mistakes_in
from hotops.inventory.run_vars import (
    APP_KEYS,
    ENVIRONMENT_KEYS,
    FOREIGN_PREFIXES,
    INVENTORY_KEYS,
    RESERVED,
    RUN_VARS,
    check_extra_vars,
)
from hotops.inventory.schema import App, Database, Environment
from hotops.inventory.spec import Spec, nearest

APPS = "apps"
DATABASES = "databases"
NO_EXTRA: Mapping[str, Any] = MappingProxyType({})

_DATABASE_KEYS = Database.known_keys() - Database.PLACED
#: Ansible's own names without a prefix.
_MAGIC = frozenset(
    {"group_names", "groups", "hostvars", "omit", "playbook_dir", "play_hosts", "vars", "discovered_interpreter"}
)


def environment_from_vars(
    hostvars: Mapping[str, Mapping[str, Any]],
    groups: Mapping[str, Sequence[str]],
    *,
    inventory: Path | None,
    extra: Mapping[str, Any] = NO_EXTRA,
) -> Environment:
    """The environment that these hosts declare.

    `hostvars` are templated plain data as Ansible gives them, its own variables included; `groups` maps group names to
    host names; `extra` are the run's extra vars (`check_extra_vars` tells which may be there). A variable that is no
    key is a mistake when it stands in a file of the inventory, or when there is no inventory to look it up in; what a
    play registered or set is nobody's business here.

    Raises InventoryError (UsageError for a wrong extra var, WorldsMixed for a live inventory with a sandbox's keys).
    """
    if inventory is not None:
        check_files(inventory)
    hosts = [str(host) for host in groups.get(APPS, ())]
    databases = [str(host) for host in groups.get(DATABASES, ())]
    if not hosts:
        raise _no_apps(groups, inventory)
    mistakes = _strangers(groups, {*hosts, *databases})
    if inventory is not None and not mistakes:
        check_file_names(inventory, hosts=[*hosts, *databases], groups=groups)

    if extra:
        check_extra_vars(extra, "sandbox" if hostvars[hosts[0]].get("env_kind") == "sandbox" else "live")
    given = {key: value for key, value in extra.items() if key in INVENTORY_KEYS}

    app_vars: dict[str, dict[str, Any]] = {}
    for host in (*hosts, *databases):
        known = INVENTORY_KEYS | _DATABASE_KEYS if host in databases else INVENTORY_KEYS
        mine = hostvars[host]
        mistakes.extend(_unknown(mine, known, host, inventory))
        # Only the known ones are looked at: Ansible evaluates a variable when it is read.
        declared = {**{key: mine[key] for key in mine if key in known}, **given}
        app_vars[host] = {key: untagged(value) for key, value in declared.items() if value is not None}

    common, contradictions = _common_vars([(host, app_vars[host]) for host in hosts])
    mistakes.extend(contradictions)
    apps: dict[str, App] = {}
    for host in hosts:
        raw = {key: value for key, value in app_vars[host].items() if key in APP_KEYS}
        app = _made(App, {"host": host, **raw}, host, mistakes)
        if app is not None:
            apps[host] = app
    mistakes.extend(_name_mistakes(apps, hosts))

    project_databases = {
        host: made
        for host in databases
        if (made := _made(Database, _database_vars(host, app_vars[host]), host, mistakes)) is not None
    }
    if inventory is not None:
        common.setdefault("env_name", _folder_name(inventory))
    common |= {"project_dir": project_folder(inventory) if inventory else Path.cwd(), "inventory": inventory}
    environment = _made(Environment, {**common, "apps": {}, "databases": {}}, None, mistakes)
    if mistakes or environment is None:
        raise inventory_error(_by_weight(mistakes), inventory)
    environment = environment.model_copy(update={"apps": apps, "databases": project_databases})
    _refuse_mixed_worlds(environment, inventory)
    return environment


def untagged(value: Any) -> Any:
    """`value` in Python's own types: Ansible's strings and mappings are tagged subclasses, which yaml refuses."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, Mapping):
        return {untagged(key): untagged(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [untagged(item) for item in value]
    return value


Made = TypeVar("Made", bound=Spec)


def _made(model: type[Made], raw: dict[str, Any], host: str | None, mistakes: list[Mistake]) -> Made | None:
    try:
        return model.model_validate(raw)
    except ValidationError as error:
        mistakes.extend(mistakes_in(error, raw, host))
        return None


def _by_weight(mistakes: list[Mistake]) -> list[Mistake]:
    """Unknown keys first, for they are often why another one is missing; a key of the environment once, not per app."""
    of_environment = {mistake.path for mistake in mistakes if mistake.host is None and mistake.path}
    misspelt = {mistake.nearest for mistake in mistakes if mistake.nearest}
    told = [
        mistake
        for mistake in mistakes
        if not (mistake.host is not None and mistake.path in of_environment)
        and not (mistake.is_missing and mistake.key in misspelt)
    ]
    return sorted(told, key=lambda mistake: (mistake.is_missing, not mistake.text.startswith("unknown")))


def _folder_name(inventory: Path) -> str:
    path = inventory.absolute()
    return path.name if path.is_dir() else path.parent.name


def _no_apps(groups: Mapping[str, Sequence[str]], inventory: Path | None) -> InventoryError:
    others = [name for name in groups if name not in {"all", "ungrouped", DATABASES}]
    near = nearest(APPS, others)
    return InventoryError(
        f"{inventory or 'The inventory'} has no apps: group {APPS!r} is empty or missing.",
        remedy=f"Did you mean {APPS!r} where it says {near!r}?"
        if near
        else "List the Fly apps as hosts of the group `apps`.",
        details={
            "file": str(inventory) if inventory else None,
            "line": None,
            "key": APPS,
            "host": None,
            "nearest": near,
        },
    )


def _strangers(groups: Mapping[str, Sequence[str]], placed: set[str]) -> list[Mistake]:
    """Hosts that are neither an app nor a database: mostly a misspelt group, which would else be skipped in silence."""
    homes: dict[str, str | None] = {}
    for name, hosts in groups.items():
        for host in map(str, hosts):
            if host not in placed and host != "localhost":
                homes[host] = name if name not in {"all", "ungrouped"} else homes.get(host)
    return [
        Mistake(
            f"host {host!r} is in neither group {APPS!r} nor group {DATABASES!r}",
            host=host,
            nearest=nearest(home, (APPS, DATABASES)) if home else None,
            remedy="" if home and nearest(home, (APPS, DATABASES)) else f"Put {host!r} into one of the two groups.",
        )
        for host, home in homes.items()
    ]


def _unknown(mine: Iterable[str], known: Iterable[str], host: str, inventory: Path | None) -> list[Mistake]:
    names = frozenset(known)
    found = []
    for name in map(untagged, mine):
        if name in names or name in RUN_VARS or name in _MAGIC or name.startswith(FOREIGN_PREFIXES):
            continue
        if inventory is not None and locate(inventory, (name,), host=host) is None:
            continue
        if name in RESERVED:
            found.append(Mistake("Ansible reserves this word", (name,), host, RESERVED[name]))
        else:
            near = nearest(name, names)
            remedy = "" if near else "Variables of your own begin with x_."
            found.append(Mistake("unknown key", (name,), host, near, tuple(sorted(names)), remedy))
    return found


def _common_vars(app_vars: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[dict[str, Any], list[Mistake]]:
    """Values of the environment's keys, and contradictions between apps.

    A key that an app may override (`fly_org`, `windows` …) has, for the environment, the value that most apps see.
    """
    common: dict[str, Any] = {}
    mistakes: list[Mistake] = []
    for key in sorted(ENVIRONMENT_KEYS):
        if all(values.get(key) is None for _, values in app_vars):
            continue  # most keys of most environments
        seen = Counter(_canonical(values.get(key)) for _, values in app_vars)
        usual, _ = seen.most_common(1)[0]
        value = next(values.get(key) for _, values in app_vars if _canonical(values.get(key)) == usual)
        if value is not None:
            common[key] = value
        if len(seen) > 1 and key not in APP_KEYS:
            host = next(host for host, values in app_vars if _canonical(values.get(key)) != usual)
            mistakes.append(
                Mistake(
                    f"is a key of the whole environment and differs for host {host!r}",
                    (key,),
                    host,
                    remedy="Set it once, for `all`.",
                )
            )
    return common, mistakes


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=str)


def _database_vars(host: str, values: Mapping[str, Any]) -> dict[str, Any]:
    mine = {key: value for key, value in values.items() if key in _DATABASE_KEYS}
    return {"host": host, "supabase_project": host, **mine}


def _name_mistakes(apps: Mapping[str, App], hosts: Sequence[str]) -> list[Mistake]:
    """Two hosts that are one app, and `after` with unknown hosts or in a circle."""
    mistakes = []
    owners: dict[str, str] = {}
    for host, app in apps.items():
        other = owners.setdefault(app.app, host)
        if other != host:
            mistakes.append(Mistake(f"hosts {other!r} and {host!r} are both the Fly app {app.app!r}", ("app",), host))
        for index, earlier in enumerate(app.after):
            if earlier not in hosts:
                near = nearest(earlier, hosts)
                mistakes.append(
                    Mistake(f"{earlier!r} is no host of group apps", ("after", index), host, near, tuple(hosts))
                )
    for host in apps:
        circle = _circle_from(host, apps)
        if circle:
            spoken = " after ".join(circle)
            mistakes.append(Mistake(f"runs in a circle: {spoken}", ("after",), host, remedy="Remove one of these."))
            break
    return mistakes


def _circle_from(host: str, apps: Mapping[str, App]) -> list[str]:
    """The hosts from `host` through `after` back to `host`, or nothing."""
    trails = [[host]]
    seen: set[str] = set()
    while trails:
        trail = trails.pop()
        for earlier in apps[trail[-1]].after:
            if earlier == host:
                return [*trail, host]
            if earlier in apps and earlier not in seen:
                seen.add(earlier)
                trails.append([*trail, earlier])
    return []


def _refuse_mixed_worlds(environment: Environment, inventory: Path | None) -> None:
    if environment.env_kind != "live":
        return
    found = []
    if environment.sandbox_world is not None:
        found.append(Mistake("belongs to a sandbox, and this inventory is live", ("sandbox_world",)))
    for host, app in environment.apps.items():
        if app.sandbox is not None:
            found.append(Mistake("belongs to a sandbox, and this inventory is live", ("sandbox",), host))
        found.extend(
            Mistake("is an address of this computer, and this inventory is live", (key,), host)
            for key in ("url", "source_url")
            if is_loopback(getattr(app, key) or "")
        )
    if found:
        error = inventory_error(found, inventory)
        raise WorldsMixed(error.message, remedy="Use an inventory with env_kind: sandbox.", details=error.details)

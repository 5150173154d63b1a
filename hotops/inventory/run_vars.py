"""Variables of one run, given with `-e` or as flags: which exist, and what may not be changed that way."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hotops.core.errors import UsageError
from hotops.core.world import EnvKind
from hotops.inventory.schema import App, Environment
from hotops.inventory.spec import nearest

#: The one name of each variable: the same for the flag, the extra var, the argument and the JSON key.
RUN_VARS: Mapping[str, str] = MappingProxyType(
    {
        "reason": "Why the run is made; goes into the evidence.",
        "apps": "Only these apps or hosts, a list or text with commas.",
        "version": "Release or image version to take.",
        "approve": "Id of the plan that is approved.",
        "confirm": "Name typed to confirm a destructive step.",
        "to": "Point or version to go back to.",
        "scenario": "Drill scenario.",
        "wait": "How long to wait for a lock or a window, in seconds.",
        "skip": "Steps to skip, each with a reason.",
        "image": "Image to deploy.",
        "secret": "Secret of the map that a run is about.",
        "force": "Whether it is done although it is not due.",
        "leaked": "Whether a credential leaked: it is revoked first.",
        "undo": "Whether what the last fix replaced is put back, or a rotation under way goes back.",
        "accept_outage": "Whether a credential that can't overlap is changed.",
        "prove": "Whether a connection string has to connect from here before it is written.",
        "error_text": "An error or log of a client, to be explained.",
        "authenticate": "Whether credentials are used once, for reading, to see whether they are taken.",
        "fail_on_findings": "Whether a look that finds something bad or unknown ends red.",
        "adopt": "Whether the vault's values win over what somebody else wrote (write) or not (no).",
        "deploy": "Whether written secrets are deployed at once.",
        "remove": "Extra names to remove, as APP/NAME.",
        "from_app": "App whose image to deploy.",
        "process_group": "Only this process group is scaled.",
        "memory_mb": "Memory of each machine, in MiB.",
        "cpus": "CPUs of each machine.",
        "count": "How many machines a process group has.",
        "tables": "Only these tables are restored, as schema.name.",
        "target_env": "Environment variable with the connection string of the server that takes a restore.",
        "beside": "Name of the database that a restore makes.",
        "into": "new: a restore makes a database; given: it takes the connection string's own, empty one.",
        "overwrite": "Name of the living database whose rows a restore replaces.",
        "volume": "Volume that is restored: its id, or its name if that is one's alone.",
        "snapshot": "Snapshot that a volume is restored from: newest, an id, or a moment.",
        "region": "Region of a restored volume and its machine.",
        "outside": "Whether what a restore brings back may call out (keep) or is held back (hold).",
        "jobs": "Whether a restore starts scheduled jobs (start) or holds them back (hold).",
    }
)

#: Keys of an inventory: of the whole environment and of one app.
ENVIRONMENT_KEYS = Environment.known_keys() - Environment.PLACED
APP_KEYS = App.known_keys() - App.PLACED
INVENTORY_KEYS = ENVIRONMENT_KEYS | APP_KEYS

#: Variables that belong to Ansible, to hotops itself, or (`x_`) to the inventory's author.
FOREIGN_PREFIXES = ("ansible_", "inventory_", "role_", "hotops_", "x_")

#: Words people try, which are keywords of Ansible's plays and tasks, and what to write.
RESERVED: Mapping[str, str] = MappingProxyType(
    {
        "environment": "env_name",
        "name": "env_name",
        "strategy": "deploy_strategy",
        "notify": "notifications",
    }
)

#: Where Ansible puts what is left of `-e reason=two words` once it has taken `reason=two`.
_LEFT_OVER = "_raw_params"


def check_extra_vars(names_and_values: Mapping[str, Any], env_kind: EnvKind) -> None:
    """Refuse variables that no run has: Ansible ignores a misspelt one in silence.

    Policy (a key of the inventory) may be given with `-e` in a sandbox only; `env_kind` never. Raises UsageError.
    """
    for name in map(str, names_and_values):
        if name in RUN_VARS or name.startswith(FOREIGN_PREFIXES):
            continue
        if name == "env_kind":
            raise UsageError(
                "env_kind can't be set with -e: which world a run works on is the inventory's to say.",
                remedy="Choose another inventory with -i.",
                details={"key": name, "nearest": None},
            )
        if name == _LEFT_OVER:
            raise UsageError(
                f"-e holds words without a variable ({str(names_and_values[name])[:60]!r}): Ansible cuts at blanks.",
                remedy="Quote the value inside the quotes: -e \"reason='search is faster'\"",
                details={"key": "reason" if "reason" in names_and_values else None, "nearest": None},
            )
        if name in INVENTORY_KEYS:
            if env_kind == "sandbox":
                continue
            raise UsageError(
                f"{name} is policy, and policy from the command line counts only in a sandbox.",
                remedy=f"Set {name} in the inventory, where a colleague can see it.",
                details={"key": name, "nearest": None},
            )
        if name in RESERVED:
            hint = "The inventory (-i) says which environment a run works on." if name == "environment" else ""
            raise UsageError(
                f"{name} can't be a variable: Ansible reserves the word.",
                remedy=hint or f"The key is {RESERVED[name]!r}.",
                details={"key": name, "nearest": None if hint else RESERVED[name]},
            )
        known = RUN_VARS.keys() | INVENTORY_KEYS if env_kind == "sandbox" else RUN_VARS.keys()
        near = nearest(name, known)
        raise UsageError(
            f"Unknown variable {name!r} given with -e.",
            remedy=f"Did you mean {near!r}?" if near else f"Known: {', '.join(RUN_VARS)}.",
            details={"key": name, "nearest": near},
        )

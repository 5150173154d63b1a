# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a task sees of its inventory: the variables that hotops knows, templated, and the environment they declare."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible import context
from ansible.errors import AnsibleError
from ansible.inventory.manager import split_host_pattern
from ansible.utils.vars import load_extra_vars

try:
    from hotops.core.errors import UsageError
    from hotops.core.plain import plain_data
    from hotops.inventory.files import project_folder
    from hotops.inventory.load import DATABASES, environment_from_vars
    from hotops.inventory.run_vars import INVENTORY_KEYS, check_extra_vars
    from hotops.inventory.schema import Database, Environment
    from hotops.selection import check_patterns, select
except ImportError as error:
    MISSING: ImportError | None = error  # `base` says so in the task that needs it
else:
    MISSING = None

EVIDENCE_DIR = "artifacts/deployment"


class InventoryVars:
    """Variables of a task, its hosts and its run. Only names that hotops knows are templated: others may fail to."""

    def __init__(self, task_vars: Mapping[str, Any], templar: Any, loader: Any) -> None:
        self._task_vars = task_vars
        self._templar = templar
        self._loader = loader

    def get(self, name: str) -> Any:
        """A variable of the task, templated, as plain data; None if it is not set."""
        if name not in self._task_vars:
            return None
        return _templated(self._templar, name, self._task_vars[name])

    def inventory(self) -> Path | None:
        """The first inventory source that is a file or a folder."""
        for source in context.CLIARGS.get("inventory") or self._task_vars.get("ansible_inventory_sources") or ():
            if "," not in source and Path(source).exists():
                return Path(source)
        return None

    def environment(self) -> Environment:
        """The environment that the inventory declares, all its apps included, whatever the play's hosts are.

        Raises InventoryError; UsageError for an unknown extra var.
        """
        groups = self._task_vars["groups"]
        inventory = self.inventory()
        check_patterns(self.patterns(), [*groups, *(host for hosts in groups.values() for host in hosts), "localhost"])
        extra = {str(name): _templated(self._templar, name, value) for name, value in self._extra().items()}
        hosts = [*groups.get("apps", ()), *groups.get(DATABASES, ())]
        return environment_from_vars(
            {host: self._host_vars(host) for host in hosts}, groups, inventory=inventory, extra=extra
        )

    def selection(self, environment: Environment) -> tuple[str, ...]:
        """The hosts of the apps that this run is about. Raises UsageError where there are none."""
        hosts = [str(host) for host in self._task_vars.get("ansible_play_hosts_all", ())]
        return select(environment, hosts, apps=self.get("apps"), patterns=self.patterns())

    def refuse_unknown(self) -> None:
        """What `environment` refuses of extra vars, for what is about no environment. Raises UsageError."""
        check_extra_vars(self._extra(), "sandbox" if self.get("env_kind") == "sandbox" else "live")

    def patterns(self) -> list[str]:
        """The patterns of `-l`."""
        limit = context.CLIARGS.get("subset")
        return [str(pattern) for pattern in split_host_pattern(limit)] if limit else []

    def evidence_dir(self) -> Path:
        """Where runs keep their evidence: below the inventory's project, else below the working folder."""
        inventory = self.inventory()
        base = project_folder(inventory) if inventory else Path.cwd()
        return base / Path(str(self.get("evidence_dir") or EVIDENCE_DIR)).expanduser()

    def environment_name(self) -> str:
        """`env_name`, else the name of the inventory's folder."""
        inventory = self.inventory()
        folder = (inventory if inventory.is_dir() else inventory.absolute().parent).name if inventory else "none"
        return str(self.get("env_name") or folder)

    def playbook(self) -> str:
        """The playbook's name without folder and ending: the same for a path and for `hotops.core.<name>`."""
        named = context.CLIARGS.get("args")
        if not isinstance(named, (list, tuple)) or not named:
            return "ad_hoc"
        file = Path(str(named[0])).name
        return file.removesuffix(".yml").removesuffix(".yaml").rpartition(".")[2]

    def _extra(self) -> Mapping[str, Any]:
        extra: Mapping[str, Any] = load_extra_vars(self._loader)
        return extra

    def _host_vars(self, host: str) -> dict[str, Any]:
        known = INVENTORY_KEYS | Database.model_fields.keys()
        raw = self._task_vars["hostvars"].raw_get(host)
        templar = self._templar.copy_with_new_env(available_variables=raw)
        return {
            str(name): _templated(templar, name, value, host) if name in known else None for name, value in raw.items()
        }


def _templated(templar: Any, name: str, value: Any, host: str = "") -> Any:
    try:
        return plain_data(templar.template(value))
    except AnsibleError as error:
        of = f" of {host}" if host else ""
        raise UsageError(
            f"The variable {name}{of} can't be evaluated: {error}", remedy="Look at its template in the inventory."
        ) from None

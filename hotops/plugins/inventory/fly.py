# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The apps that really run on Fly.io, as hosts."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: fly
short_description: The apps that really run on Fly.io, as hosts
version_added: 0.1.0
author:
  - The hotops authors (!UNKNOWN)
description:
  - Makes a host of each app of one or several organisations, in the group C(apps), and in a group for its organisation
    (C(fly_org_NAME)), each region it has machines in (C(fly_region_NAME)) and its status (C(fly_status_NAME)).
  - With O(declared) it says how this differs from an inventory that declares apps. Apps that nobody declared are in the
    group C(fly_undeclared). Declared ones that do not exist are in the variable C(fly_missing) of all hosts, and are
    warned about.
  - Each host has the variables C(fly_org), C(fly_status), C(fly_hostname), C(fly_regions), C(fly_machines) and
    C(fly_started).
  - The source is a YAML file whose name ends with C(fly.yml) or C(fly.yaml).
extends_documentation_fragment:
  - constructed
  - inventory_cache
requirements:
  - hotops, installed for the Python that runs Ansible
notes:
  - The Fly token comes from E(FLY_API_TOKEN). One that covers an app only can't list an organisation.
options:
  plugin:
    description:
      - Marks the file as a source of this plugin.
    type: str
    required: true
    choices:
      - hotops.core.fly
  env_kind:
    description:
      - Which world to ask, the real clouds or their twin on this computer. Becomes a variable of all hosts.
    type: str
    required: true
    choices:
      - live
      - sandbox
  orgs:
    description:
      - Slugs of the organisations.
    type: list
    elements: str
    required: true
  machines:
    description:
      - Whether to ask each app for its machines, which takes a request for each. Without it there are no groups of
        regions.
    type: bool
    default: true
  declared:
    description:
      - An inventory that declares apps, its folder or file, relative to this file's folder.
    type: path
"""

EXAMPLES = r"""
---
# production.fly.yml
plugin: hotops.core.fly
env_kind: live
orgs:
  - acme

---
# What runs beside what is declared; `ansible-inventory -i drift.fly.yml --graph` shows it.
plugin: hotops.core.fly
env_kind: live
orgs:
  - acme
declared: inventories/production
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/hotops/inventory
groups:
  not_redundant: fly_machines < 2
"""

from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.module_utils.basic import missing_required_lib
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

try:
    from hotops.core.errors import HotopsError
    from hotops.core.plain import plain_data
    from hotops.fly import Fly
    from hotops.info.fleet import drift, fleet
    from hotops.inventory.listing import load_environment
except ImportError as error:
    MISSING: ImportError | None = error
else:
    MISSING = None

GROUP = "apps"
UNDECLARED = "fly_undeclared"


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Ansible's entry."""

    NAME = "hotops.core.fly"

    def verify_file(self, path: str) -> bool:
        """Whether the file may be one of ours, by its name."""
        return super().verify_file(path) and path.endswith(("fly.yml", "fly.yaml"))

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory from Fly, or from the cache."""
        super().parse(inventory, loader, path, cache)
        if MISSING is not None:
            raise AnsibleParserError(f"{missing_required_lib(MISSING.name or 'hotops')} ({MISSING})")
        self._read_config_data(path)
        try:
            self._fill(self._apps(path, may_read_cache=cache), path)
        except HotopsError as refused:
            raise AnsibleParserError(f"{path}: {refused}") from None

    def _apps(self, path: str, *, may_read_cache: bool) -> list[dict[str, Any]]:
        wanted, key = self.get_option("cache"), self.get_cache_key(path)
        if wanted and may_read_cache:
            try:
                return list(self._cache[key])
            except KeyError:
                pass  # nothing there yet, or it is too old: ask
        with Fly(env_kind=self.get_option("env_kind")) as fly:
            orgs = [str(org) for org in self.get_option("orgs")]
            found = [app for org in orgs for app in fleet(fly, org, with_machines=bool(self.get_option("machines")))]
        apps: list[dict[str, Any]] = plain_data(found)
        if wanted:
            self._cache[key] = apps
        return apps

    def _fill(self, apps: list[dict[str, Any]], path: str) -> None:
        self.inventory.add_group(GROUP)
        self.inventory.set_variable("all", "env_kind", str(self.get_option("env_kind")))
        undeclared = self._undeclared([str(app["name"]) for app in apps], path)
        for app in apps:
            host = str(app["name"])
            self.inventory.add_host(host, GROUP)
            for key in ("org", "status", "hostname", "regions", "machines", "started"):
                self.inventory.set_variable(host, f"fly_{key}", app[key])
            groups = [f"fly_org_{app['org']}", f"fly_status_{app['status'] or 'unknown'}"]
            groups += [f"fly_region_{region}" for region in app["regions"]]
            groups += [UNDECLARED] if host in undeclared else []
            for group in groups:
                self.inventory.add_host(host, self.inventory.add_group(self._sanitize_group_name(group)))
            self._construct(host)

    def _undeclared(self, running: list[str], path: str) -> tuple[str, ...]:
        """Apps that nobody declared; missing ones become a variable and a warning."""
        declared = self.get_option("declared")
        if not declared:
            return ()
        environment = load_environment(Path(path).parent / str(declared))
        apps = environment.apps.values()
        found = drift(running, {name for app in apps for name in (app.app, app.promote_from) if name})
        self.inventory.set_variable("all", "fly_missing", list(found.missing))
        if found.missing:
            self.display.warning(f"Declared in {declared} but not there: {', '.join(found.missing)}")
        return found.undeclared

    def _construct(self, host: str) -> None:
        strict = self.get_option("strict")
        variables = self.inventory.get_host(host).get_vars()
        self._set_composite_vars(self.get_option("compose"), variables, host, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, host, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, host, strict=strict)

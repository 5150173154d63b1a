# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A reference to a secret of the vault; its value only on request, in a task that logs nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
---
name: vault
short_description: References to secrets of the vault
version_added: 0.1.0
author:
  - The hotops authors (!UNKNOWN)
description:
  - Returns C(vault:PATH#KEY@FINGERPRINT) for a secret of the inventory's vault, which says where it stands and which
    value is meant, and may be logged.
  - With O(reveal) it returns the value, for modules that are not of this collection. It then refuses to work in a task
    without C(no_log=true), since Ansible shows arguments and results of all others.
options:
  _terms:
    description:
      - Names (C(DATABASE_URL)), slots (C(supabase/database_url)), C(path#KEY), or references, whose fingerprint has to
        hold.
    type: list
    elements: str
    required: true
  reveal:
    description:
      - Whether to return the value itself.
    type: bool
    default: false
requirements:
  - hotops, installed for the Python that runs Ansible
notes:
  - Which environment counts is the inventory's to say, as for every module of this collection.
seealso:
  - module: hotops.core.secrets_mirror
"""

EXAMPLES = r"""
- name: Where the connection string stands, and whether it is another one than yesterday
  ansible.builtin.debug:
    msg: "{{ lookup('hotops.core.vault', 'DATABASE_URL') }}"

- name: A module that knows nothing of references gets the value, and logs nothing
  ansible.builtin.uri:
    url: https://api.example.com/v1/ping
    headers:
      Authorization: "Bearer {{ lookup('hotops.core.vault', 'EXAMPLE_API_KEY', reveal=true) }}"
  no_log: true
"""

RETURN = r"""
_raw:
  description:
    - References, or with O(reveal) values.
  type: list
  elements: str
"""

from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase
from ansible_collections.hotops.core.plugins.plugin_utils import inventory_vars

try:
    from hotops.core.errors import HotopsError
    from hotops.secrets.wanted import vault_of
except ImportError as error:
    _MISSING: ImportError | None = error
else:
    _MISSING = inventory_vars.MISSING

try:
    from ansible._internal._task import TaskContext
except ImportError:  # another ansible-core: whether a task logs is not known there, so nothing is revealed
    TaskContext = None


class LookupModule(LookupBase):
    """References by default; values where the task can't show them."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[str]:
        """One result a term. Raises AnsibleError, which names places and never values."""
        if _MISSING is not None:
            raise AnsibleError(f"hotops.core.vault needs hotops for the Python that runs Ansible: {_MISSING}.")
        self.set_options(var_options=variables, direct=kwargs)
        reveal = self.get_option("reveal")
        if reveal and not _task_logs_nothing():
            raise AnsibleError(
                "hotops.core.vault: reveal=true is for tasks with `no_log: true`, and this one is not known to be one."
                " Set no_log: true on the task, or leave reveal out: a reference may be logged."
            )
        try:
            environment = inventory_vars.InventoryVars(variables or {}, self._templar, self._loader).environment()
            vault = vault_of(environment, may_write=False)
            if reveal:
                return [vault.fit_value(str(term)).reveal() for term in terms]
            return [vault.reference(str(term)) for term in terms]
        except HotopsError as error:
            raise AnsibleError(f"hotops.core.vault: {error}") from None


def _task_logs_nothing() -> bool:
    context = TaskContext.current(optional=True) if TaskContext is not None else None
    return context is not None and context.task.no_log is True

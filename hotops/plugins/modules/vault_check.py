#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.secrets.vault_check.CheckVault; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault_check
short_description: 'Check the vault: modes, forms, placeholders, double claims'
version_added: 0.1.0
description:
  - Reads every file of the vault and tells what can't be used, with file and line; never a value.
  - Modes that let others read, unreadable files, placeholders, empty values, two places for one name.
  - Where there is a secret map, also what it needs and the vault can't give. No cloud is asked.
author:
  - The hotops authors (!UNKNOWN)
options:
  fail_on_findings:
    description:
      - Whether the task fails when something is bad.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.vault_fix_modes
  - module: hotops.core.vault_templates
  - module: hotops.core.secrets_audit
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The vault can be used
  hotops.core.vault_check:
    fail_on_findings: true
  run_once: true

- name: See what is in it, by name
  hotops.core.vault_check:
  register: vault
  run_once: true
"""

RETURN = r"""
---
values:
  description:
    - What counts in this environment.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description:
        - Its name.
      type: str
    place:
      description:
        - File and line.
      type: str
    state:
      description:
        - V(present), V(empty), V(placeholder) or V(unreadable).
      type: str
findings:
  description:
    - What is not well, bad ones first.
  returned: success
  type: list
  elements: dict
  sample: []
failed_findings:
  description:
    - Those that are bad.
  returned: success
  type: list
  elements: dict
  sample: []
failure:
  description:
    - What went wrong, made for programs; RV(ignore:msg) says the same for people.
  returned: on failure
  type: dict
  contains:
    code:
      description:
        - Stable word for the kind of failure, such as V(usage) or V(no_go).
      type: str
    message:
      description:
        - What was wrong, and where.
      type: str
    remedy:
      description:
        - What to do next.
      type: str
    request_id:
      description:
        - The cloud's own id of the refused request, if there is one.
      type: str
    exit_code:
      description:
        - Exit code of the C(hotops) command for this failure.
      type: int
    details:
      description:
        - Particulars, unless they were shown as a table.
      type: dict
  sample:
    code: unknown_app
    exit_code: 2
    message: There is no app 'shop-prodution' in the inventory.
    remedy: Did you mean shop-production?
    request_id: null
"""

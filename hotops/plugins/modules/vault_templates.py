#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.secrets.vault_templates.MakeTemplates; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault_templates
short_description: Make the vault's missing files, names only
version_added: 0.1.0
description:
  - For each secret of the map that the vault lacks, adds its key with an empty value; files are made.
  - Files are called as the vault's others are (C(_prod), C(_production) or C(prod.env)), with mode 600.
  - 'An empty value is never mirrored: it is refused until somebody fills it in.'
author:
  - The hotops authors (!UNKNOWN)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.vault_check
  - module: hotops.core.secrets_map_init
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Every secret that the map needs has a place to be filled in
  hotops.core.vault_templates:
  run_once: true

- name: See what is missing
  hotops.core.vault_templates:
  check_mode: true
  register: templates
  run_once: true
"""

RETURN = r"""
---
missing:
  description:
    - What was missing.
  returned: success
  type: list
  elements: dict
  contains:
    secret:
      description:
        - Its name in the map.
      type: str
    path:
      description:
        - The file in the vault.
      type: str
    key:
      description:
        - The key in it.
      type: str
plan:
  description:
    - 'What was (in check mode: would be) changed, a line for each thing, before and after.'
  returned: always, save on failure
  type: str
  sample: |2-
      ~ app/1 (17811953c92e18): memory_mb 512 → 1024
    1 to change, 0 to add, 0 to destroy.
plan_id:
  description:
    - SHA-256 of what the plan decides; the same decision has the same id.
  returned: always, save on failure
  type: str
  sample: a5e7d9f3042728bb086678183b2f6824e0cd1559331389259096bbd19893a82a
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

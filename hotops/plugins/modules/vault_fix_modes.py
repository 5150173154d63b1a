#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.secrets.vault_modes.FixModes; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: vault_fix_modes
short_description: Take from others what they may read of the vault
version_added: 0.1.0
description:
  - Gives the vault's folders mode 700 and its files 600; a file that its owner may execute stays so.
  - Every operation that opens the vault refuses one that others may read.
author:
  - The hotops authors (!UNKNOWN)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.vault_check
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Nobody else reads the vault
  hotops.core.vault_fix_modes:
  run_once: true

- name: See who could
  hotops.core.vault_fix_modes:
  check_mode: true
  register: modes
  run_once: true
"""

RETURN = r"""
---
fixed:
  description:
    - Files and folders whose modes were, or would be, changed.
  returned: success
  type: list
  elements: str
  sample:
    - supabase/database_url_prod.env
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

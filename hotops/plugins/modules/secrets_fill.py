#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.rotation.fill.FillSecrets; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_fill
short_description: Make the missing secrets that nobody issues, and say what else is missing
version_added: 0.1.0
description:
  - Compares secret map, vault and apps. What C(generated) issues and the vault lacks is made there.
  - One that an app has of its own, which nobody can read, is told instead, as is who issues all others.
  - Names that an app requires, and that neither it has nor the map gives it, are told too.
  - Nothing is written to an app; M(hotops.core.secrets_mirror) does that.
author:
  - The hotops authors (!UNKNOWN)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.secrets_mirror
  - module: hotops.core.secrets_rotate
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The vault has what the map names, as far as it can be made
  hotops.core.secrets_fill:
  run_once: true

- name: See what a person has to put into the vault
  hotops.core.secrets_fill:
  check_mode: true
  register: lacking
  run_once: true
"""

RETURN = r"""
---
filled:
  description:
    - Names that were made in the vault, or would be.
  returned: success
  type: list
  elements: str
  sample:
    - SECRET_KEY_BASE
missing:
  description:
    - 'What a person has to put into the vault: C(secret), C(says).'
  returned: success
  type: list
  elements: dict
  sample: []
not_mapped:
  description:
    - By app, required names that it does not have and the map does not give it.
  returned: success
  type: dict
  sample: {}
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

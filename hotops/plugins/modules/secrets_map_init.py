#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.secrets.map_init.InitMap; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_map_init
short_description: Draft the secret map of an environment from its vault
version_added: 0.1.0
description:
  - 'Writes the file C(secret_map) of the inventory: each name that the vault has for this environment.'
  - A name goes to the apps and the scopes of GitHub that have one like it.
  - 'Holds names only. A map that is there is never overwritten: then it fails.'
  - 'What the places have and the vault does not is listed in comments: somebody has to look for it.'
author:
  - The hotops authors (!UNKNOWN)
options:
  look:
    description:
      - Whether apps and GitHub are asked for the names that they have; else the vault alone.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.secrets_mirror
  - module: hotops.core.secrets_audit
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: See what a first secret map would say
  hotops.core.secrets_map_init:
  check_mode: true
  register: draft
  run_once: true

- name: Write it, from the vault alone
  hotops.core.secrets_map_init:
    look: false
  run_once: true
"""

RETURN = r"""
---
path:
  description:
    - The file.
  returned: success
  type: str
  sample: inventories/secret_maps/production.yml
secrets:
  description:
    - Names that were drafted.
  returned: success
  type: list
  elements: str
  sample:
    - DATABASE_URL
unplaced:
  description:
    - By place, names that nothing in the vault is called like.
  returned: success
  type: dict
  sample:
    fly:shop-production:
      - FLY_FLAG
closed:
  description:
    - Places that did not answer, and why.
  returned: success
  type: dict
  sample: {}
text:
  description:
    - The draft itself.
  returned: success
  type: str
  sample: 'secrets:'
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.promote.freezing.Freeze; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: freeze
short_description: Refuse promotions to an environment for a while, or allow them again
version_added: 0.1.0
description:
  - While it is frozen, the gate C(freeze) refuses promotions and deploys. A rollback is always allowed.
  - 'It is kept where the lock is: a git reference in the repository, for all to see, else a file here.'
author:
  - The hotops authors (!UNKNOWN)
options:
  state:
    description:
      - Whether promotions are refused.
    type: str
    choices:
      - frozen
      - thawed
    default: frozen
  reason:
    description:
      - Why; every promotion that is refused shows it.
    type: str
    default: ''
  until:
    description:
      - How long (V(8h), V(2d)) or until when (a date, an RFC 3339 time); until it is thawed if omitted.
    type: str
    default: ''
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.gate
  - module: hotops.core.lock
  - module: hotops.core.promote_phase
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Nothing is promoted over the holidays
  hotops.core.freeze:
    reason: holidays
    until: 2026-12-27
  run_once: true

- name: The holidays are over
  hotops.core.freeze:
    state: thawed
    reason: everybody is back
  run_once: true
"""

RETURN = r"""
---
frozen:
  description:
    - Whether it is frozen now.
  returned: success
  type: bool
scope:
  description:
    - Who sees it.
  returned: success
  type: str
  sample: GitHub, acme/shop
until:
  description:
    - Until when, if it has an end.
  returned: while frozen
  type: str
reason:
  description:
    - Why.
  returned: while frozen
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

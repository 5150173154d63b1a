#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.drill.follow_ups.DrFollowUps; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dr_follow_ups
short_description: Keep an issue for each drill that failed or is due
version_added: 0.1.0
description:
  - Reads the register of drills; opens an issue for each scenario that failed last, or that is due.
  - With an owner (C(dr.owner)) and a date (C(dr.follow_up_days) after the failure); opened once.
  - A public repository is told the title and the run's name alone. What passed meanwhile is closed.
author:
  - The hotops authors (!UNKNOWN)
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.dr_drill
  - module: hotops.core.dr_due
  - module: hotops.core.github_issue
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: What the drills left to do has an owner and a date
  hotops.core.dr_follow_ups:
  run_once: true

- name: What would be opened or brought up to date, and nothing is written
  hotops.core.dr_follow_ups:
  check_mode: true
  run_once: true
"""

RETURN = r"""
---
open:
  description:
    - Titles of what is left to do.
  returned: success
  type: list
  elements: str
  sample:
    - 'Drill database_lost of production failed by 2026-02-14: run 20260131T100000Z-dr_drill'
urls:
  description:
    - Pages of the issues that were opened, told more or closed now.
  returned: success
  type: list
  elements: str
  sample:
    - https://github.com/acme/shop/issues/42
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

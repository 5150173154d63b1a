#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.promote.asked.ApprovePlan; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: approve_plan
short_description: Ask a reviewer at GitHub to approve a plan
version_added: 0.1.0
description:
  - Starts the workflow that hotops ships, whose job waits for a reviewer of the protected environment.
  - Where somebody was asked already, tells the page, and who approved it.
  - 'Under C(approval=self) there is nobody to ask: give the id to the run itself, C(-e approve=ID).'
author:
  - The hotops authors (!UNKNOWN)
options:
  plan_id:
    description:
      - Id of the plan, all 64 characters of it.
    type: str
    required: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.promote_plan
  - module: hotops.core.promote_phase
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: A reviewer is asked
  hotops.core.approve_plan:
    plan_id: "{{ planned.plan_id }}"
  register: asked
  run_once: true

- name: Who approved it is known
  hotops.core.approve_plan:
    plan_id: a5e7d9f3042728bb086678183b2f6824e0cd1559331389259096bbd19893a82a
  check_mode: true
  run_once: true
"""

RETURN = r"""
---
plan_id:
  description:
    - SHA-256 of what the plan decides; the same decision has the same id.
  returned: always, save on failure
  type: str
  sample: a5e7d9f3042728bb086678183b2f6824e0cd1559331389259096bbd19893a82a
url:
  description:
    - The page on which a reviewer answers.
  returned: success
  type: str
  sample: https://github.com/acme/shop/actions/runs/1
approved_by:
  description:
    - Who approved it.
  returned: once somebody did
  type: str
plan:
  description:
    - 'What was (in check mode: would be) changed, a line for each thing, before and after.'
  returned: always, save on failure
  type: str
  sample: |2-
      ~ app/1 (17811953c92e18): memory_mb 512 → 1024
    1 to change, 0 to add, 0 to destroy.
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

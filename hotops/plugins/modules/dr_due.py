#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.drill.due.DrDue; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dr_due
short_description: Say which disaster drills are due
version_added: 0.1.0
description:
  - 'Reads the register of drills: when each scenario that the inventory wants was proven last.'
  - Only a drill that passed, in the same environment and the same world, is a proof.
author:
  - The hotops authors (!UNKNOWN)
options:
  fail_when_due:
    description:
      - Whether a drill that is due fails the task, with exit code 8.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.dr_drill
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Red when a drill is due
  hotops.core.dr_due:
  run_once: true

- name: Show how drills stand
  hotops.core.dr_due:
    fail_when_due: false
  run_once: true
"""

RETURN = r"""
---
due:
  description:
    - Whether any drill is due.
  returned: success
  type: bool
scenarios:
  description:
    - One item for each scenario.
  returned: success
  type: list
  elements: dict
  contains:
    scenario:
      description:
        - Its name.
      type: str
    proven_at:
      description:
        - When it was proven last.
      type: str
    age_days:
      description:
        - How long ago, in days; none if never.
      type: float
    due:
      description:
        - Whether it is due.
      type: bool
    due_in_days:
      description:
        - Days until it is due.
      type: float
    recovery_s:
      description:
        - How long the way back took then, in seconds.
      type: float
    loss_s:
      description:
        - What was lost then, in seconds.
      type: float
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

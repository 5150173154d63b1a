#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.look.doctor.Doctor; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: doctor
short_description: Check what can be done from here
version_added: 0.1.0
description:
  - Tells what each token may do and the least one to make, what answers, versions, clocks and more.
  - Each finding has its remedy as lines that can be copied.
  - 'Works with Fly''s token alone: a missing right makes a gate unknown, and is said so.'
  - With C(live) every reading is made once and hotops' models are checked against the replies.
author:
  - The hotops authors (!UNKNOWN)
options:
  live:
    description:
      - Whether to check hotops' models against real replies too, by reads only; writes their shapes.
    type: bool
    default: false
  fail_on_findings:
    description:
      - Whether findings (all but warnings) fail the task, with exit code 8.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.status
  - module: hotops.core.explain
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Show what can be done from here
  hotops.core.doctor:
  run_once: true

- name: Check the models against the clouds' real replies
  hotops.core.doctor:
    live: true
    fail_on_findings: true
  run_once: true
"""

RETURN = r"""
---
checked:
  description:
    - 'Each thing that was looked at: area, state, says, remedy.'
  returned: success
  type: list
  elements: dict
findings:
  description:
    - What is not well, the worst first.
  returned: success
  type: list
  elements: dict
failed_findings:
  description:
    - The findings that are no mere warnings; C(hotops doctor) ends with 8 if there are any.
  returned: success
  type: list
  elements: dict
live:
  description:
    - What the live check read and could not read, and the file of shapes; else null.
  returned: success
  type: dict
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

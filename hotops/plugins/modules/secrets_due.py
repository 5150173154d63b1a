#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.rotation.due.SecretsDue; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_due
short_description: Say which secrets are due for rotation
version_added: 0.1.0
description:
  - 'Tells each secret of the map with C(rotate_days): overdue, due in 7 days, due in 30 days, or fine.'
  - The age counts from the last rotation, else from when hotops wrote the present value first.
  - 'RV(rotatable) are the due ones that C(secrets_rotate) can rotate alone, in order: a token of Fly''s last.'
  - A secret that needs an outage or a person is told and never among them.
author:
  - The hotops authors (!UNKNOWN)
options:
  fail_when_due:
    description:
      - Whether a secret that is due fails the task, with exit code 8.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.secrets_rotate
  - module: hotops.core.dr_due
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Red when a secret is due
  hotops.core.secrets_due:
  run_once: true

- name: What is due, for a schedule that rotates it
  hotops.core.secrets_due:
    fail_when_due: false
  register: due
  run_once: true
"""

RETURN = r"""
---
due:
  description:
    - Names of what is due now.
  returned: success
  type: list
  elements: str
rotatable:
  description:
    - Names of what is due and can be rotated by a schedule, in the order to do it in.
  returned: success
  type: list
  elements: str
  sample:
    - DATABASE_URL
secrets:
  description:
    - One item for each secret of the map, the most urgent first.
  returned: success
  type: list
  elements: dict
  contains:
    secret:
      description:
        - Its name.
      type: str
    state:
      description:
        - V(overdue), V(soon) (7 days), V(ahead) (30), V(fine), V(unknown), V(never).
      type: str
    age_days:
      description:
        - How long it is there; none where nobody knows.
      type: float
    due_in_days:
      description:
        - Days until it is due; negative since.
      type: float
    issuer:
      description:
        - 'Who issues it: the kind of its provider, or none.'
      type: str
    how:
      description:
        - 'How it is rotated: alone, by_hand, with_outage, not_declared.'
      type: str
    rotated_at:
      description:
        - When it was rotated last, as the log knows.
      type: str
    rotated_by:
      description:
        - Who did.
      type: str
    under_way:
      description:
        - Whether a rotation began and did not end.
      type: bool
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

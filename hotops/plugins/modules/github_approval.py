#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.repository.ask_approval.AskApproval; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: github_approval
short_description: Have a plan approved at GitHub, or see who approved it
version_added: 0.1.0
description:
  - Starts the approval workflow that hotops ships, and reads who approved its job.
  - What does not count is refused in words, such as another plan, an expired or used approval, a bypass.
author:
  - The hotops authors (!UNKNOWN)
options:
  plan:
    description:
      - Id of the plan, as hotops printed it.
    type: str
    required: true
  action:
    description:
      - 'show: who approved it; request: ask the reviewers, where nobody was asked yet.'
    type: str
    choices:
      - show
      - request
    default: show
  run:
    description:
      - This very run of the approval workflow; the newest if omitted.
    type: int
  summary:
    description:
      - What the plan changes; never sent to a public repository.
    type: str
    default: ''
  wait_s:
    description:
      - How long to wait for the answer, in seconds.
    type: float
    default: 0.0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.promote_phase
  - module: hotops.core.github_workflow
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Ask the reviewers of production
  hotops.core.github_approval:
    plan: "{{ plan_id }}"
    action: request
    wait_s: 3600
  run_once: true

- name: See who approved a plan
  hotops.core.github_approval:
    plan: "{{ plan_id }}"
  register: seen
  run_once: true
"""

RETURN = r"""
---
approval:
  description:
    - Who approved.
  returned: when somebody did
  type: dict
  sample:
    login: ada
    self_approved: false
run:
  description:
    - The run of the approval workflow.
  returned: when somebody was asked
  type: int
  sample: 16304
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

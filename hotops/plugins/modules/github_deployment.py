#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.repository.record_deployment.RecordDeployment; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: github_deployment
short_description: Record a deployment in the history of a GitHub repository
version_added: 0.1.0
description:
  - Makes the deployment where there is none of this task, and tells its state where that is another.
  - 'It asks no check and merges nothing: what may be deployed was decided before.'
author:
  - The hotops authors (!UNKNOWN)
options:
  commit:
    description:
      - The commit that is deployed.
    type: str
    required: true
  target:
    description:
      - Environment of GitHub in whose history it stands.
    type: str
    required: true
  task:
    description:
      - 'Names this one deployment, such as the run: it is recorded once.'
    type: str
    required: true
  state:
    description:
      - What became of it.
    type: str
    choices:
      - error
      - failure
      - inactive
      - in_progress
      - queued
      - pending
      - success
    required: true
  description:
    description:
      - In a few words; GitHub keeps 140 characters.
    type: str
    default: ''
  url:
    description:
      - Address of what was deployed.
    type: str
    default: ''
  repo:
    description:
      - Repository, OWNER/NAME; the inventory's if omitted.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.notify
  - module: hotops.core.promote_phase
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The team sees that production is being deployed
  hotops.core.github_deployment:
    commit: "{{ commit }}"
    target: production
    task: "release {{ version }}"
    state: in_progress
  run_once: true

- name: The team sees how it ended
  hotops.core.github_deployment:
    commit: "{{ commit }}"
    target: production
    task: "release {{ version }}"
    state: success
    description: promoted and watched
    url: https://shop.example.com
  run_once: true
"""

RETURN = r"""
---
deployment:
  description:
    - Its number.
  returned: changed
  type: int
  sample: 921
state:
  description:
    - Its state before.
  returned: success
  type: str
  sample: in_progress
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

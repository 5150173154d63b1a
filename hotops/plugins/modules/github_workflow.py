#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.repository.run_workflow.RunWorkflow; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: github_workflow
short_description: Start a workflow of GitHub Actions and wait for its end
version_added: 0.1.0
description:
  - Dispatches a workflow file that stands on the default branch; each call starts one run, but for O(title).
  - With O(title), a call that comes again (after a crash, say) finds the run, waits for it, and starts none.
  - A dispatch whose answer is lost is looked for, never sent twice.
author:
  - The hotops authors (!UNKNOWN)
options:
  workflow:
    description:
      - Name of its file in .github/workflows/.
    type: str
    required: true
  ref:
    description:
      - Branch or tag; the default branch if omitted.
    type: str
  inputs:
    description:
      - Its inputs by name.
    type: dict
    default: {}
  wait_s:
    description:
      - 'How long to wait for its end, in seconds; 0: not at all.'
    type: float
    default: 0.0
  title:
    description:
      - Title of its run (C(run-name)); one of it that began within a day and did not fail stands for this one.
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
  - module: hotops.core.github_check_info
  - module: hotops.core.github_approval
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Start the nightly load test
  hotops.core.github_workflow:
    workflow: load-test.yml
  run_once: true

- name: Deploy staging through its workflow, and see it end well
  hotops.core.github_workflow:
    workflow: deploy-staging.yml
    inputs: {reason: "{{ reason }}"}
    wait_s: 1800
  run_once: true

- name: The load test of this release is started once, also when the playbook is run again
  hotops.core.github_workflow:
    workflow: load-test.yml
    inputs: {release: "{{ version }}"}
    title: "Load test of {{ version }}"
  run_once: true
"""

RETURN = r"""
---
run:
  description:
    - Number of the run.
  returned: once it began
  type: int
  sample: 16304
url:
  description:
    - Its page.
  returned: once it began
  type: str
  sample: https://github.com/acme/shop/actions/runs/16304
status:
  description:
    - How it stands.
  returned: once it began
  type: str
  sample: completed
conclusion:
  description:
    - How it ended, where it did.
  returned: once it began
  type: str
  sample: success
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

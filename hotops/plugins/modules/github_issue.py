#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.repository.tell_issue.TellIssue; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: github_issue
short_description: Keep one open issue for one incident
version_added: 0.1.0
description:
  - Opens an issue, or adds a comment to the open one of the same title; with O(state=closed), closes it.
  - In a public repository only the title is told, unless O(public_body).
author:
  - The hotops authors (!UNKNOWN)
options:
  title:
    description:
      - Its title, by which the open one is found again.
    type: str
    required: true
  body:
    description:
      - What happened; never sent to a public repository unless O(public_body).
    type: str
    default: ''
  labels:
    description:
      - Its labels when it is opened.
    type: list
    elements: str
    default: []
  state:
    description:
      - Whether it is to be open.
    type: str
    choices:
      - open
      - closed
    default: open
  public_body:
    description:
      - Whether the body may go into a public repository.
    type: bool
    default: false
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
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The incident has an issue
  hotops.core.github_issue:
    title: "shop-production rolled back"
    body: "{{ promotion.msg }}"
    labels: [incident]
  run_once: true

- name: It is over
  hotops.core.github_issue:
    title: "shop-production rolled back"
    state: closed
  run_once: true
"""

RETURN = r"""
---
number:
  description:
    - Its number.
  returned: when there is one
  type: int
  sample: 42
url:
  description:
    - Its page.
  returned: when there is one
  type: str
  sample: https://github.com/acme/shop/issues/42
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

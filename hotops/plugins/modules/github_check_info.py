#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.repository.check_info.CheckInfo; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: github_check_info
short_description: Read what CI said of a commit
version_added: 0.1.0
description:
  - Returns the check runs and commit statuses of a commit by name, each with its conclusion.
  - Of O(names), those that are absent, failed or still running are told in RV(not_green).
author:
  - The hotops authors (!UNKNOWN)
options:
  commit:
    description:
      - The commit, a branch or a tag.
    type: str
    required: true
  names:
    description:
      - Checks that have to be green; an absent one is red.
    type: list
    elements: str
    default: []
  repo:
    description:
      - Repository, OWNER/NAME; the inventory's if omitted.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.gate
  - module: hotops.core.github_workflow
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: See what CI said of the main branch
  hotops.core.github_check_info:
    commit: main
  run_once: true

- name: Nothing goes on unless build and e2e are green
  hotops.core.github_check_info:
    commit: "{{ commit }}"
    names: [build, e2e]
  register: ci
  failed_when: ci is failed or ci.not_green | length > 0
  run_once: true
"""

RETURN = r"""
---
checks:
  description:
    - Conclusions by name; C(pending) while one runs.
  returned: success
  type: dict
  sample:
    build: success
    e2e: failure
not_green:
  description:
    - Those of O(names) that are not green, in words.
  returned: success
  type: list
  elements: str
  sample:
    - e2e is failure
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.conformance.conformance.Conformance; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: conformance
short_description: Compare what hotops takes for true about the clouds with what they do
version_added: 0.1.0
description:
  - Asks by reads alone what can be asked so, of the environment's first app, and compares.
  - With a O(budget) it makes an app of two small machines, tries what only writes tell, and destroys it.
  - Each line names its row in the page of unverified assumptions; a line that differs is a finding.
  - Writes a file with assumed, seen and the shapes of the replies, in which no value is; not in check mode, and
    not where C(HOTOPS_READONLY) is set.
author:
  - The hotops authors (!UNKNOWN)
options:
  budget:
    description:
      - Most that trials may cost, in US dollars; without it nothing is written anywhere.
    type: float
  image:
    description:
      - Image of the trials' machines; a small public one if omitted.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.doctor
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: What can be told by looking
  hotops.core.conformance:
  run_once: true

- name: Also what only writes tell, on an app that is made for it
  hotops.core.conformance:
    budget: 0.05
  run_once: true
"""

RETURN = r"""
---
tried:
  description:
    - 'Each assumption: number, assumed, seen, and whether it holds, differs or is unknown.'
  returned: success
  type: list
  elements: dict
failed_findings:
  description:
    - Those that differ; C(hotops conformance check) ends with 8 if there are any.
  returned: success
  type: list
  elements: dict
file:
  description:
    - The file, below the project's folder; null in check mode and with HOTOPS_READONLY.
  returned: success
  type: str
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

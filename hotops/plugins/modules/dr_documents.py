#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.drill.documents.DrDocuments; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dr_documents
short_description: Write the papers of disaster recovery from measured figures
version_added: 0.1.0
description:
  - Writes a plan, a restore runbook, a table of recovery times, and one page for who decides.
  - 'The page: can we come back, in how long, losing what, last time, what is not covered, next due.'
  - Every figure is of a drill in the register or of the backups there are; what was never measured says so.
  - A sandbox's figures stand apart and are called a rehearsal.
author:
  - The hotops authors (!UNKNOWN)
options:
  out:
    description:
      - Folder; a relative path begins at the project's folder.
    type: str
    default: artifacts/disaster-recovery
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.dr_drill
  - module: hotops.core.dr_due
  - module: hotops.core.restore_points
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The papers say what was measured
  hotops.core.dr_documents:
    out: docs/disaster-recovery
  run_once: true

- name: Would they change?
  hotops.core.dr_documents:
  check_mode: true
  run_once: true
"""

RETURN = r"""
---
files:
  description:
    - The papers, by path, and whether they were written now.
  returned: success
  type: dict
  sample:
    artifacts/disaster-recovery/dr-plan.md: true
answer:
  description:
    - Can we come back? V(yes), V(partly), V(not proven).
  returned: success
  type: str
  sample: partly
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

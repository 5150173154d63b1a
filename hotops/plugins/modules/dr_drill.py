#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.drill.drill.DrDrill; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dr_drill
short_description: Drill a disaster and measure the way back
version_added: 0.1.0
description:
  - 'Carries a scenario out: remembers what is true, breaks something on purpose, brings it back, compares.'
  - Measures the time until users are served rightly, in phases, and what was lost; estimates nothing.
  - Fails when more than a fifth over what the inventory allows. Every drill is kept in the register.
  - Faults that destroy are made in the sandbox only, and a sandbox's drill proves nothing about live clouds.
author:
  - The hotops authors (!UNKNOWN)
options:
  scenario:
    description:
      - Name of the scenario, or path of an experiment's .json file.
    type: str
    required: true
  confirm:
    description:
      - 'The environment''s name, typed once more: a drill destroys something on purpose.'
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - Check mode asks the apps and the project's backups, and writes nothing.
seealso:
  - module: hotops.core.dr_due
  - module: hotops.core.health_report
  - module: hotops.core.fly_rollback
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Can we come back from a lost database?
  hotops.core.dr_drill:
    scenario: database_lost
    confirm: sandbox
  run_once: true

- name: What would a drill do?
  hotops.core.dr_drill:
    scenario: region_lost
  check_mode: true
  run_once: true
"""

RETURN = r"""
---
scenario:
  description:
    - The scenario.
  returned: success
  type: str
  sample: database_lost
archived_until:
  description:
    - Until when the project's log is archived, in unix seconds.
  returned: when nothing was carried out
  type: float
env_kind:
  description:
    - In which world it was; V(sandbox) proves nothing about live clouds.
  returned: when it was carried out
  type: str
  sample: sandbox
counts_as_proof:
  description:
    - 'Whether it proves something: it passed, on live clouds.'
  returned: when it was carried out
  type: bool
why:
  description:
    - Why it did not pass; empty if it did.
  returned: when it was carried out
  type: str
  sample: ''
rto_s:
  description:
    - What the way back may take, in seconds.
  returned: when it was carried out
  type: float
rpo_s:
  description:
    - What may be lost of the time before, in seconds.
  returned: when it was carried out
  type: float
passed:
  description:
    - Whether all came back within what is allowed.
  returned: when it was carried out
  type: bool
recovery_s:
  description:
    - From the fault to the first correct answer, in seconds.
  returned: when it was carried out
  type: float
loss_s:
  description:
    - What was lost of the time before the fault, in seconds; none if no data were at stake.
  returned: when it was carried out
  type: float
phases:
  description:
    - Seconds of each part of the way back, in order.
  returned: when it was carried out
  type: dict
  sample:
    detect: 1.2
    decide: 0.1
    load: 2.4
    verify: 0.4
    serve: 1.0
unproven:
  description:
    - What of a restored backup could not be compared, and why.
  returned: when it was carried out
  type: list
  elements: str
  sample: []
report:
  description:
    - Path of the report.
  returned: when evidence is kept
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.drill.timer.DrTimer; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dr_timer
short_description: Write a systemd timer that makes drills when they are due
version_added: 0.1.0
description:
  - Writes a service and a timer. The service asks M(hotops.core.dr_due) first, and drills only what is due.
  - 'Nothing is installed: the files say how. Tokens are read from C(/etc/hotops/ENV.env).'
author:
  - The hotops authors (!UNKNOWN)
options:
  scenario:
    description:
      - Scenario that is drilled; the first that the inventory wants proven if omitted.
    type: str
  on_calendar:
    description:
      - When it is asked whether a drill is due (systemd.time).
    type: str
    default: Mon *-*-* 04:41:00
  user:
    description:
      - User of the service; yours if omitted.
    type: str
  out:
    description:
      - Folder; relative paths begin at the project's folder.
    type: str
    default: artifacts/systemd
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.dr_due
  - module: hotops.core.dr_drill
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Production's drills have a timer
  hotops.core.dr_timer:
    on_calendar: "Mon *-*-* 05:00:00"
    user: hotops
  run_once: true

- name: Staging drills the loss of a machine, by the user who runs this
  hotops.core.dr_timer:
    scenario: machine_lost
    out: artifacts/systemd/staging
  run_once: true
"""

RETURN = r"""
---
files:
  description:
    - The files, by path, and whether they were written now.
  returned: success
  type: dict
  sample:
    artifacts/systemd/hotops-drill-production.timer: true
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.look.status.Status; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: status
short_description: Show the state of an environment on one screen
version_added: 0.1.0
description:
  - Tells of each app what runs since when, machines, checks, 5xx and p95 of 15 minutes, the way back.
  - Tells of the database its state and newest backup, and what changed in the last 24 hours, whoever did it.
  - Tells of GitHub the last deployment, CI of what runs, runs that wait for a reviewer, and open blockers.
  - Reads only, and writes no file. What can't be read is unknown, with the reason; Fly's token is enough.
  - The last line is the command to type next.
author:
  - The hotops authors (!UNKNOWN)
options:
  apps:
    description:
      - Apps to look at; all that the run selects if omitted.
    type: list
    elements: str
    default: []
  since_s:
    description:
      - How far back changes are told, in seconds.
    type: float
    default: 86400.0
  fail_on_findings:
    description:
      - Whether findings (all but warnings) fail the task, with exit code 8.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.health_report
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Show how production is
  hotops.core.status:
  run_once: true

- name: Stop where anything is not well
  hotops.core.status:
    fail_on_findings: true
  run_once: true
"""

RETURN = r"""
---
apps:
  description:
    - One item for each app; null is what is not known, and C(unknown) says why.
  returned: success
  type: list
  elements: dict
  contains:
    app:
      description:
        - Name of the app.
      type: str
    state:
      description:
        - 'C(ok), C(warn), C(unknown) or C(bad): its worst finding.'
      type: str
    images:
      description:
        - What its machines run.
      type: list
      elements: str
    since:
      description:
        - Since when, RFC 3339.
      type: str
    machines:
      description:
        - Number of machines by state.
      type: dict
    checks:
      description:
        - Passing and configured checks of started machines.
      type: dict
    served:
      description:
        - Answers, 5xx and 95th percentile of 15 minutes.
      type: dict
    way_back:
      description:
        - The release that a rollback brings back.
      type: dict
    unknown:
      description:
        - What could not be read, and why.
      type: dict
database:
  description:
    - 'The Supabase project: its state and newest backup.'
  returned: success
  type: dict
repository:
  description:
    - GitHub's last deployments, runs that wait for a reviewer, blockers, checks not green.
  returned: success
  type: dict
changes:
  description:
    - 'Changes, the newest first: when, app, what, who.'
  returned: success
  type: list
  elements: dict
findings:
  description:
    - Everything that is not well, the worst first, as M(hotops.core.health_report) has it.
  returned: success
  type: list
  elements: dict
lock:
  description:
    - Who holds the environment, null if nobody does.
  returned: success
  type: str
next:
  description:
    - The command to type next.
  returned: success
  type: str
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

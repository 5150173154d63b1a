#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.health.health_report.HealthReport; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: health_report
short_description: Report the health of all apps of an environment
version_added: 0.1.0
description:
  - Looks at machines, health checks, answers, logs and certificates of all apps at once; shows one table.
  - 'Shows a failing check''s path beside the answer it explains: its machine gets no request, on any path.'
  - 'What could not be read is a finding too: an unknown app is not a healthy one.'
author:
  - The hotops authors (!UNKNOWN)
options:
  apps:
    description:
      - Apps to look at, by name, where no inventory declares any; else those the run selects.
    type: list
    elements: str
    default: []
  since_s:
    description:
      - How far back exits, restarts and log lines count, in seconds.
    type: float
    default: 3600.0
  tls_warn_days:
    description:
      - A certificate with fewer days left is a finding.
    type: int
    default: 21
  wake:
    description:
      - 'Whether to ask apps that sleep, too: a request starts their machines.'
    type: bool
    default: false
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
notes:
  - In check mode no command is run inside a machine, even where C(exec_checks) allows it.
seealso:
  - module: hotops.core.health_probe
  - module: hotops.core.smoke
  - module: hotops.core.fly_log_scan
  - module: hotops.core.tls_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Show how every app is
  hotops.core.health_report:
  run_once: true

- name: The night's check is red when anything is not well
  hotops.core.health_report:
    since_s: 86400
    fail_on_findings: true
  run_once: true
"""

RETURN = r"""
---
healthy:
  description:
    - Whether there is no finding but warnings.
  returned: success
  type: bool
rows:
  description:
    - One item for each app, with all that was seen of it.
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
    machines:
      description:
        - States, exits, restarts and failing checks.
      type: dict
    probes:
      description:
        - What requests were answered.
      type: list
      elements: dict
    log:
      description:
        - What the newest log lines tell.
      type: dict
    tls:
      description:
        - The certificate of its address.
      type: dict
    inside:
      description:
        - What failing paths answer inside a machine, where C(exec_checks) allows to ask.
      type: list
      elements: dict
    staged_secrets:
      description:
        - 'Of an app that is not well: secrets whose value is not on all machines.'
      type: list
      elements: str
findings:
  description:
    - Everything that is not well, the worst first.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description:
        - Stable word, such as C(suspended) or C(failing_check).
      type: str
    severity:
      description:
        - C(bad), C(unknown) or C(warn).
      type: str
    app:
      description:
        - Name of the app.
      type: str
    subject:
      description:
        - The app, machine or host it is about.
      type: str
    says:
      description:
        - What is the matter.
      type: str
    remedy:
      description:
        - What to do.
      type: str
next:
  description:
    - The command to type next; empty without an inventory.
  returned: success
  type: str
failed_findings:
  description:
    - The findings that are no mere warnings; C(hotops health) ends with 8 if there are any.
  returned: success
  type: list
  elements: dict
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.health.fly_log_scan.LogScan; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fly_log_scan
short_description: Count crashes, memory kills and errors in an app's log
version_added: 0.1.0
description:
  - Reads the log of an app from a time on, and counts answers and the share of 5xx among them.
  - Tells crashes, out-of-memory kills, ports nobody listens on, restarts and database errors.
  - Lines that say the same are one signature with an example.
  - 'No secret of a log line is returned: what looks like one is masked.'
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - Name of the app.
    type: str
    required: true
  since_s:
    description:
      - How far back to read, in seconds; Fly keeps about seven days.
    type: float
    default: 600.0
  max_lines:
    description:
      - Read no more lines than this, from the oldest on.
    type: int
    default: 5000
  instance:
    description:
      - Only the lines of this machine.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.health_report
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.world
"""

EXAMPLES = r"""
---
- name: Nothing crashed and nothing ran out of memory in the last hour
  hotops.core.fly_log_scan:
    app: shop-production
    since_s: 3600
  register: log
  failed_when: log is failed or log.crashes + log.ooms > 0

- name: See what the worker complains about
  hotops.core.fly_log_scan:
    app: chat-production
    instance: "{{ worker_machine }}"
  register: log
"""

RETURN = r"""
---
lines:
  description:
    - How many lines were read.
  returned: success
  type: int
truncated:
  description:
    - Whether O(max_lines) ended the reading.
  returned: success
  type: bool
requests:
  description:
    - How many answers were logged.
  returned: success
  type: int
errors_5xx:
  description:
    - How many of them were 5xx.
  returned: success
  type: int
share:
  description:
    - The share of 5xx among them, 0 to 1.
  returned: success
  type: float
share_is_known:
  description:
    - Whether successes are logged, too; Fly's proxy logs failures only.
  returned: success
  type: bool
crashes:
  description:
    - Ends of a process that nobody asked for.
  returned: success
  type: int
ooms:
  description:
    - Out-of-memory kills.
  returned: success
  type: int
not_listening:
  description:
    - How often the proxy found nobody on the service's port.
  returned: success
  type: int
restarts:
  description:
    - Restarts.
  returned: success
  type: int
incidents:
  description:
    - All kinds of incidents with their numbers.
  returned: success
  type: dict
  sample:
    oom: 2
    restart: 2
ports:
  description:
    - Ports nobody listened on.
  returned: success
  type: list
  elements: int
paths:
  description:
    - Paths the app has no route for.
  returned: success
  type: list
  elements: str
signatures:
  description:
    - The most frequent errors.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description:
        - Kind of the incident, or C(error).
      type: str
    text:
      description:
        - The line without times, numbers and ids.
      type: str
    count:
      description:
        - How many lines say it.
      type: int
    first_at:
      description:
        - When it was first said, RFC 3339.
      type: str
    last_at:
      description:
        - When it was last said, RFC 3339.
      type: str
    example:
      description:
        - The newest line that says it, masked.
      type: str
    says:
      description:
        - What it means.
      type: str
from_at:
  description:
    - Time of the oldest line, RFC 3339.
  returned: success
  type: str
to_at:
  description:
    - Time of the newest line, RFC 3339.
  returned: success
  type: str
findings:
  description:
    - What is not well, as M(hotops.core.health_report) tells it.
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

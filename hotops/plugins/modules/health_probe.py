#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.health.health_probe.HealthProbe; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: health_probe
short_description: Ask a URL whether it answers as declared
version_added: 0.1.0
description:
  - Sends a request and tells status, time and whether the body is as declared.
  - Does not fail where the target is down, does not resolve or answers wrong; see RV(ok) and RV(says).
  - Redirects are answers, unless O(follow) is set. No request is repeated.
author:
  - The hotops authors (!UNKNOWN)
options:
  url:
    description:
      - Absolute URL to ask.
    type: str
    required: true
  method:
    description:
      - HTTP method.
    type: str
    choices:
      - GET
      - HEAD
      - POST
      - OPTIONS
    default: GET
  status:
    description:
      - The wanted HTTP status, or a list of them.
    type: list
    elements: int
    default:
      - 200
  body:
    description:
      - 'What the body has to be: a regular expression (searched), or a mapping the JSON has to contain.'
    type: raw
  headers:
    description:
      - Request headers; no credentials.
    type: dict
    default: {}
  user_agent:
    description:
      - User-Agent of the request; hotops' own if omitted.
    type: str
  budget_ms:
    description:
      - Longest good answer time, in ms; any if omitted.
    type: int
  timeout_ms:
    description:
      - Time after which no answer is a failure, in ms.
    type: int
    default: 10000
  follow:
    description:
      - Whether redirects are followed; else a redirect is the answer.
    type: bool
    default: false
  samples:
    description:
      - How many measured requests to send, one after another.
    type: int
    default: 1
  warmup:
    description:
      - Requests sent before the measured ones, and told apart.
    type: int
    default: 0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.smoke
  - module: hotops.core.health_report
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.world
"""

EXAMPLES = r"""
---
- name: The app says that it is well
  hotops.core.health_probe:
    url: https://shop.example.com/health
    body: {status: ok}
  register: answer
  until: answer.ok
  retries: 10
  delay: 3

- name: 95 of 100 requests are within 300 ms, the cold start apart
  hotops.core.health_probe:
    url: https://shop.example.com/
    status: [200, 302]
    user_agent: Shop-POS/9.1
    budget_ms: 300
    samples: 60
    warmup: 3
  register: answer
  failed_when: not answer.latency.within_budget
"""

RETURN = r"""
---
ok:
  description:
    - Whether every measured answer has a wanted status and body, and was within the budget.
  returned: success
  type: bool
status:
  description:
    - Status of the worst answer; none without one.
  returned: success
  type: int
took_ms:
  description:
    - How long it took, in ms.
  returned: success
  type: float
body_ok:
  description:
    - Whether its body is as wanted; none where no body is wanted or nothing answered.
  returned: success
  type: bool
over_budget:
  description:
    - Whether it took longer than O(budget_ms).
  returned: success
  type: bool
error_code:
  description:
    - 'Why nothing answered: C(unresolved), C(tls), C(unreachable), C(timeout) or C(broken).'
  returned: success
  type: str
says:
  description:
    - What came of it, in one sentence.
  returned: success
  type: str
  sample: GET https://shop.example.com/health answered 200 in 13 ms.
url:
  description:
    - The URL without its query.
  returned: success
  type: str
user_agent:
  description:
    - User-Agent that was sent.
  returned: success
  type: str
request_headers:
  description:
    - Names of the other headers that were declared.
  returned: success
  type: list
  elements: str
latency:
  description:
    - Percentiles of the measured requests; the first of all apart, as C(latency.cold_ms).
  returned: success
  type: dict
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

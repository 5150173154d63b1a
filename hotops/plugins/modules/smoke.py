#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.health.smoke.Smoke; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: smoke
short_description: Ask the routes of an app that its users depend on
version_added: 0.1.0
description:
  - 'Asks each route once and tells whether all of them answered as declared: status, body and time.'
  - A route that is over its budget is asked once more, since the first request may have started a machine.
  - Does not fail where a route does; see RV(ok).
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - Name of the app.
    type: str
    required: true
  url:
    description:
      - Base URL of the app; https://APP.fly.dev if omitted.
    type: str
  routes:
    description:
      - Routes to ask; if omitted, the declared ones, else what the app's own health checks ask.
    type: list
    elements: dict
    suboptions:
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
      user_agent:
        description:
          - User-Agent of the request; hotops' own if omitted.
        type: str
      budget_ms:
        description:
          - Longest good answer time, in ms; the app's C(budget_ms) if omitted.
        type: int
        default: 800
      path:
        description:
          - Path of the route.
        type: str
        default: /
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
      host:
        description:
          - Another host name to ask for C(path); the app's own if omitted.
        type: str
      url:
        description:
          - An absolute URL instead of C(path) and C(host).
        type: str
    default: []
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.health_probe
  - module: hotops.core.health_report
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.world
"""

EXAMPLES = r"""
---
- name: The shop sells
  hotops.core.smoke:
    app: shop-production
    routes:
      - path: /
        body: Welcome
      - path: /app
        status: [200, 302]
        user_agent: Shop-POS/9.1
      - path: /api/health
        body: {status: ok}
        budget_ms: 500
  register: smoke
  failed_when: not smoke.ok

- name: The app's own health path answers from outside
  hotops.core.smoke:
    app: shop-staging
  register: smoke
"""

RETURN = r"""
---
ok:
  description:
    - Whether every route answered as declared; false where there is none to ask.
  returned: success
  type: bool
rows:
  description:
    - One result for each route, as M(hotops.core.health_probe) returns it.
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

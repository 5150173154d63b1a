#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.look.explain.Explain; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: explain
short_description: Explain where each value of an inventory comes from
version_added: 0.1.0
description:
  - 'Shows each effective value with its origin: a flag, a file and its line, what was observed, or a default.'
  - A flag goes before host_vars, these before group_vars, these before what is observed, then defaults.
  - What is not declared is observed, and only what is declared is checked for drift.
author:
  - The hotops authors (!UNKNOWN)
options:
  apps:
    description:
      - Apps to explain; if omitted, the environment and what apps declare.
    type: list
    elements: str
    default: []
  flags:
    description:
      - Keys whose values were given as extra vars, by name.
    type: list
    elements: str
    default: []
  observed:
    description:
      - Whether to read the apps' machines, so that what is not declared is shown as it is.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.status
  - module: hotops.core.why
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Show where the values of an app come from
  hotops.core.explain:
    apps: [shop-production]
  run_once: true

- name: Only what the files say, without a call
  hotops.core.explain:
    observed: false
  run_once: true
"""

RETURN = r"""
---
environment:
  description:
    - 'The values of the whole environment: key, value, origin, where.'
  returned: success
  type: list
  elements: dict
apps:
  description:
    - The values of each app, by host, in the same form.
  returned: success
  type: dict
unknown:
  description:
    - Why the machines of an app could not be read, by host.
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.promote.gate.AskSomeGates; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: gate
short_description: Ask the gates of a promotion
version_added: 0.1.0
description:
  - Asks gates of the selected apps and reports each with what was found, from where, its age and expiry.
  - 'Nothing is deployed, and no verdict is signed: only a whole promotion gives one.'
author:
  - The hotops authors (!UNKNOWN)
options:
  names:
    description:
      - Gates to ask; all if omitted.
    type: list
    elements: str
    default: []
  version:
    description:
      - 'What the source is expected to run: a commit, a tag or a release (v42).'
    type: str
  stop:
    description:
      - Fail when a gate says no; else only report it.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.promote_phase
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Nothing would stop a promotion now
  hotops.core.gate:
  run_once: true

- name: See whether staging is healthy and soaked
  hotops.core.gate:
    names: [source_healthy, source_soaked]
    stop: false
  register: seen
  run_once: true
"""

RETURN = r"""
---
gates:
  description:
    - Each gate of each app.
  returned: success
  type: list
  elements: dict
  sample:
    - gate: source_healthy
      app: shop-production
      status: pass
      blocks: false
go:
  description:
    - Whether no gate stops a promotion.
  returned: success
  type: bool
  sample: true
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

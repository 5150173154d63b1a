#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.promote.planning.PromotePlan; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: promote_plan
short_description: Show what a promotion would do, and the id to approve it by
version_added: 0.1.0
description:
  - Asks every gate and plans the deploy as a promotion does, and changes nothing.
  - 'The id is a SHA-256 of what an approver decides: images from and to, machines and their sizes, strategy.'
  - It counts for four hours and for one run, and another plan, because something moved, has another id.
author:
  - The hotops authors (!UNKNOWN)
options:
  image:
    description:
      - Plan for this image instead of the source's.
    type: str
  version:
    description:
      - What the source is expected to run; a gate compares.
    type: str
  as_commands:
    description:
      - Whether to add the commands of flyctl that would do the same.
    type: bool
    default: false
  out:
    description:
      - File to write the plan to, as JSON.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.promote_phase
  - module: hotops.core.approve_plan
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: See what would be promoted
  hotops.core.promote_plan:
  register: planned
  run_once: true

- name: Keep it for the one who decides
  hotops.core.promote_plan:
    out: artifacts/plan.json
    as_commands: true
  run_once: true
"""

RETURN = r"""
---
plan_id:
  description:
    - 'What is approved: C(-e approve=ID).'
  returned: success
  type: str
  sample: a5e7d9f3042728bb086678183b2f6824e0cd1559331389259096bbd19893a82a
valid_until:
  description:
    - Until when it counts.
  returned: success
  type: str
go:
  description:
    - Whether every gate says go.
  returned: success
  type: bool
gates:
  description:
    - Each gate with its answer.
  returned: success
  type: list
  elements: dict
nothing_to_do:
  description:
    - Whether every machine runs the image and was accepted.
  returned: success
  type: bool
decides:
  description:
    - What the id is the hash of.
  returned: success
  type: dict
steps:
  description:
    - The steps, before and after.
  returned: success
  type: list
  elements: dict
commands:
  description:
    - Commands of flyctl that would do the same, without watch and way back.
  returned: with O(as_commands=true)
  type: list
  elements: str
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

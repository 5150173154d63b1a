#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.promote.lock.Lock; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lock
short_description: Show who holds an environment, or break a lock that its holder will not give back
version_added: 0.1.0
description:
  - With O(action=show), tells which run holds the environment, since when, why, and until when.
  - With O(action=break), removes that lock and writes who held it into the evidence.
  - 'A run that lives on this computer is not broken into: end it, and its lock is free.'
  - With a repository in the inventory and a token of GitHub, it is a git reference there, for all to see.
  - Else it is a file on this computer, and RV(scope) says so.
author:
  - The hotops authors (!UNKNOWN)
options:
  action:
    description:
      - 'show: who holds it; break: take it away.'
    type: str
    choices:
      - show
      - break
    default: show
  reason:
    description:
      - Why it is broken; it stands in the evidence.
    type: str
    default: ''
  run:
    description:
      - Break it only if this run holds it, so that no lock is broken that was taken meanwhile.
    type: str
    default: ''
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.gate
  - module: hotops.core.promote_phase
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: See who is at work on production
  hotops.core.lock:
  register: lock
  run_once: true

- name: The lock of a CI job that was killed is taken away
  hotops.core.lock:
    action: break
    run: "{{ lock.holder.run }}"
    reason: its runner was shut down
  run_once: true
"""

RETURN = r"""
---
held:
  description:
    - Whether somebody holds it (before it was broken).
  returned: success
  type: bool
  sample: true
scope:
  description:
    - Who can see this lock.
  returned: success
  type: str
  sample: GitHub, acme/shop
holder:
  description:
    - The run that holds it, and when it began and would be over.
  returned: when somebody holds it
  type: dict
  sample:
    run: 20260131T100000Z-promote-production
    user: ada
    host: laptop
    dead: false
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

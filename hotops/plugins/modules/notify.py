#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.notify.notify.Notify; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: notify
short_description: Tell people what became of a run
version_added: 0.1.0
description:
  - 'Sends a message every way that C(notifications) of the inventory declares: webhooks, files, commands.'
  - A way that fails is a warning; the task never fails for it. In check mode nothing is sent.
  - A webhook's URL is read from the environment variable that the inventory names, and shown nowhere.
author:
  - The hotops authors (!UNKNOWN)
options:
  title:
    description:
      - What happened, in one line.
    type: str
    required: true
  text:
    description:
      - More about it; several lines.
    type: str
    default: ''
  outcome:
    description:
      - The outcome in a word, such as C(promoted) or C(rolled_back).
    type: str
    default: ''
  evidence:
    description:
      - Path of the run's evidence.
    type: str
    default: ''
  title_only:
    description:
      - Send title, outcome and run only; for places that anybody can read.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.health_report
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Tell what became of the promotion
  hotops.core.notify:
    title: "shop-production runs {{ promoted.version }}"
    outcome: promoted
    evidence: "{{ promoted.evidence }}"
  run_once: true

- name: Say no more than the title where anybody can read it
  hotops.core.notify:
    title: The shop was rolled back
    outcome: rolled_back
    title_only: true
  run_once: true
"""

RETURN = r"""
---
sent:
  description:
    - What became of each notification; empty in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    to:
      description:
        - 'Which one: a file''s path, the name of a webhook''s variable.'
      type: str
    ok:
      description:
        - Whether it was taken.
      type: bool
    why:
      description:
        - What went wrong.
      type: str
warnings:
  description:
    - A sentence for each that failed.
  returned: success
  type: list
  elements: str
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

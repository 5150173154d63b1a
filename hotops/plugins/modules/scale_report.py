#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.scale.report.ScaleReport; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: scale_report
short_description: Compare memory as declared, deployed and used, and say what would be right
version_added: 0.1.0
description:
  - 'For each process group: what the inventory declares, what the next deploy gives, what its machines have.'
  - 'Advises a size by a week of metrics: a percentile whose older samples count less, and a margin.'
  - After a memory kill it advises more, and never less than the declared floor.
  - Says what the advice changes in a year, by a dated price table, and on how many days it would have held.
  - 'A sample is taken every half hour, so that a short peak may be missed: that is what the margin is for.'
author:
  - The hotops authors (!UNKNOWN)
options:
  fail_on_drift:
    description:
      - Whether a size that is not as declared fails the task.
    type: bool
    default: false
  advice:
    description:
      - Whether the organisation's metrics are read for advice.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.fly_scale
  - module: hotops.core.lint
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Red where a machine has not what is declared
  hotops.core.scale_report:
    fail_on_drift: true
  run_once: true

- name: What could be smaller, and what has to grow
  hotops.core.scale_report:
  register: memory
  run_once: true
"""

RETURN = r"""
---
groups:
  description:
    - One item for each process group.
  returned: success
  type: list
  elements: dict
  contains:
    app:
      description:
        - The Fly app.
      type: str
    process_group:
      description:
        - The process group.
      type: str
    machines:
      description:
        - How many machines it has.
      type: int
    running:
      description:
        - The sizes that they have.
      type: list
      elements: str
    declared_mb:
      description:
        - Memory that the inventory declares.
      type: int
    floor_mb:
      description:
        - The declared floor.
      type: int
    deploy:
      description:
        - Size that the next deploy gives; none if it leaves it.
      type: str
    drift:
      description:
        - What contradicts what.
      type: list
      elements: str
    peak_mb:
      description:
        - The most that was used in the window.
      type: int
    ooms:
      description:
        - Memory kills in the window.
      type: int
    advised:
      description:
        - The size to have; none where too little is known.
      type: str
    why:
      description:
        - What the advice is made of.
      type: str
    saves_usd_a_year:
      description:
        - What it saves; negative if it costs more.
      type: float
    back_test:
      description:
        - On how many days it would have held.
      type: str
drifts:
  description:
    - Whether anything is not as declared.
  returned: success
  type: bool
  sample: false
saves_usd_a_year:
  description:
    - What all advice together saves in a year.
  returned: success
  type: float
  sample: 41.76
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.deploy.deploy.Deploy; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fly_deploy
short_description: Put an image on the machines of apps, or bring everything back
version_added: 0.1.0
description:
  - Replaces the machines of each app group by group, the first machine alone.
  - A release command runs before that, on a machine of its own; where it fails nothing is touched.
  - Each leaves the rotation, drains, is updated under a lease, has to pass its checks, and comes back.
  - When anything fails, the configuration that was there before is brought back and proven.
  - Refuses without the signed go verdict of the same run's gates; see M(hotops.core.promote_phase).
author:
  - The hotops authors (!UNKNOWN)
options:
  targets:
    description:
      - Apps and the images they are to run.
    type: list
    elements: dict
    suboptions:
      app:
        description:
          - The Fly app.
        type: str
        required: true
      image:
        description:
          - 'The image with its digest: repository:tag@sha256:….'
        type: str
        required: true
      strategy:
        description:
          - 'How machines are replaced: rolling, bluegreen, canary (the first is watched) or immediate.'
        type: str
        default: rolling
      max_unavailable:
        description:
          - 'Machines of a group replaced at once: below 1 a share (at least one), else a number.'
        type: float
        default: 0.33
      drain_s:
        description:
          - Seconds between leaving the rotation and being replaced.
        type: float
        default: 10.0
      wait_timeout_s:
        description:
          - Longest wait for a machine to be healthy, in seconds.
        type: float
        default: 300.0
      level:
        description:
          - 'Place in the train: all apps of a level come before those of the next.'
        type: int
        default: 0
    required: true
  verdict:
    description:
      - The signed go verdict of this run's gates; without it nothing is deployed.
    type: dict
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.promote_phase
  - module: hotops.core.fly_rollback
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.world
"""

EXAMPLES = r"""
---
- name: The decided image runs everywhere
  hotops.core.fly_deploy:
    targets:
      - app: shop-production
        image: "{{ gates.images['shop-production'] }}"
    verdict: "{{ gates.verdict }}"
  run_once: true

- name: Two apps, the second after the first
  hotops.core.fly_deploy:
    targets:
      - app: shop-api
        image: "{{ gates.images['shop-api'] }}"
      - app: shop-web
        image: "{{ gates.images['shop-web'] }}"
        level: 1
    verdict: "{{ gates.verdict }}"
  run_once: true
"""

RETURN = r"""
---
apps:
  description:
    - By app, the image, the images before, the machines, and the release that was recorded.
  returned: success
  type: dict
  sample:
    shop-production:
      image: registry.fly.io/shop-staging:v42@sha256:…
      release: 42
warnings:
  description:
    - Release records that could not be written.
  returned: success
  type: list
  elements: str
  sample: []
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.deploy.rollback.Rollback; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fly_rollback
short_description: Bring back what ran before the last promotion
version_added: 0.1.0
description:
  - Brings back the image and each machine's configuration of the apps of the last promotion.
  - Goes to the newest complete, older release with another image, and proves the digest.
  - Needs the Fly token alone, and asks no gate, window or approval.
  - Secrets are not brought back; the result names those written since that release.
author:
  - The hotops authors (!UNKNOWN)
options:
  apps:
    description:
      - Bring exactly these apps back, by host or Fly app; the apps of the last promotion if omitted.
    type: list
    elements: str
    default: []
  version:
    description:
      - Release to go back to; the newest complete, older one with another image if omitted.
    type: int
  pending_only:
    description:
      - Only machines whose last change was never accepted.
    type: bool
    default: false
  wait_timeout_s:
    description:
      - Longest wait for a machine to be healthy, in seconds.
    type: float
    default: 300.0
  drain_s:
    description:
      - Seconds that a still healthy machine drains before it is replaced.
    type: float
    default: 0.0
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.promote_phase
  - module: hotops.core.fly_release_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Back to what ran before the last promotion
  hotops.core.fly_rollback:
  run_once: true

- name: This app back to release 41
  hotops.core.fly_rollback:
    apps: [shop-production]
    version: 41
  run_once: true
"""

RETURN = r"""
---
apps:
  description:
    - By app, the release and image that came back, and the secrets written since.
  returned: success
  type: dict
  sample:
    shop-production:
      version: 41
      secrets_changed: []
warnings:
  description:
    - What does not come back with the image, and what is not known.
  returned: success
  type: list
  elements: str
undone_run:
  description:
    - The run whose change was undone.
  returned: success
  type: str
  sample: 20260131T100000Z-promote-production
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

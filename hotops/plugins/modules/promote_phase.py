#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.promote.phase.PromotePhase; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: promote_phase
short_description: Run one phase of a promotion
version_added: 0.1.0
description:
  - A promotion is one operation over all selected apps of an environment; this module runs one phase of it.
  - Phases in order are check_ready, find_source, ask_gates, deploy, verify, watch and notify.
  - A play's rescue calls compensate, which brings back what this run changed and nobody accepted.
  - Deploy, verify and watch refuse without the signed verdict that ask_gates of the same run returned.
author:
  - The hotops authors (!UNKNOWN)
options:
  phase:
    description:
      - Which phase to run; a promotion runs them in this order.
    type: str
    choices:
      - check_ready
      - find_source
      - ask_gates
      - deploy
      - verify
      - watch
      - notify
      - compensate
    required: true
  image:
    description:
      - 'Deploy this image instead of the source''s: registry.fly.io/APP:TAG or with @sha256:….'
    type: str
  needs_image:
    description:
      - 'For check_ready: refuse where no image is named.'
    type: bool
    default: false
  version:
    description:
      - 'What the source is expected to run: a commit, a tag or a release (v42); a gate compares.'
    type: str
  verdict:
    description:
      - The signed go verdict that ask_gates returned; deploy, verify and watch refuse without it.
    type: dict
  approve:
    description:
      - 'Id of the plan that who runs this approves; counts only under C(approval: self).'
    type: str
  apart:
    description:
      - 'Under C(train: independent), the failures by app that the phase before returned as C(apart).'
    type: dict
  failure:
    description:
      - 'For compensate and notify: the failed result that brought the run here.'
    type: dict
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.fly_deploy
  - module: hotops.core.fly_rollback
  - module: hotops.core.gate
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Every gate says go
  hotops.core.promote_phase:
    phase: ask_gates
  register: gates
  run_once: true

- name: The decided image is on all machines, or everything is back
  hotops.core.promote_phase:
    phase: deploy
    verdict: "{{ gates.verdict }}"
  run_once: true
"""

RETURN = r"""
---
apps:
  description:
    - What the phase found or did, by app.
  returned: by most phases
  type: raw
  sample:
    shop-production:
      release: 43
      machines:
        - 3d8d9021b64d48
verdict:
  description:
    - The signed go verdict, to be handed to later phases.
  returned: by ask_gates, when every gate says go
  type: dict
  sample:
    payloadType: application/vnd.hotops.verdict+json
gates:
  description:
    - Each gate with what was found, its source, age and expiry.
  returned: by ask_gates
  type: list
  elements: dict
  sample:
    - gate: source_healthy
      app: shop-production
      status: pass
phase:
  description:
    - The phase.
  returned: success
  type: str
unfinished:
  description:
    - Earlier runs that never ended; this one finishes or undoes them.
  returned: by check_ready
  type: list
  elements: str
undone:
  description:
    - Whether what an earlier run left was undone.
  returned: by check_ready
  type: bool
notes:
  description:
    - What was found of earlier runs.
  returned: by check_ready
  type: list
  elements: str
images:
  description:
    - The image of each app.
  returned: by find_source and ask_gates
  type: dict
images_before:
  description:
    - What each app ran before.
  returned: by ask_gates
  type: dict
nothing_to_do:
  description:
    - Whether every machine runs the image and was accepted.
  returned: by ask_gates
  type: bool
approval:
  description:
    - Who approved the plan, where somebody has to.
  returned: by ask_gates
  type: dict
watched_s:
  description:
    - How long it was watched, in seconds.
  returned: by watch
  type: float
watch_verdict:
  description:
    - What the watch said.
  returned: by watch
  type: str
told:
  description:
    - Who was told.
  returned: by notify
  type: list
  elements: str
restored:
  description:
    - Apps that were brought back.
  returned: by compensate
  type: raw
code:
  description:
    - The failure code of the run.
  returned: by compensate
  type: str
exit_code:
  description:
    - The exit code of the run.
  returned: by compensate
  type: int
warnings:
  description:
    - What went wrong beside it.
  returned: by some phases
  type: list
  elements: str
apart:
  description:
    - By app, the failures of those that went back by themselves, for the next phase.
  returned: 'by deploy and verify, under C(train: independent)'
  type: dict
  sample:
    shop-web:
      code: rolled_back
      exit_code: 6
message:
  description:
    - How the run ended, in one sentence.
  returned: by compensate
  type: str
  sample: The watch broke off after 12 s. shop-production rolled back, proven.
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

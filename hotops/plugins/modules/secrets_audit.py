#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.secrets.audit.AuditSecrets; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_audit
short_description: 'Audit secrets: vault, Fly.io, GitHub and the secret map in one table'
version_added: 0.1.0
description:
  - Tells where each secret of the map stands in the vault, and what each of its places holds.
  - Equal, absent, changed in the vault since, touched elsewhere, staged on no machine; unknown is an answer.
  - Finds placeholders, empty and malformed values, and what is due for rotation.
  - Finds values that environments share, names that nobody mapped, and values that nobody uses.
  - Where the inventory declares C(env_matrix), the marked part of that Markdown file is kept current.
  - That part holds names, places, states and users, never a value. Nothing else is written.
  - With O(authenticate), each credential is used once, for reading, as its form or the map says.
author:
  - The hotops authors (!UNKNOWN)
options:
  places:
    description:
      - 'Which clouds are asked: fly, github, or both.'
    type: list
    elements: str
    choices:
      - fly
      - github
    default:
      - fly
      - github
  authenticate:
    description:
      - 'Whether each credential is used once, for reading: is it taken, what may it do? One call each.'
    type: bool
    default: false
  fail_on_findings:
    description:
      - Whether the task fails when something is bad or unknown; the command always tells.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.secrets_mirror
  - module: hotops.core.secrets_rotate
  - module: hotops.core.secrets_scan
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Every secret is where the map says, and nobody shares one
  hotops.core.secrets_audit:
    fail_on_findings: true
  run_once: true

- name: Only Fly is asked, and each credential is used once
  hotops.core.secrets_audit:
    places: [fly]
    authenticate: true
  register: audit
  run_once: true
"""

RETURN = r"""
---
secrets:
  description:
    - Every secret of the map with each of its places.
  returned: success
  type: list
  elements: dict
  contains:
    secret:
      description:
        - Its name in the map.
      type: str
    vault:
      description:
        - V(present), V(missing), V(empty), V(placeholder), V(malformed), V(unreadable) or V(claimed twice).
      type: str
    stands_at:
      description:
        - File and key in the vault.
      type: str
    required:
      description:
        - Whether a vault without it is refused.
      type: bool
    places:
      description:
        - 'Each target: C(destination), C(name), C(state) (V(equal), V(absent), V(changed), V(touched), V(interrupted),
          V(unknown), V(unreadable), V(not asked)), C(says) and C(machines) (V(deployed), V(staged), V(partial),
          V(unknown)).'
      type: list
      elements: dict
    rotation:
      description:
        - C(state) (V(overdue), V(soon), V(ahead), V(fine), V(unknown), V(never)), C(on), C(due_in_days), C(age_days).
      type: dict
    shared_with:
      description:
        - Where other environments have the same value.
      type: list
      elements: str
    shared_ok:
      description:
        - Whether the map allows that.
      type: bool
    used_by:
      description:
        - Who uses it, as the map says.
      type: list
      elements: str
    login:
      description:
        - 'With O(authenticate): C(kind), C(state) (V(valid), V(refused), V(forbidden), V(not_found), V(unreachable),
          V(unknown)), C(says), C(may).'
      type: dict
unused:
  description:
    - What the vault has and the map does not name.
  returned: success
  type: list
  elements: str
  sample:
    - shopify/old_key_prod.env#SHOPIFY_OLD_KEY
undocumented:
  description:
    - What is at a place and not in the map.
  returned: success
  type: list
  elements: str
  sample:
    - fly:shop-production/OLD_FLAG
findings:
  description:
    - What is not well, bad ones first.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description:
        - Stable word, such as V(stale) or V(placeholder).
      type: str
    severity:
      description:
        - V(bad), V(unknown) (nobody knows, which is not well either) or V(warn).
      type: str
    app:
      description:
        - App it is about, empty for others.
      type: str
    subject:
      description:
        - Secret, place or file it is about.
      type: str
    says:
      description:
        - What it is, in one sentence; never a value.
      type: str
    remedy:
      description:
        - What to do.
      type: str
failed_findings:
  description:
    - Those that are bad, or that nobody knows about.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description:
        - Stable word, such as V(stale) or V(placeholder).
      type: str
    severity:
      description:
        - V(bad), V(unknown) (nobody knows, which is not well either) or V(warn).
      type: str
    app:
      description:
        - App it is about, empty for others.
      type: str
    subject:
      description:
        - Secret, place or file it is about.
      type: str
    says:
      description:
        - What it is, in one sentence; never a value.
      type: str
    remedy:
      description:
        - What to do.
      type: str
counts:
  description:
    - How many targets are in each state.
  returned: success
  type: dict
  sample:
    equal: 12
    absent: 1
calls:
  description:
    - How many requests were made, by host.
  returned: success
  type: dict
  sample:
    api.machines.dev: 6
env_matrix:
  description:
    - 'The file that is kept current, and whether it was or is written: V(current), V(written), V(not current),
      V(left) (not every place was read), V(not declared).'
  returned: success
  type: dict
  sample:
    path: docs/env_matrix.md
    state: current
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

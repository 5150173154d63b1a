#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.rotation.rotate.RotateSecret; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_rotate
short_description: Rotate a credential without a moment in which none is valid
version_added: 0.1.0
description:
  - A successor is kept in the vault as C(.new), activated beside the present credential, and proven.
  - Vault, Fly and GitHub get it as the secret map says, machines are made anew, and it is proven again.
  - Only then the old one is revoked. Interrupted anywhere, old or new is valid, and a re-run goes on.
  - Rotates what is due by C(rotate_days) of the map, or what O(force) or O(leaked) asks for; else nothing.
  - Makes successors of C(postgres) (two login roles, in turn), C(generated), C(supabase_key) and C(fly_token).
  - C(checklist) tells a person what to do and verifies it. Each is a kind of C(provider) in the map.
  - 'C(postgres_password) can''t overlap: it needs O(accept_outage) and is never scheduled.'
  - Where the old one stays valid for long (C(overlap_s)), the run ends meanwhile; a later one ends the old one.
author:
  - The hotops authors (!UNKNOWN)
options:
  secret:
    description:
      - Secret of the map that is rotated.
    type: str
    required: true
  force:
    description:
      - Whether it is rotated although not due (C(rotate_days)), and an old one ends before its time.
    type: bool
    default: false
  leaked:
    description:
      - 'Whether the present one leaked: it is revoked first, and what uses it stops.'
    type: bool
    default: false
  undo:
    description:
      - Whether a rotation that is under way goes back to the old one, which is proven first.
    type: bool
    default: false
  accept_outage:
    description:
      - 'Whether a credential that can''t overlap is changed: nothing logs in meanwhile.'
    type: bool
    default: false
  grace_s:
    description:
      - Time between the proof of the new one and the end of the old one, in seconds; what the map says (C(overlap_s))
        if omitted.
    type: float
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.secrets_due
  - module: hotops.core.secrets_mirror
  - module: hotops.core.dsn_fix
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: What is due is rotated
  hotops.core.secrets_rotate:
    secret: DATABASE_URL
  run_once: true

- name: It leaked
  hotops.core.secrets_rotate:
    secret: DATABASE_URL
    leaked: true
  run_once: true

- name: Back to the old one, while it is still valid
  hotops.core.secrets_rotate:
    secret: DATABASE_URL
    undo: true
  run_once: true
"""

RETURN = r"""
---
secret:
  description:
    - The secret.
  returned: success
  type: str
  sample: DATABASE_URL
rotated:
  description:
    - Whether it was rotated.
  returned: success
  type: bool
  sample: true
due:
  description:
    - Whether it was due; none where nobody knows since when it is there.
  returned: success
  type: bool
  sample: true
age_days:
  description:
    - How long the present one was in use, as far as the ledger knows.
  returned: success
  type: float
  sample: 90.2
from_credential:
  description:
    - What was valid before, by its name.
  returned: success
  type: str
  sample: shop_app_a
to_credential:
  description:
    - What is valid now.
  returned: success
  type: str
  sample: shop_app_b
revoked:
  description:
    - What was revoked.
  returned: success
  type: str
  sample: shop_app_a
undone:
  description:
    - Whether the old one is everywhere again (O(undo)).
  returned: success
  type: bool
  sample: false
old_valid_until:
  description:
    - Until when the old one stays valid beside the new one, where a later run ends it.
  returned: success
  type: str
  sample: '2026-01-31T10:00:00Z'
left:
  description:
    - A credential that was before the first rotation and is a person's to take away.
  returned: success
  type: str
  sample: ''
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

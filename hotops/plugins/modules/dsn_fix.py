#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.database.fix.FixDsn; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: dsn_fix
short_description: Put the connection string that an app needs into the vault, Fly and its machines
version_added: 0.1.0
description:
  - Judges the vault's connection string by the use that the app declares (C(database) in the inventory).
  - Where it is wrong, computes the right one, proves that it connects, keeps the former one as C(.old),
  - writes vault and secrets, makes the machines anew some at a time, and waits for a good answer of the app.
  - 'Tells a wrong string from a check that asks a path without a route: both show as 503.'
  - With O(undo=true) the former string is put back; a way back that died goes on when it is run again.
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - Host or app whose declared C(database) is meant; the selected one if omitted.
    type: str
  undo:
    description:
      - Whether the former string, kept as C(.old), is put back instead.
    type: bool
    default: false
  prove:
    description:
      - Whether the string has to connect from here before it is written.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - In check mode no command is run inside a machine, so whether the vault's value runs may be unknown.
seealso:
  - module: hotops.core.supabase_dsn
  - module: hotops.core.secrets_mirror
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Chatwoot has the connection string that it needs, and answers
  hotops.core.dsn_fix:
    app: shop-chatwoot
  run_once: true

- name: The former one is put back
  hotops.core.dsn_fix:
    app: shop-chatwoot
    undo: true
  run_once: true
"""

RETURN = r"""
---
verdict:
  description:
    - V(ok), V(care) (it works and will hurt) or V(wrong).
  returned: success
  type: str
  sample: wrong
kind:
  description:
    - What it leads to, told by host, user and port together; empty where that is not to be known.
  returned: success
  type: str
  sample: session_pooler
shown:
  description:
    - User, host, port and database.
  returned: success
  type: str
  sample: postgres.abcdefghijklmnopqrst@aws-1-us-east-1.pooler.supabase.com:5432/postgres
findings:
  description:
    - 'What is wrong with it: code, level, what it means and what to do.'
  returned: success
  type: list
  elements: dict
  sample:
    - code: pooler_user_without_ref
      level: wrong
corrected:
  description:
    - The right one, as far as it may be shown; empty where it is right or can't be known.
  returned: success
  type: str
  sample: postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres?sslmode=require
app:
  description:
    - The app.
  returned: success
  type: str
  sample: shop-chatwoot
wanted:
  description:
    - User, host, port and database of the string that is there afterwards.
  returned: success
  type: str
  sample: postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres?sslmode=require
runs:
  description:
    - 'Whether what ran before was the vault''s: V(the vault''s), V(another), or V(unknown).'
  returned: success
  type: str
  sample: unknown
names:
  description:
    - Secrets of the app that hold it.
  returned: success
  type: list
  elements: str
  sample:
    - POSTGRES_HOST
written:
  description:
    - Those that were (or would be) written.
  returned: success
  type: list
  elements: str
  sample:
    - POSTGRES_HOST
inside:
  description:
    - The same from a machine of the app, where C(exec_checks) allows a command there.
  returned: success
  type: list
  elements: dict
  sample: []
proof:
  description:
    - The steps of connecting with the right one.
  returned: success
  type: list
  elements: dict
  sample: []
status_before:
  description:
    - The app's answer before; none where there was none.
  returned: success
  type: int
  sample: 503
status:
  description:
    - The app's answer afterwards.
  returned: success
  type: int
  sample: 200
path:
  description:
    - The path that was asked.
  returned: success
  type: str
  sample: /api
check_without_route:
  description:
    - Path of a check that the app has no route for; empty if there is none.
  returned: success
  type: str
  sample: ''
undo:
  description:
    - What puts the former string back.
  returned: success
  type: str
  sample: -l shop-chatwoot -e undo=true
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

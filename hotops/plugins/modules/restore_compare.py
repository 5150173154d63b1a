#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.backup.since.CompareLiving; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore_compare
short_description: Tell what a living database holds that a backup does not, and keep it
version_added: 0.1.0
description:
  - 'Compares each table of a living database with a backup row by row: rows written since, changed since, and lost
    since.'
  - A table whose fingerprint is that of the backup is not read again; the others are compared in the database itself,
    in temporary tables that go with the session.
  - With O(keep=true) the rows that a restore would lose (written or changed since) are kept beside the backups,
    sealed for the same keys; age, zstd and psql bring them back (docs/backup-format.md).
author:
  - The hotops authors (!UNKNOWN)
options:
  store:
    description:
      - 'Where backups are kept: a folder, s3://bucket/prefix, gs://… or az://…; the inventory''s if omitted.'
    type: str
  database:
    description:
      - Name under which the backups are kept; the inventory's supabase_project if omitted.
    type: str
  backup:
    description:
      - Id of the backup, or newest.
    type: str
    default: newest
  dsn_env:
    description:
      - Environment variable with a direct or session connection string of the living database; DATABASE_URL if
        omitted.
    type: str
  tables:
    description:
      - Only these tables, as schema.name; all if empty.
    type: list
    elements: str
    default: []
  keep:
    description:
      - Whether rows that were written or changed since are kept, sealed, beside the backups.
    type: bool
    default: false
  identity_env:
    description:
      - Environment variable with an age identity, or the path of its file; HOTOPS_BACKUP_IDENTITY if omitted.
    type: str
  trusted_key:
    description:
      - Id of a key (ed25519:…) to trust, where another computer made the backup.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.restore
  - module: hotops.core.restore_points
  - module: hotops.core.backup_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: What would a restore of the newest backup lose
  hotops.core.restore_compare:
  register: since

- name: It is kept before anything is restored
  hotops.core.restore_compare:
    keep: true
"""

RETURN = r"""
---
backup:
  description:
    - Id of the backup.
  returned: success
  type: str
  sample: 20260131T100000Z-3f9a2c
differing:
  description:
    - 'Tables that differ: table, written, changed, lost.'
  returned: success
  type: list
  elements: dict
  sample:
    - table: public.orders
      written: 12
      changed: 3
      lost: 0
same:
  description:
    - How many tables are as they were.
  returned: success
  type: int
  sample: 64
missing:
  description:
    - Tables of the backup that are not there any more.
  returned: success
  type: list
  elements: str
  sample: []
new_tables:
  description:
    - Tables that are there and not in the backup; O(keep) does not keep them.
  returned: success
  type: list
  elements: str
  sample: []
large_objects:
  description:
    - How many large objects were written, changed and lost since; O(keep) does not keep them.
  returned: success
  type: dict
  sample:
    written: 0
    changed: 0
    lost: 0
unproven:
  description:
    - What could not be compared, and why.
  returned: success
  type: list
  elements: str
  sample: []
kept:
  description:
    - Where the kept rows are, by table.
  returned: with O(keep=true)
  type: dict
  sample: {}
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

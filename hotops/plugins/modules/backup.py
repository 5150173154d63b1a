#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.backup.create.MakeBackup; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup
short_description: Make a whole, encrypted, signed backup of a PostgreSQL database
version_added: 0.1.0
description:
  - Backs a database up over a direct or session connection, in one snapshot, with several connections at once.
  - 'Holds all of it: rows, roles, grants, policies, triggers of C(auth) and C(storage), sequences, publications,
    settings, scheduled jobs, migration history.'
  - Sealed with age for two keys or more, signed; age, zstd, psql and pg_restore restore it (docs/backup-format.md).
  - A backup of 0 bytes, of the schema alone, with tables or many rows less than the last one is an error, and is
    not listed. One that was interrupted goes on where it stopped.
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
  dsn_env:
    description:
      - Environment variable with a direct or session connection string; DATABASE_URL if omitted.
    type: str
  recipients:
    description:
      - Public age keys that the backup is sealed for, at least two; the inventory's if omitted.
    type: list
    elements: str
    default: []
  workers:
    description:
      - How many connections read at once.
    type: int
    default: 3
  fingerprints:
    description:
      - Whether every table's rows are fingerprinted, so that a restore is proven row by row.
    type: bool
    default: true
  shrinkage:
    description:
      - Share of rows that may be gone since the last backup before this one is refused.
    type: float
    default: 0.2
  unless_younger_h:
    description:
      - Make none where a whole backup is younger than so many hours.
    type: float
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.backup_verify
  - module: hotops.core.restore
  - module: hotops.core.backup_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The database is backed up
  hotops.core.backup:

- name: There is a backup from before this migration
  hotops.core.backup:
    dsn_env: PRODUCTION_DATABASE_URL
    unless_younger_h: 1
  register: made
"""

RETURN = r"""
---
next:
  description:
    - The command that brings rows back which the last backup has, and this one has not.
  returned: when a table shrank
  type: str
backup:
  description:
    - 'The backup: id, taken_at, tables, rows, bytes, what is left out.'
  returned: when one was made
  type: dict
  sample:
    id: 20260131T100000Z-3f9a2c
    tables: 66
    rows: 1200345
kept_ranges:
  description:
    - Ranges of an interrupted attempt that were kept, since their rows are proven unchanged.
  returned: when one was made
  type: int
  sample: 0
seconds:
  description:
    - 'How long its parts took: schema, rows, content.'
  returned: when one was made
  type: dict
  sample:
    schema: 1.2
    rows: 40.1
slowed:
  description:
    - How often it used fewer connections because the server suffered.
  returned: when one was made
  type: int
  sample: 0
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

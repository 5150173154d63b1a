#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.backup.restore.Restore; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore
short_description: Restore a backup into a new database, proven row by row
version_added: 0.1.0
description:
  - Restores a backup that M(hotops.core.backup) made, whole or some tables, with several connections at once.
  - Into a new database by default, which is then compared with the backup row by row and object by object.
  - Rows of a living database are replaced only where its name is given twice (O(overwrite), O(confirm)) and a backup
    of it is younger than an hour; its schema has to be that of the backup.
  - 'Into a hosted project it goes as the role V(postgres): what the platform made there stays, and what only a
    superuser may bring back (owners, extensions, some settings) is named in RV(problems).'
  - One that was interrupted goes on where it stopped when it is run again.
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
  to:
    description:
      - 'Id of the backup, newest, or a moment (2026-01-31T10:00:00Z): the newest backup of before it.'
    type: str
    default: newest
  target_env:
    description:
      - 'Environment variable with a direct or session connection string of the server that takes it: that of a
        hosted project (role postgres), or a PostgreSQL of your own, with the extensions of the backup.'
    type: str
    default: RESTORE_URL
  beside:
    description:
      - Name of the new database, which is made beside the others of that server; DATABASE_restored_TIME if omitted.
    type: str
  into:
    description:
      - 'V(new): a new database is made on the server; V(given): the connection string''s own, empty database.'
    type: str
    default: new
  tables:
    description:
      - Only these tables, as schema.name; all if empty.
    type: list
    elements: str
    default: []
  identity_env:
    description:
      - Environment variable with an age identity, or the path of its file; HOTOPS_BACKUP_IDENTITY if omitted.
    type: str
  overwrite:
    description:
      - Name of a living database whose rows are replaced; needs O(confirm) and a fresh backup of it.
    type: str
  confirm:
    description:
      - The same name once more, where rows are replaced.
    type: str
  jobs:
    description:
      - Whether scheduled jobs are started (V(start)) or held back.
    type: str
    default: hold
  outside:
    description:
      - 'Whether the restored database may call out, through foreign servers and event triggers (V(keep)), or is
        held back (V(hold)): a wrapper loses its handler there, a user mapping goes. Only a superuser can.'
    type: str
    default: keep
  roles:
    description:
      - 'V(missing): roles that exist are left alone; V(all): they too become what they were (a server of its own).'
    type: str
    default: missing
  compared:
    description:
      - Whether the restored database is compared with the backup row by row.
    type: bool
    default: true
  trusted_key:
    description:
      - Id of a key (ed25519:…) to trust, where another computer made the backup.
    type: str
  workers:
    description:
      - How many connections write at once.
    type: int
    default: 3
  index_memory_mb:
    description:
      - Memory of each index build on the server, in MiB.
    type: int
    default: 256
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.backup
  - module: hotops.core.backup_verify
  - module: hotops.core.backup_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The newest backup stands beside the living database
  hotops.core.restore:
    target_env: DATABASE_URL

- name: Yesterday's orders stand in a database of their own
  hotops.core.restore:
    to: 20260131T100000Z-3f9a2c
    tables: [public.orders, public.customers]
    target_env: SCRATCH_URL
    beside: orders_of_yesterday
"""

RETURN = r"""
---
next:
  description:
    - The command that looks at the result.
  returned: when rows were replaced
  type: str
database:
  description:
    - The restored database.
  returned: success
  type: str
  sample: shop_restored_20260131t100000z
restored:
  description:
    - 'The backup: id, taken_at, tables, rows.'
  returned: success
  type: dict
  sample:
    id: 20260131T100000Z-3f9a2c
    rows: 1200345
phases:
  description:
    - Seconds that each phase took.
  returned: when something was restored
  type: dict
  sample:
    rows: 12.4
    post_data: 6.1
compared:
  description:
    - 'What was compared: tables, rows, seconds.'
  returned: success
  type: dict
  sample:
    tables: 66
    rows: 1200345
    seconds: 3.1
held:
  description:
    - What calls out and was held back, where O(outside) is V(hold).
  returned: success
  type: list
  elements: str
  sample:
    - foreign server warehouse (postgres_fdw)
problems:
  description:
    - What the role of the restore could not bring back, by reason.
  returned: success
  type: list
  elements: str
  sample: []
unproven:
  description:
    - 'What could not be compared, and why: kinds that an older backup does not hold, large objects that the role
      may not read.'
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

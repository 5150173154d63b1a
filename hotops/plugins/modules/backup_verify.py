#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.backup.verify.VerifyBackup; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_verify
short_description: Prove that a backup is whole, and that it comes back
version_added: 0.1.0
description:
  - V(quick) checks the signature of the manifest and the checksum of every part, and that nothing else lies there.
  - V(full) also restores the backup into a scratch database, compares every table row by row with what the source
    held in the backup's snapshot, and every object, grant, policy, trigger, sequence and key; then removes it.
  - 'Everything wrong is named: the part, the table with the rows'' primary keys and columns, the object.'
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
  mode:
    description:
      - 'V(quick): signature and checksums of every part; V(full): restored into a scratch database and compared
        row by row.'
    type: str
    default: quick
  scratch_env:
    description:
      - Environment variable with a connection string of a server that takes the scratch database (V(full)).
    type: str
    default: SCRATCH_URL
  identity_env:
    description:
      - Environment variable with an age identity, or the path of its file; HOTOPS_BACKUP_IDENTITY if omitted. Without
        one V(quick) checks the parts without opening them.
    type: str
  trusted_key:
    description:
      - Id of a key (ed25519:…) to trust, where another computer made the backup.
    type: str
  keep_scratch:
    description:
      - Whether the scratch database is left there.
    type: bool
    default: false
  workers:
    description:
      - How many parts or tables at once.
    type: int
    default: 3
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - A full verification is what makes a restore count as proven; drills and gates read it.
seealso:
  - module: hotops.core.backup
  - module: hotops.core.restore
  - module: hotops.core.backup_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The newest backup is whole and unchanged
  hotops.core.backup_verify:

- name: The newest backup comes back, row by row
  hotops.core.backup_verify:
    mode: full
    scratch_env: SCRATCH_URL
"""

RETURN = r"""
---
verified:
  description:
    - The backup.
  returned: success
  type: dict
  sample:
    id: 20260131T100000Z-3f9a2c
parts:
  description:
    - Parts whose checksums are right.
  returned: success
  type: int
  sample: 118
opened:
  description:
    - Whether each was opened with a key.
  returned: success
  type: bool
  sample: true
rows:
  description:
    - Rows that were compared.
  returned: mode is full
  type: int
  sample: 1200345
phases:
  description:
    - Seconds that each phase took.
  returned: mode is full
  type: dict
  sample:
    rows: 12.4
unproven:
  description:
    - 'What could not be compared, and why: kinds that an older backup does not hold, large objects that the role
      may not read.'
  returned: mode is full
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.backup.prune.PruneBackups; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_prune
short_description: Remove old backups by a rule, after confirmation
version_added: 0.1.0
description:
  - Keeps the newest backup of so many hours, days, weeks, months and years (C(backup.keep) of the inventory), the
    newest of all, and the newest that a full verification proved.
  - Removes the others, and attempts that are older than a day and never ended. Tells only, without O(confirm).
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
  confirm:
    description:
      - 'The database''s name: without it nothing is removed, only told.'
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.backup
  - module: hotops.core.backup_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: See what would go
  hotops.core.backup_prune:

- name: Old backups go
  hotops.core.backup_prune:
    confirm: shop
"""

RETURN = r"""
---
kept:
  description:
    - Ids of the kept backups and why each is kept.
  returned: success
  type: dict
  sample:
    20260131T100000Z-3f9a2c:
      - newest
      - daily
removed:
  description:
    - Ids that go, or would go, and why.
  returned: success
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

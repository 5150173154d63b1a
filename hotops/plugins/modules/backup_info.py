#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.backup.info.BackupInfo; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: backup_info
short_description: List the backups of a database
version_added: 0.1.0
description:
  - Lists backups that are whole, with their age, rows and size, and when each was proven last.
  - Attempts that were never finished, and what somebody changed, are named apart.
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
      - Only this backup, or newest, with its tables; all, without them, if omitted.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.backup
  - module: hotops.core.restore_points
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: See the backups
  hotops.core.backup_info:
  register: found

- name: See the tables of the newest
  hotops.core.backup_info:
    backup: newest
"""

RETURN = r"""
---
backups:
  description:
    - The backups, newest first.
  returned: success
  type: list
  elements: dict
  sample:
    - id: 20260131T100000Z-3f9a2c
      rows: 1200345
wrong:
  description:
    - What is no backup there, and why.
  returned: success
  type: dict
  sample: {}
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.backup.info.RestorePoints; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore_points
short_description: Tell what could be brought back today, and to which moment
version_added: 0.1.0
description:
  - Asks hotops' own backups, the platform's backups and its window of recovery, and the snapshots of every volume.
  - Says for each how old its newest point is, so what would be lost, and how long its last drill took.
  - 'Names what nobody keeps: secrets by name, configurations, settings at GitHub.'
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
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.backup_info
  - module: hotops.core.restore
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: What could we bring back now
  hotops.core.restore_points:
  register: found

- name: Every point is younger than a day
  ansible.builtin.assert:
    that: found.points | selectattr("age_s", "none") | length == 0
"""

RETURN = r"""
---
next:
  description:
    - The command to type next where rows are gone.
  returned: success
  type: str
points:
  description:
    - 'What there is: of, kind, newest, oldest, age_s (what would be lost), expected_s (of the last drill), how.'
  returned: success
  type: list
  elements: dict
  sample:
    - of: shop
      kind: hotops backup
      age_s: 3600
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

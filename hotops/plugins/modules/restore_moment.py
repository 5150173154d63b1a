#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.backup.moment.RestoreMoment; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore_moment
short_description: Bring a project's database back to a moment, in place, by the platform
version_added: 0.1.0
description:
  - 'Uses the platform''s recovery to a point in time, where the project has it: to the second, in place.'
  - All that was written since is lost, so the project's name is given twice (O(overwrite), O(confirm)), and a backup
    that is younger than an hour has to hold what is there now (M(hotops.core.restore_compare) also keeps rows).
  - Outside the window it stops, and names the nearest backup with what that would lose.
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
      - 'The moment, as RFC 3339 (2026-01-31T10:00:00Z): what was committed before it is there afterwards.'
    type: str
    required: true
  overwrite:
    description:
      - Name of the project whose database goes back in place.
    type: str
  confirm:
    description:
      - The same name once more.
    type: str
  without_backup:
    description:
      - Whether it goes back although no fresh backup holds what it has now.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.restore
  - module: hotops.core.restore_points
  - module: hotops.core.restore_compare
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The database is as it was before the bad migration
  hotops.core.restore_moment:
    to: "2026-01-31T09:59:30Z"
    overwrite: shop
    confirm: shop

- name: What would be lost is told, and the database stays as it is
  hotops.core.restore_moment:
    to: "2026-01-31T09:59:30Z"
    overwrite: shop
    confirm: shop
  check_mode: true
"""

RETURN = r"""
---
moment:
  description:
    - The moment that it went back to.
  returned: success
  type: str
  sample: '2026-01-31T10:00:00Z'
loses_s:
  description:
    - Seconds before now whose writes are lost.
  returned: success
  type: float
  sample: 320.0
seconds:
  description:
    - How long the project was away.
  returned: when it went back
  type: float
  sample: 94.0
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.volumes.restore.RestoreVolume; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: restore_volume
short_description: Bring a Fly volume back from a snapshot, onto a new machine
version_added: 0.1.0
description:
  - Makes a new volume of a snapshot, then a machine that mounts it, configured as the one that had the volume.
  - 'The former machine is taken out of rotation and stopped before the new one starts: never two write. It and
    its volume are kept until somebody destroys them. If the new one is not well, it serves again.'
  - A volume whose host is gone, or that was destroyed less than a day ago, comes back in the same way.
  - What was written since the snapshot is not on the new volume, which is why O(confirm) names the volume again.
  - Run again after an interruption, it goes on with what is there.
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - The Fly app, or its host in the inventory; the only selected one if omitted.
    type: str
  volume:
    description:
      - 'The volume that is lost or holds the wrong content: its id, or its name if that is one''s alone.'
    type: str
    required: true
  snapshot:
    description:
      - 'Which snapshot: newest, an id (vs_…), or a moment (2026-01-31T10:00:00Z): the last of before it.'
    type: str
    default: newest
  region:
    description:
      - Region of the new volume and machine; the volume's own if omitted.
    type: str
  confirm:
    description:
      - 'The volume once more, as it was named: what was written since the snapshot is not on the new one.'
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - The new volume's own name tells which snapshot it is of; its mount keeps the name that fly.toml uses.
  - 'Snapshots are copies of blocks as a crash would leave them: a database on a volume needs backups of its own.'
seealso:
  - module: hotops.core.restore_points
  - module: hotops.core.restore
  - module: hotops.core.dr_drill
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: The index is as it was at four in the morning
  hotops.core.restore_volume:
    app: shop-search
    volume: data
    confirm: data
  run_once: true

- name: The volume of a lost region comes back in another one
  hotops.core.restore_volume:
    app: shop-search
    volume: vol_vz2kq4x8m1w9p6rn
    region: ams
    confirm: vol_vz2kq4x8m1w9p6rn
  run_once: true
"""

RETURN = r"""
---
app:
  description:
    - The Fly app.
  returned: success
  type: str
  sample: shop-search
volume:
  description:
    - Id of the new volume, null where there is none yet.
  returned: success
  type: str
  sample: vol_4xp8k2m9wq1v6r7z
machine:
  description:
    - Id of the new machine, null where there is none yet.
  returned: success
  type: str
  sample: 3d8d9021b64d48
snapshot:
  description:
    - Id of the snapshot.
  returned: success
  type: str
  sample: vs_Gk3xMlPq
taken_at:
  description:
    - When the snapshot was taken.
  returned: success
  type: str
  sample: '2026-01-31T04:12:00Z'
loses_s:
  description:
    - Seconds before now whose writes are not on the new volume.
  returned: success
  type: float
  sample: 20880.0
former:
  description:
    - The volume and the machine that it replaces.
  returned: success
  type: dict
  sample:
    volume: vol_vz2kq4x8m1w9p6rn
    machine: e784079b449483
warnings:
  description:
    - What somebody still has to see to.
  returned: success
  type: list
  elements: str
  sample: []
next:
  description:
    - The command that removes the former machine.
  returned: when something was restored
  type: str
  sample: fly machine destroy e784079b449483 -a shop-search
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

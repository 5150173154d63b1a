#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.scale.scale.Scale; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fly_scale
short_description: Give the machines of apps their memory, CPUs and number
version_added: 0.1.0
description:
  - Replaces machines whose size is not the wanted one, one process group's machines never all at once.
  - Each leaves the rotation, drains, is updated under a lease, has to pass its checks, and comes back.
  - A stopped machine gets its size and stays stopped.
  - When anything fails, sizes and numbers that were there before are brought back and proven.
  - Without options it does what the inventory declares in C(process_groups) and C(memory_floor_mb).
  - With C(fly_toml_write) in the inventory the app's fly.toml is given the same, comments and style kept.
  - Else the result warns of what the next deploy would undo.
author:
  - The hotops authors (!UNKNOWN)
options:
  memory_mb:
    description:
      - Memory of each machine, in MiB.
    type: int
  cpus:
    description:
      - CPUs of each machine; memory goes from 256 to 2048 MiB a shared CPU.
    type: int
  cpu_kind:
    description:
      - CPU kind.
    type: str
    choices:
      - shared
      - performance
  count:
    description:
      - How many machines; more are made like the first, fewer are drained.
    type: int
  autostop:
    description:
      - Whether the proxy stops idle machines.
    type: str
    choices:
      - 'off'
      - stop
      - suspend
  autostart:
    description:
      - Whether the proxy starts a stopped machine when it is needed.
    type: bool
  min_machines_running:
    description:
      - Machines that the proxy leaves running.
    type: int
  app:
    description:
      - The Fly app, or its host in the inventory; the selected apps of the inventory if omitted.
    type: str
  process_group:
    description:
      - Only this process group; all of them if omitted.
    type: str
  targets:
    description:
      - Several apps or process groups at once, in parallel; instead of the other options.
    type: list
    elements: dict
    suboptions:
      memory_mb:
        description:
          - Memory of each machine, in MiB.
        type: int
      cpus:
        description:
          - CPUs of each machine; memory goes from 256 to 2048 MiB a shared CPU.
        type: int
      cpu_kind:
        description:
          - CPU kind.
        type: str
        choices:
          - shared
          - performance
      count:
        description:
          - How many machines; more are made like the first, fewer are drained.
        type: int
      autostop:
        description:
          - Whether the proxy stops idle machines.
        type: str
        choices:
          - 'off'
          - stop
          - suspend
      autostart:
        description:
          - Whether the proxy starts a stopped machine when it is needed.
        type: bool
      min_machines_running:
        description:
          - Machines that the proxy leaves running.
        type: int
      app:
        description:
          - The Fly app, or its host in the inventory.
        type: str
        required: true
      process_group:
        description:
          - Only this process group; all of them if omitted.
        type: str
    default: []
  max_unavailable:
    description:
      - 'Machines of a group replaced at once: below 1 a share (at least one), else a number; never all of them.
        The inventory''s, or 0.33, if omitted.'
    type: float
  drain_s:
    description:
      - Seconds between leaving the rotation and being replaced; the inventory's, or 10.
    type: float
  wait_timeout_s:
    description:
      - Longest wait for a machine to be healthy, in seconds; the inventory's, or 300.
    type: float
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - A new VM gets the secrets that were staged meanwhile; the result warns of them, also in check mode.
  - The only running machine of a group is away for the seconds of its boot; the result warns of it.
seealso:
  - module: hotops.core.fly_machine_info
  - module: hotops.core.fly_deploy
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Every app has the sizes and numbers that the inventory declares
  hotops.core.fly_scale:
  run_once: true

- name: The worker no longer runs out of memory
  hotops.core.fly_scale:
    app: shop-production
    process_group: worker
    memory_mb: 2048

- name: Two apps in one run
  hotops.core.fly_scale:
    targets:
      - app: shop-production
        process_group: web
        count: 3
      - app: shop-agent
        memory_mb: 1024
        autostop: suspend
  run_once: true
"""

RETURN = r"""
---
apps:
  description:
    - By app and process group, the sizes before and after, and the machines.
  returned: success
  type: dict
  sample:
    shop-production:
      web:
        before:
          - shared-1x 512 MB
        after:
          - shared-1x 2048 MB
        machines: 2
yearly_usd:
  description:
    - What the change adds to a year's bill in US dollars, by the price table, if all run.
  returned: success
  type: float
  sample: 180.0
warnings:
  description:
    - What scaling does besides, and what does not look well.
  returned: success
  type: list
  elements: str
  sample:
    - 'shop-production/worker runs one machine: it is away while it is replaced.'
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

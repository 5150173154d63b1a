#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.info.machines.MachineInfo; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fly_machine_info
short_description: List the machines of an app of Fly.io
version_added: 0.1.0
description:
  - Returns the machines of an app that exist now, with what they run and how they are.
  - Environment variables of a machine are not returned, since a value may have been put there.
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - Name of the app.
    type: str
    required: true
  process_group:
    description:
      - Only machines of this process group.
    type: str
  region:
    description:
      - Only machines in this region.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.fly_app_info
  - module: hotops.core.fly_release_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.world
"""

EXAMPLES = r"""
---
- name: See what runs
  hotops.core.fly_machine_info:
    app: "{{ inventory_hostname }}"
  register: found

- name: Every web machine runs the same bytes
  hotops.core.fly_machine_info:
    app: shop-production
    process_group: web
  register: found
  failed_when: found is failed or found.machines | map(attribute="image.digest") | unique | length != 1
"""

RETURN = r"""
---
machines:
  description:
    - The machines, by process group and name.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description:
        - Id of the machine; stays over updates.
      type: str
    name:
      description:
        - Name of the machine.
      type: str
    instance_id:
      description:
        - Its version; changes with each update.
      type: str
    state:
      description:
        - State, such as C(started), C(stopped) or C(suspended).
      type: str
    region:
      description:
        - Region it is in.
      type: str
    process_group:
      description:
        - Its process group, C(app) where nothing says another.
      type: str
    managed:
      description:
        - Whether deploys own it.
      type: bool
    image:
      description:
        - The image it runs.
      type: dict
      contains:
        reference:
          description:
            - The whole reference, C(registry/repository:tag@digest).
          type: str
        tag:
          description:
            - The tag; what it points to may have changed since.
          type: str
        digest:
          description:
            - The digest, which says which bytes run.
          type: str
        commit:
          description:
            - The commit that the image's labels claim; empty where they claim none.
          type: str
    release_version:
      description:
        - The release that updated it last, where its metadata says it.
      type: int
    cpu_kind:
      description:
        - C(shared) or C(performance).
      type: str
    cpus:
      description:
        - Number of CPUs.
      type: int
    memory_mb:
      description:
        - Memory in MiB.
      type: int
    checks:
      description:
        - Its health checks as they are now.
      type: list
      elements: dict
      contains:
        name:
          description:
            - Name of the check.
          type: str
        status:
          description:
            - C(passing), C(warning) or C(critical).
          type: str
        output:
          description:
            - What the check saw last.
          type: str
    reachable:
      description:
        - Whether its host answers; if not, nothing said here is current.
      type: bool
    cordoned:
      description:
        - Whether it is out of rotation.
      type: bool
    created_at:
      description:
        - When it was made, RFC 3339.
      type: str
    updated_at:
      description:
        - When it was changed last, RFC 3339.
      type: str
    started_at:
      description:
        - When its process started, RFC 3339; not set while none runs.
      type: str
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

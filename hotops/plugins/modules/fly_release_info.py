#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.info.releases.ReleaseInfo; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fly_release_info
short_description: List the releases of an app of Fly.io
version_added: 0.1.0
description:
  - Returns the newest release records of an app, newest first.
  - A record says what somebody meant to deploy; M(hotops.core.fly_machine_info) says what really runs.
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - Name of the app.
    type: str
    required: true
  limit:
    description:
      - How many of the newest releases.
    type: int
    default: 10
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.fly_app_info
  - module: hotops.core.fly_machine_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.world
"""

EXAMPLES = r"""
---
- name: See the last ten releases
  hotops.core.fly_release_info:
    app: "{{ inventory_hostname }}"
  register: found

- name: The newest release is complete
  hotops.core.fly_release_info:
    app: shop-production
    limit: 1
  register: found
  failed_when: found is failed or found.releases[0].status != "complete"
"""

RETURN = r"""
---
releases:
  description:
    - The releases, newest first.
  returned: success
  type: list
  elements: dict
  contains:
    version:
      description:
        - Number of the release.
      type: int
    status:
      description:
        - C(pending), C(running), C(complete), C(failed) or C(interrupted).
      type: str
    image:
      description:
        - The image that was deployed, as it was written then.
      type: str
    strategy:
      description:
        - How machines were replaced.
      type: str
    description:
      description:
        - What the record says about itself.
      type: str
    user:
      description:
        - Who deployed, where the record says it.
      type: str
    created_at:
      description:
        - When, RFC 3339.
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.info.apps.AppInfo; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fly_app_info
short_description: Read an app of Fly.io, or all of an organisation
version_added: 0.1.0
description:
  - Returns one app, or all apps of an organisation, always as a list.
  - Names of apps are global. A token that covers one app sees others as absent.
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - Only this app. Exactly one of C(app) and C(org) is needed.
    type: str
  org:
    description:
      - All apps of the organisation with this slug.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.fly_machine_info
  - module: hotops.core.fly_release_info
  - module: hotops.core.fly_secret_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.world
"""

EXAMPLES = r"""
---
- name: The app is deployed
  hotops.core.fly_app_info:
    app: shop-production
  register: found
  failed_when: found is failed or found.apps[0].status != "deployed"

- name: See which apps the organisation has
  hotops.core.fly_app_info:
    org: "{{ fly_org }}"
  register: found
  run_once: true
"""

RETURN = r"""
---
apps:
  description:
    - The apps, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description:
        - Name of the app.
      type: str
    org:
      description:
        - Slug of its organisation.
      type: str
    status:
      description:
        - C(pending) (never deployed), C(deployed) or C(suspended).
      type: str
    hostname:
      description:
        - The name under which Fly always serves it.
      type: str
    machine_count:
      description:
        - How many machines it has, where the API says it.
      type: int
  sample:
    - name: shop-production
      org: acme
      status: deployed
      hostname: shop-production.fly.dev
      machine_count: 2
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

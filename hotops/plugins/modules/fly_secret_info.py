#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.info.secrets.SecretInfo; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: fly_secret_info
short_description: List the secrets of an app of Fly.io, never their values
version_added: 0.1.0
description:
  - Returns names and digests of an app's secrets, and whether its machines were given the present values.
  - Fly keeps secrets in a vault that can't be read back, so no value can be returned.
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - Name of the app.
    type: str
    required: true
  names:
    description:
      - Only secrets with these names; all if empty.
    type: list
    elements: str
    default: []
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
- name: See which secrets wait for a deploy
  hotops.core.fly_secret_info:
    app: "{{ inventory_hostname }}"
  register: found

- name: What the app needs is there, and deployed
  hotops.core.fly_secret_info:
    app: shop-production
    names: "{{ required_secrets }}"
  register: found
  failed_when: >-
    found is failed
    or found.missing | length > 0
    or found.secrets | rejectattr("state", "equalto", "deployed") | length > 0
"""

RETURN = r"""
---
secrets:
  description:
    - The secrets, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description:
        - Name of the secret.
      type: str
    digest:
      description:
        - Digest of the value; equal values have equal digests.
      type: str
    state:
      description:
        - 'Whether machines were given the present value: C(deployed) (all), C(staged) (none), C(partial) (some),
          or C(unknown).'
      type: str
      choices:
        - deployed
        - staged
        - partial
        - unknown
    updated_at:
      description:
        - When the value was written last, RFC 3339.
      type: str
missing:
  description:
    - Those of O(names) that the app does not have.
  returned: success
  type: list
  elements: str
  sample: []
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

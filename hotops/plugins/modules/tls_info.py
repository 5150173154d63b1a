#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.health.tls_info.TlsLook; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: tls_info
short_description: Look at the certificates of host names
version_added: 0.1.0
description:
  - Shakes hands with each host under its own name, and tells whether it resolves.
  - Tells whether its certificate is trusted, covers the name, and how many days it has left.
  - Does not fail for a host that does not resolve or shows a bad certificate; see RV(ok).
author:
  - The hotops authors (!UNKNOWN)
options:
  hosts:
    description:
      - Host names to shake hands with, on port 443.
    type: list
    elements: str
    required: true
  warn_days:
    description:
      - Fewer days left than this are too few.
    type: int
    default: 21
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.health_report
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.world
"""

EXAMPLES = r"""
---
- name: No certificate expires within three weeks
  hotops.core.tls_info:
    hosts:
      - shop.example.com
      - shop-production.fly.dev
  register: tls
  failed_when: not tls.ok

- name: The name resolves before anything is pointed to it
  hotops.core.tls_info:
    hosts: staging.example.com
  register: tls
  failed_when: not tls.hosts[0].resolves
"""

RETURN = r"""
---
ok:
  description:
    - Whether every host shows a trusted certificate with at least O(warn_days) days left.
  returned: success
  type: bool
hosts:
  description:
    - One item for each host.
  returned: success
  type: list
  elements: dict
  contains:
    host:
      description:
        - The name.
      type: str
    port:
      description:
        - The port.
      type: int
    resolves:
      description:
        - Whether the name has an address.
      type: bool
    verified:
      description:
        - Whether the certificate is trusted for the name.
      type: bool
    covers_host:
      description:
        - Whether it is for this name.
      type: bool
    days_left:
      description:
        - Whole days until it expires, computed from its date.
      type: int
    not_after:
      description:
        - When it expires, RFC 3339.
      type: str
    issuer:
      description:
        - Who issued it.
      type: str
    subject_names:
      description:
        - The names it is for.
      type: list
      elements: str
    error_code:
      description:
        - C(unresolved), C(unreachable), C(timeout), C(expired), C(not_yet_valid), C(wrong_name), C(untrusted) or
          C(broken); none where all is well.
      type: str
    says:
      description:
        - What came of it, in one sentence.
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

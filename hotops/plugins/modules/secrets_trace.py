#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.secrets.trace.TraceSecret; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_trace
short_description: 'Trace a leaked value: what it is, who uses it, what to do'
version_added: 0.1.0
description:
  - Reads the leaked text from a file or standard input, never from an option, and never shows it.
  - Tells its kind by its form; with O(authenticate) whether it is valid, by one reading call.
  - Finds it in the vault (all environments), and from there in apps, in GitHub, and by Fly's digests.
  - 'Says what to do next: the rotation that replaces it, or where it is revoked by hand.'
author:
  - The hotops authors (!UNKNOWN)
options:
  file:
    description:
      - File of mode 600 with the leaked text; standard input if omitted.
    type: str
  authenticate:
    description:
      - Whether it is used once, for reading, to see whether it is still valid.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.secrets_rotate
  - module: hotops.core.secrets_scan
  - module: hotops.core.secrets_audit
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: What is it that leaked, and who uses it?
  hotops.core.secrets_trace:
    file: /run/user/1000/leaked
  register: leak
  run_once: true

- name: Is it still valid?
  hotops.core.secrets_trace:
    file: /run/user/1000/leaked
    authenticate: true
  register: leak
  run_once: true
"""

RETURN = r"""
---
what:
  description:
    - What it is, by its form.
  returned: success
  type: str
  sample: a connection string of PostgreSQL
form:
  description:
    - The same as a stable word; none where the form is unknown.
  returned: success
  type: str
  sample: postgres_dsn
may:
  description:
    - What it may do.
  returned: success
  type: str
  sample: what its role may
expires_at:
  description:
    - When it ends by itself, where it says so.
  returned: success
  type: str
  sample: '2027-01-01T00:00:00Z'
login:
  description:
    - 'With O(authenticate): C(kind), C(state) (V(valid), V(refused), V(forbidden), V(not_found), V(unreachable),
      V(unknown)), C(says), C(may).'
  returned: success
  type: dict
  sample:
    kind: postgres
    state: refused
vault:
  description:
    - Where the vault has it.
  returned: success
  type: list
  elements: dict
  contains:
    place:
      description:
        - File and key.
      type: str
    line:
      description:
        - The line.
      type: int
    environment:
      description:
        - Whose it is; none for everybody's.
      type: str
    how:
      description:
        - The value itself, its password, or inside of the text.
      type: str
secrets:
  description:
    - Its names in the secret map.
  returned: success
  type: list
  elements: str
  sample:
    - DATABASE_URL
uses:
  description:
    - Who uses it.
  returned: success
  type: list
  elements: dict
  contains:
    place:
      description:
        - C(fly:APP/NAME) or C(github:ENVIRONMENT/NAME).
      type: str
    secret:
      description:
        - Its name in the map.
      type: str
    known_by:
      description:
        - V(digest) (Fly shows it now), V(ledger) (it was written there), V(map) (it should be).
      type: str
notes:
  description:
    - What could not be looked into.
  returned: success
  type: list
  elements: str
  sample: []
steps:
  description:
    - What to do next, in order.
  returned: success
  type: list
  elements: str
  sample:
    - hotops secrets rotate production --secret DATABASE_URL --leaked
failed_findings:
  description:
    - Where it is in use or in the vault, and that it is valid.
  returned: success
  type: list
  elements: dict
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

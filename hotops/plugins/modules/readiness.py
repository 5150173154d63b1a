#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.look.readiness.Readiness; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: readiness
short_description: Compute how ready an environment is
version_added: 0.1.0
description:
  - Counts every gate, and of each app the share of 5xx, the 95th percentile and the days of its certificate.
  - 'Nothing is typed: what is unknown counts as not ready. A claim that differs is a finding.'
author:
  - The hotops authors (!UNKNOWN)
options:
  claimed_percent:
    description:
      - How ready somebody says it is, in percent.
    type: int
  claimed_certificate_days:
    description:
      - How many days somebody says that the certificates are good for.
    type: int
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.gate
  - module: hotops.core.status
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Show how ready production is
  hotops.core.readiness:
  run_once: true

- name: The launch checklist says what is true
  hotops.core.readiness:
    claimed_percent: 95
    claimed_certificate_days: 88
  register: computed
  failed_when: computed is failed or computed.failed_findings
  run_once: true
"""

RETURN = r"""
---
ready:
  description:
    - Whether everything is so.
  returned: success
  type: bool
percent:
  description:
    - Share of what is so, rounded down.
  returned: success
  type: int
certificate_days:
  description:
    - Days that the shortest certificate is good for, null where none is known.
  returned: success
  type: int
items:
  description:
    - 'Each thing: app, what, verdict (C(yes), C(no), C(unknown)), says.'
  returned: success
  type: list
  elements: dict
failed_findings:
  description:
    - What is not so, and claims that differ; C(hotops readiness) ends with 8 then.
  returned: success
  type: list
  elements: dict
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.look.why.Why; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: why
short_description: Tell why an app is not well, on one page
version_added: 0.1.0
description:
  - Puts side by side exits, each failing check and its path, new lines of the log, and changed secrets.
  - Names the most likely cause, the newest change that could have done it, and the next command.
  - A check's path that is not there (404) is told apart from a dead app and from a database that refuses.
  - Reads only. Of a connection string it shows user, host and port, never more.
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - The app, by app or host name; the only selected one if omitted.
    type: str
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
notes:
  - A command is run inside a machine only where the inventory's C(exec_checks) allows it.
seealso:
  - module: hotops.core.status
  - module: hotops.core.health_report
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Show why the app is not well
  hotops.core.why:
    app: shop-production
  run_once: true

- name: Stop unless the app is well
  hotops.core.why:
    app: shop-production
  register: seen
  failed_when: seen is failed or seen.cause.kind != "well"
  run_once: true
"""

RETURN = r"""
---
app:
  description:
    - Name of the app.
  returned: success
  type: str
cause:
  description:
    - 'The most likely cause: its kind (a stable word) and one sentence.'
  returned: success
  type: dict
culprit:
  description:
    - The newest change within a day that could have done it, null if there is none.
  returned: success
  type: dict
seen:
  description:
    - The app as M(hotops.core.status) returns it.
  returned: success
  type: dict
health:
  description:
    - The app as M(hotops.core.health_report) returns it.
  returned: success
  type: dict
log:
  description:
    - Lines that the log did not have before that change, null where it can't be read.
  returned: success
  type: dict
secrets_changed:
  description:
    - 'Secrets written since the last other image: name, digest, when.'
  returned: success
  type: list
  elements: dict
dsn:
  description:
    - 'Connection strings in use: user, host, port; or why they are unknown.'
  returned: success
  type: list
  elements: dict
next:
  description:
    - The command to type next.
  returned: success
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.escalation.escalate.Escalate; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: escalate
short_description: Tell people what a run could not finish, with its evidence
version_added: 0.1.0
description:
  - Opens an issue in the inventory's repository, one for the same apps, or adds to the open one.
  - A public repository is told the title and the run's id, and no more.
  - Sends a message every way that C(notifications) of the inventory declares, such as Slack or e-mail.
  - With C(exit_code=0) the open issues about these apps are told that it works again, once after a failure.
  - An issue is closed then, unless it names runs of another playbook that nobody saw working again.
  - What could not be told is a warning in the result; the task never fails for it.
  - C(hotops run) and the commands of playbooks do so at the second failure in a row, at once for exit code 7.
author:
  - The hotops authors (!UNKNOWN)
options:
  what:
    description:
      - 'What was run: a playbook, a command.'
    type: str
    required: true
  outcome:
    description:
      - How it ended, in a word such as C(not_restored).
    type: str
    required: true
  exit_code:
    description:
      - The exit code it ended with; 0 tells open issues that it works again.
    type: int
    default: 1
  text:
    description:
      - What went wrong and what to do next; never sent to a public repository.
    type: str
    default: ''
  failed_run:
    description:
      - Id of the run that it is about, by which it is told once. This run's own if omitted.
    type: str
    default: ''
  evidence:
    description:
      - Folder of its evidence, below the project's folder.
    type: str
    default: ''
  failures:
    description:
      - How many times in a row it failed.
    type: int
    default: 1
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
seealso:
  - module: hotops.core.notify
  - module: hotops.core.github_issue
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Somebody has to look
  hotops.core.escalate:
    what: nightly.yml
    outcome: not_restored
    exit_code: 7
    text: "{{ ansible_failed_result.msg }}"
    evidence: artifacts/deployment/20260131T100000Z-nightly-production
  run_once: true

- name: A backup failed for the third night
  hotops.core.escalate:
    what: backup
    outcome: backup_failed
    failures: 3
  run_once: true

- name: The backup works again
  hotops.core.escalate:
    what: backup
    outcome: done
    exit_code: 0
  run_once: true
"""

RETURN = r"""
---
told:
  description:
    - What became of each way; empty in check mode.
  returned: success
  type: list
  elements: dict
  contains:
    to:
      description:
        - 'Which one: the issue''s repository, a webhook''s variable.'
      type: str
    ok:
      description:
        - Whether it was taken.
      type: bool
    why:
      description:
        - What went wrong.
      type: str
    url:
      description:
        - The issue's page.
      type: str
    closed:
      description:
        - Whether the issue was closed, after a good run.
      type: bool
warnings:
  description:
    - A sentence for each that failed.
  returned: success
  type: list
  elements: str
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

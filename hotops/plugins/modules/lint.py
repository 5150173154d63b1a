#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.lint.lint.Lint; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: lint
short_description: Find what is wrong in the fly.toml files, workflows, scripts and documents of a project
version_added: 0.1.0
description:
  - Reads fly.toml files, GitHub workflows, shell scripts and documents, and calls no cloud.
  - In a fly.toml it finds what a deploy would ignore, reset, publish or miss.
  - Such are unknown keys, missing sizes, public data ports, missing checks, release commands that migrate.
  - In a workflow it finds what never starts, never ends red, lacks a right, or deploys another's file.
  - In scripts and documents it finds idioms that lie, and commands and flags that flyctl does not have.
  - 'A line that says C(hotops: ignore), or follows one that does, is left out.'
author:
  - The hotops authors (!UNKNOWN)
options:
  paths:
    description:
      - Files or folders below the project's; all of the project if omitted.
    type: list
    elements: str
    default: []
  fail_on_findings:
    description:
      - Whether the task fails when there is an error.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.fly_scale
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: See what is wrong in the project's files
  hotops.core.lint:
  run_once: true

- name: No workflow and no script lies about a deploy
  hotops.core.lint:
    paths: [.github/workflows, scripts]
    fail_on_findings: true
  run_once: true
"""

RETURN = r"""
---
files:
  description:
    - How many files were read.
  returned: success
  type: int
  sample: 3
findings:
  description:
    - The findings, by file and line.
  returned: success
  type: list
  elements: dict
  contains:
    file:
      description:
        - The file, below the project's folder.
      type: str
    line:
      description:
        - The line.
      type: int
    rule:
      description:
        - Stable word, such as C(unknown_key).
      type: str
    severity:
      description:
        - C(error) or C(warn).
      type: str
    says:
      description:
        - What is wrong.
      type: str
    remedy:
      description:
        - What to do.
      type: str
failed_findings:
  description:
    - The errors among them; C(hotops lint) ends with 8 if there are any.
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.secrets.scan.ScanSecrets; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_scan
short_description: Look for secrets in a repository, its history and its commit messages
version_added: 0.1.0
description:
  - Finds DSNs with a password, and tokens in the forms of many vendors (detect-secrets is the engine).
  - Reads files of today, untracked ones too, every line that any commit added, and every commit message.
  - 'Where another scanner''s baseline grew since it was smallest, that is found too: it would hide new ones.'
  - Tells rule and place, never what stands there; ends red for what O(allow) does not name.
  - An entry of the allow-list needs a reason and a last day; after that day it allows nothing.
author:
  - The hotops authors (!UNKNOWN)
options:
  path:
    description:
      - Folder of the git repository.
    type: str
    default: .
  history:
    description:
      - Whether all commits of all branches, and their messages, are read.
    type: bool
    default: true
  message:
    description:
      - 'File with the message of a commit that is being made: only it and what is staged are read.'
    type: str
  allow:
    description:
      - 'File with what is allowed to stay, below C(path): each with a reason and an end.'
    type: str
    default: .hotops-allow.yml
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.secrets_mirror
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.world
"""

EXAMPLES = r"""
---
- name: The repository holds no secret, and never did
  hotops.core.secrets_scan:
  run_once: true

- name: Nothing is about to be committed
  hotops.core.secrets_scan:
    path: "{{ playbook_dir }}"
    history: false
  run_once: true
"""

RETURN = r"""
---
findings:
  description:
    - What is found and not allowed, each once by rule and place.
  returned: success
  type: list
  elements: dict
  contains:
    rule:
      description:
        - What it looks like.
      type: str
    place:
      description:
        - File and line, with the commit where it is history.
      type: str
    path:
      description:
        - The file, V(message) for a commit's message.
      type: str
    commit:
      description:
        - The commit, empty for files of today.
      type: str
    allowed:
      description:
        - The reason, where the allow-list names it.
      type: str
allowed:
  description:
    - How many are allowed.
  returned: success
  type: int
  sample: 0
expired:
  description:
    - Entries of the allow-list whose last day is over.
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

#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.secrets.mirror.MirrorSecrets; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: secrets_mirror
short_description: Mirror the vault's secrets to Fly.io and GitHub, as the secret map says
version_added: 0.1.0
description:
  - Writes what the map names, in as few calls as there can be, and nothing that is equal already.
  - Equal is what the store shows as it did after the last write, which the vault's ledger notes.
  - A value that hotops did not write, or that was touched since, is listed and left, unless O(adopt=write).
  - 'What is written or staged is then deployed: machines are made anew with what they run, some at a time.'
  - Names that the map does not have are listed, and removed only where O(remove) names them.
  - 'A vault that lacks a required secret, or has a placeholder for it, refuses it all: nothing is written.'
author:
  - The hotops authors (!UNKNOWN)
options:
  adopt:
    description:
      - 'What becomes of a value that hotops did not write, or that was touched since: no leaves and lists it, write
        overwrites it with the vault''s.'
    type: str
    choices:
      - 'no'
      - write
    default: 'no'
  deploy:
    description:
      - Whether machines are made anew, some at a time, so that they get what is staged.
    type: bool
    default: true
  remove:
    description:
      - Extra names to remove, in the form APP/NAME or github:ENVIRONMENT/NAME; only what the map does not name
        can be removed.
    type: list
    elements: str
    default: []
  places:
    description:
      - 'Where to: fly, github, or both. A run of some apps only is Fly''s.'
    type: list
    elements: str
    choices:
      - fly
      - github
    default:
      - fly
      - github
  challenge:
    description:
      - Whether machines of apps with C(challenge_secrets) are asked what they hold, where it is unknown.
    type: bool
    default: true
  strict:
    description:
      - Whether it ends red when something stays unknown, or as somebody else left it.
    type: bool
    default: true
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
notes:
  - In check mode no command is run inside a machine, so what only a machine can tell stays unknown.
seealso:
  - module: hotops.core.fly_secret_info
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Every app has the vault's secrets, and runs with them
  hotops.core.secrets_mirror:
  run_once: true

- name: The first time, after looking at the list, the vault's values win
  hotops.core.secrets_mirror:
    adopt: write
    deploy: false
  run_once: true
"""

RETURN = r"""
---
targets:
  description:
    - Every target of the map and every name beside them, with what is known of it; never a value.
  returned: success
  type: list
  elements: dict
  contains:
    destination:
      description:
        - C(fly:APP) or C(github:ENVIRONMENT).
      type: str
    name:
      description:
        - The name there.
      type: str
    secret:
      description:
        - The map's secret, null for a name that the map does not have.
      type: str
    state:
      description:
        - V(equal), V(absent), V(changed) (in the vault since), V(touched) (elsewhere since), V(interrupted) (a
          write of ours was cut off), V(different), V(unknown) or V(extra).
      type: str
    says:
      description:
        - The same in words.
      type: str
    deployed:
      description:
        - Whether machines have it, before this run.
      type: str
    fingerprint:
      description:
        - Keyed fingerprint of the vault's value.
      type: str
    written:
      description:
        - Whether this run writes (or removes) it.
      type: bool
written:
  description:
    - Targets that this run wrote, or would write.
  returned: success
  type: list
  elements: str
  sample:
    - fly:shop-production/DATABASE_URL
unknown:
  description:
    - Targets left as they are although they may not have the vault's value.
  returned: success
  type: list
  elements: str
  sample: []
extra:
  description:
    - Names that are there and not in the map.
  returned: success
  type: list
  elements: str
  sample:
    - fly:shop-production/OLD_FLAG
staged:
  description:
    - Targets whose value no machine has yet, where O(deploy) is false.
  returned: success
  type: list
  elements: str
  sample: []
skipped:
  description:
    - Optional secrets that the vault does not have, or not in a fit form.
  returned: success
  type: list
  elements: str
  sample: []
warnings:
  description:
    - Release records that could not be written, optional secrets that are not fit.
  returned: success
  type: list
  elements: str
  sample: []
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

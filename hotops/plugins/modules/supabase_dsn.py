#!/usr/bin/python
# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.database.look.SupabaseDsn; change it there.

from __future__ import annotations

DOCUMENTATION = r"""
---
module: supabase_dsn
short_description: Judge a connection string by its use, prove it, and say what is wrong
version_added: 0.1.0
description:
  - Takes a connection string from the vault, and tells by host, user and port together what it leads to.
  - Judges it by its use; computes the right one, with the pooler's host as the Management API names it.
  - 'Connects from here step by step: name, TCP, TLS, login, a query, a prepared statement.'
  - Shows user, host, port and database, never a value.
author:
  - The hotops authors (!UNKNOWN)
options:
  app:
    description:
      - Host or app whose declared C(database) is meant.
    type: str
  secret:
    description:
      - 'Where the vault has the string: a name, path#KEY, or a reference; of O(app) if omitted.'
    type: str
  use:
    description:
      - What it is used for; as O(app) declares, else V(server).
    type: str
    choices:
      - migrations
      - server
      - serverless
      - backup
      - replication
  ipv6:
    description:
      - Whether there is IPv6 where it is used; as O(app) declares, else yes.
    type: bool
  prove:
    description:
      - Whether to connect from here; a look that writes nothing.
    type: bool
    default: true
  ca_file:
    description:
      - Root certificate to verify the server with, besides a sandbox's.
    type: str
  error_text:
    description:
      - An error or log of a client, to be explained.
    type: str
  fail_on_findings:
    description:
      - Whether it ends red when something is wrong, or does not connect.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
seealso:
  - module: hotops.core.dsn_fix
  - module: hotops.core.secrets_mirror
extends_documentation_fragment:
  - hotops.core.attributes
  - hotops.core.environment
"""

EXAMPLES = r"""
---
- name: Chatwoot's connection string is what a long-lived server needs, and connects
  hotops.core.supabase_dsn:
    app: shop-chatwoot
    fail_on_findings: true
  run_once: true

- name: What does this error mean?
  hotops.core.supabase_dsn:
    error_text: "FATAL: Tenant or user not found"
  run_once: true
"""

RETURN = r"""
---
verdict:
  description:
    - V(ok), V(care) (it works and will hurt) or V(wrong).
  returned: success
  type: str
  sample: wrong
kind:
  description:
    - What it leads to, told by host, user and port together; empty where that is not to be known.
  returned: success
  type: str
  sample: session_pooler
shown:
  description:
    - User, host, port and database.
  returned: success
  type: str
  sample: postgres.abcdefghijklmnopqrst@aws-1-us-east-1.pooler.supabase.com:5432/postgres
findings:
  description:
    - 'What is wrong with it: code, level, what it means and what to do.'
  returned: success
  type: list
  elements: dict
  sample:
    - code: pooler_user_without_ref
      level: wrong
corrected:
  description:
    - The right one, as far as it may be shown; empty where it is right or can't be known.
  returned: success
  type: str
  sample: postgres@db.abcdefghijklmnopqrst.supabase.co:5432/postgres?sslmode=require
proof:
  description:
    - 'The steps of connecting with the string as it is: step, outcome, said, cause.'
  returned: success
  type: list
  elements: dict
  sample:
    - step: login
      outcome: failed
      cause: wrong_password
corrected_proof:
  description:
    - The same for the right one.
  returned: success
  type: list
  elements: dict
  sample: []
inside:
  description:
    - The same for the right one from a machine of O(app), where C(exec_checks) allows that.
  returned: success
  type: list
  elements: dict
  sample: []
connects:
  description:
    - Whether the right one (or the string, where it is right) connects; none if not tried.
  returned: success
  type: bool
  sample: true
explained:
  description:
    - 'Causes that O(error_text) names: cause, says, do, source, line, count.'
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

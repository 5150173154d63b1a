# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every module of the collection can and can't do."""

from __future__ import annotations


class ModuleDocFragment:
    """Capabilities that are the same for all modules, and the words for those that differ."""

    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description:
      - Can run in C(check_mode), reads what is there, says what it would change, and writes nothing anywhere.
  diff_mode:
    description:
      - Returns what changes (in check mode, what would change), each thing before and after. Secrets show fingerprints.
  action:
    description:
      - Runs as an action plugin, on the controller. Needs no connection and no Python on a host.
    support: full
  async:
    description:
      - Does not support the C(async) keyword; what takes long has an option for how long to wait.
    support: none
  become:
    description:
      - Has nothing to do with users of a host, so C(become), C(delegate_to) and C(connection) change nothing.
    support: none
"""

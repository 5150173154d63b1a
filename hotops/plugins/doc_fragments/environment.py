# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which environment a module works on, and on which of its apps."""

from __future__ import annotations


class ModuleDocFragment:
    """Notes of modules that work on a whole environment."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - hotops, installed for the Python that runs Ansible
notes:
  - Works on the environment that the inventory declares, as a whole and once. Use it with C(run_once), in a play over
    C(all:localhost).
  - The apps it works on are those of the group C(apps) that C(-l) leaves, narrowed by the extra variable C(apps).
    If none is left the task fails.
  - An extra variable that hotops does not know is an error, and so is an unknown key in the inventory.
  - The inventory variable C(env_kind) says which world the task works on, V(live) for the real clouds or V(sandbox) for
    their twin on this computer (C(hotops sandbox up)). There is no default.
  - Credentials come from the environment of C(ansible-playbook), under the vendors' names, E(FLY_API_TOKEN) first of
    all. A sandbox has tokens of its own, and refuses real ones.
  - With E(HOTOPS_READONLY) set to V(1) every write is refused.
"""

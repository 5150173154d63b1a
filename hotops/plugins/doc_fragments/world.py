# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which clouds a module talks to, and with which credentials."""

from __future__ import annotations


class ModuleDocFragment:
    """Notes of modules that work on things they are given by name."""

    DOCUMENTATION = r"""
options: {}
requirements:
  - hotops, installed for the Python that runs Ansible
notes:
  - The inventory variable C(env_kind) says which world the task works on, V(live) for the real clouds or V(sandbox) for
    their twin on this computer (C(hotops sandbox up)). There is no default.
  - Credentials come from the environment of C(ansible-playbook), under the vendors' names. E(FLY_API_TOKEN) holds one
    Fly token or several with commas between them; E(SUPABASE_ACCESS_TOKEN) and E(GITHUB_TOKEN) are only asked for by
    what needs them. A sandbox has tokens of its own, and refuses real ones.
  - With E(HOTOPS_READONLY) set to V(1) every write is refused.
"""

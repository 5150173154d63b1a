# Copyright: the hotops authors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Written by `make docs` from hotops.volumes.restore.RestoreVolume; change it there.

from __future__ import annotations

from ansible_collections.hotops.core.plugins.plugin_utils.base import action

ActionModule = action("restore_volume")

"""The build hook that makes one wheel both the library `hotops` and the Ansible collection `hotops.core`.

Ansible finds a collection in any entry of `sys.path` that holds `ansible_collections/<namespace>/<name>`, so the wheel
carries the collection's folders there and needs no configuration once installed.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COLLECTION = "ansible_collections/hotops/core"
PARTS = {
    "hotops/plugins": "plugins",
    "hotops/meta": "meta",
    "playbooks": "playbooks",
    "roles": "roles",
    "README.md": "README.md",
    "CHANGELOG.md": "CHANGELOG.md",
}


class CollectionBuildHook(BuildHookInterface[Any]):
    """Put the collection into the wheel; nothing into an editable install.

    A plain `force-include` would copy the folders into site-packages for an editable install too, where they would hide
    the checkout's and go stale.
    """

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add each part of the collection, and its galaxy.yml with the version of this build.

        Args:
            version: "standard" or "editable" (what kind of wheel, not the project's version).
            build_data: hatchling's; its `force_include` maps a source path to a path in the wheel.
        Raises:
            FileNotFoundError: a part of the collection is missing from the checkout or the sdist.
        """
        if version == "editable":
            return
        root = Path(self.root)
        for source, name in PARTS.items():
            if not (root / source).exists():
                raise FileNotFoundError(f"{source} is missing: the wheel would hold an incomplete collection")
            build_data["force_include"][source] = f"{COLLECTION}/{name}"
        self._stage = tempfile.TemporaryDirectory(prefix="hotops-build-")
        galaxy = Path(self._stage.name) / "galaxy.yml"
        galaxy.write_text(self._galaxy(root), encoding="utf-8")
        build_data["force_include"][str(galaxy)] = f"{COLLECTION}/galaxy.yml"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the galaxy.yml made for this build."""
        if version != "editable":
            self._stage.cleanup()

    def _galaxy(self, root: Path) -> str:
        """The text of galaxy.yml with `version: null` replaced: the version is written in hotops/__init__.py only."""
        text = (root / "hotops/galaxy.yml").read_text(encoding="utf-8")
        stamped, count = re.subn(r"(?m)^version: null\b.*$", f"version: {self.metadata.version}", text)
        if count != 1:
            raise ValueError("hotops/galaxy.yml must hold exactly one line `version: null`; the build fills it in")
        return stamped

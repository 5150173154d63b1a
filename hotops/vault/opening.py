"""The vault that an inventory declares, opened: a folder of env files or one SOPS file."""

from __future__ import annotations

from pathlib import Path

from hotops.vault.store import FolderStore, Store
from hotops.vault.vault import Vault


def store_at(place: Path) -> Store:
    """The back end for a place: a folder, or a file that SOPS made."""
    if place.suffix == ".json" and not place.is_dir():
        from hotops.vault.sops import SopsStore

        return SopsStore(place)
    return FolderStore(place)


def open_vault(
    place: Path, environment: str, *, fix_modes: bool = False, any_modes: bool = False, may_write: bool = True
) -> Vault:
    """The vault at a place as an environment sees it. Raises VaultMissing, VaultModes, and what SOPS files raise."""
    return Vault(store_at(place), environment, fix_modes=fix_modes, any_modes=any_modes, may_write=may_write)

"""A project's physical backups: a base copy of its cluster and the archive of its write-ahead log."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from hotops.sandbox.postgres_account import Account

ARCHIVE_EVERY_S = 120.0
"""Hosted projects archive at least every two minutes (Supabase docs, "Point-in-Time Recovery")."""

_UNREACHED = "recovery ended before configured recovery target was reached"


class OutsideWindow(ValueError):
    """The moment is not between the first base copy and the newest archived log."""


@dataclass
class Archive:
    """Where a cluster's base copy and its archived log lie; neither is in the data directory, so both outlive it.

    The base is copied from a stopped cluster, which is a complete physical backup; every commit since is in the log.
    """

    folder: Path
    account: Account
    interval_s: float
    began_at: float = 0.0
    _reached: float = 0.0
    _written_since: float = 0.0

    @property
    def base(self) -> Path:
        """The base copy."""
        return self.folder / "base"

    @property
    def log(self) -> Path:
        """The archived write-ahead log."""
        return self.folder / "wal"

    def begin(self, data_dir: Path) -> None:
        """Take the base copy of a stopped cluster, and forget what was archived before."""
        shutil.rmtree(self.base, ignore_errors=True)
        shutil.rmtree(self.log, ignore_errors=True)
        self.log.mkdir(mode=0o700, parents=True)
        shutil.copytree(data_dir, self.base, symlinks=True)
        self.account.own(self.folder)
        self.began_at = self._reached = self._written_since = time.time()

    def settings(self) -> dict[str, str]:
        """Server settings that fill the archive. A file is written beside its place and renamed: never half a one.

        It keeps the time of its last write, which no commit in a later file is older than.
        """
        target = self.log
        return {
            "archive_mode": "on",
            "archive_command": f"cp -p %p '{target}/.%f' && mv '{target}/.%f' '{target}/%f'",
            "archive_timeout": f"{max(1, round(self.interval_s))}s",
        }

    @property
    def earliest(self) -> float:
        """The first moment that can be brought back, in unix seconds."""
        return self.began_at

    @property
    def latest(self) -> float:
        """The last moment that can be brought back: every commit until then is archived.

        After a recovery it is the moment recovered to, until the log written since is archived: what came after in the
        life before is no more.
        """
        archived = [file.stat().st_mtime for file in self.log.glob("[0-9A-F]*") if not file.suffix]
        return max((at for at in archived if at >= self._written_since), default=self._reached)

    def lay_out(self, data_dir: Path, moment: float | None) -> None:
        """Make `data_dir` the base copy, ready to recover to `moment` (None: all there is) when it is started.

        Raises OutsideWindow.
        """
        if moment is not None and not self.earliest <= moment <= self.latest:
            raise OutsideWindow(f"{_stamp(moment)} is not between {_stamp(self.earliest)} and {_stamp(self.latest)}")
        shutil.rmtree(data_dir, ignore_errors=True)
        shutil.copytree(self.base, data_dir, symlinks=True)
        data_dir.chmod(0o700)
        recovery = [f'restore_command = \'cp "{self.log}/%f" "%p"\'', "recovery_target_timeline = 'latest'"]
        if moment is not None:
            recovery += [
                f"recovery_target_time = '{_stamp(moment)}'",
                "recovery_target_inclusive = off",
                "recovery_target_action = 'promote'",
            ]
        with (data_dir / "postgresql.auto.conf").open("a", encoding="utf-8") as settings:
            settings.write("\n".join(recovery) + "\n")
        (data_dir / "recovery.signal").touch(mode=0o600)
        self.account.own(data_dir)
        self._reached = self.latest if moment is None else moment
        self._written_since = time.time()


def ended_early(server_log: str) -> bool:
    """Whether a recovery failed only because no commit is as late as its target: then all there is, is the target."""
    return _UNREACHED in server_log


def _stamp(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")

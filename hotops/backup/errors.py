"""How making, checking and restoring a backup fails."""

from __future__ import annotations

from hotops.core.errors import ExitCode, HotopsError, UsageError


class DsnRefused(UsageError):
    """The connection string can't be used for a backup or a restore; says why, and which one can."""

    code = "dsn_refused"


class ToolsMissing(HotopsError):
    """PostgreSQL's client programs are missing or older than the server."""

    code = "client_tools"


class DatabaseFailed(HotopsError):
    """The database does not answer, refuses, or went away in the middle."""

    code = "database"


class PrivilegeMissing(HotopsError):
    """The role may not read all that has to be in a backup, or not write what has to be restored."""

    code = "privilege"
    exit_code = ExitCode.TOKEN


class StoreFailed(HotopsError):
    """The place where backups are kept refuses, is full, or does not answer."""

    code = "backup_store"


class KeysUnusable(UsageError):
    """Too few recipients, or no key that opens a backup."""

    code = "backup_keys"


class BackupSuspicious(HotopsError):
    """What was read is not what a backup of this database has to hold; it is not listed as one."""

    code = "backup_suspicious"
    exit_code = ExitCode.FINDINGS


class BackupDamaged(HotopsError):
    """A backup is not whole, was changed, or is signed by nobody known."""

    code = "backup_damaged"
    exit_code = ExitCode.FINDINGS


class NoBackup(HotopsError):
    """There is no backup of this name, or none at all."""

    code = "no_backup"


class RestoreRefused(UsageError):
    """The target is not empty or not confirmed; nothing was written."""

    code = "restore_refused"
    exit_code = ExitCode.APPROVAL


class RestoreFailed(HotopsError):
    """The restore stopped; running it again goes on where it stopped."""

    code = "restore_failed"


class NotAsBackedUp(HotopsError):
    """A restored database differs from its backup; the differences are named."""

    code = "not_as_backed_up"
    exit_code = ExitCode.FINDINGS

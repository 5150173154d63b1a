"""Errors that say what was wrong, where, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import ClassVar


class ExitCode(IntEnum):
    """Exit codes of the `hotops` command; the same number is `exit_code` in every structured failure."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    NO_GO = 3
    TOKEN = 4
    APPROVAL = 5
    RESTORED = 6
    NOT_RESTORED = 7
    FINDINGS = 8
    LOCK_HELD = 9
    INTERRUPTED = 130


class HotopsError(Exception):
    """Root of all errors of hotops.

    `code` is stable and made for machines (tests and playbooks compare it), `message` says what was wrong and where,
    `remedy` what to do next, `request_id` the cloud's own id of the refused request where there is one.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    def __init__(
        self,
        message: str,
        *,
        remedy: str = "",
        request_id: str | None = None,
        details: Mapping[str, object] | None = None,
        code: str | None = None,
        exit_code: ExitCode | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.request_id = request_id
        self.details: dict[str, object] = dict(details or {})
        self.failure_code = code or type(self).code
        self.failure_exit = exit_code or type(self).exit_code

    def __str__(self) -> str:
        text = f"{self.message} {self.remedy}".strip()
        return f"{text} (request {self.request_id})" if self.request_id else text

    def as_failure(self) -> dict[str, object]:
        """The structured `failure` of a module, of `--json` and of evidence."""
        failure: dict[str, object] = {
            "code": self.failure_code,
            "exit_code": int(self.failure_exit),
            "message": self.message,
            "remedy": self.remedy,
            "request_id": self.request_id,
        }
        if self.details:
            failure["details"] = self.details
        return failure


class UsageError(HotopsError):
    """A wrong argument, extra var or inventory; nothing was called."""

    code = "usage"
    exit_code = ExitCode.USAGE


class InventoryError(UsageError):
    """A wrong, missing or unknown key of an inventory; names file, line, key and the nearest known name."""

    code = "inventory"


class WorldsMixed(UsageError):
    """A sandbox run holds something that looks live, or a live run something of a sandbox."""

    code = "worlds_mixed"


class ReadOnly(HotopsError):
    """HOTOPS_READONLY=1 is set and the operation would write."""

    code = "readonly"
    exit_code = ExitCode.APPROVAL


class PlanChanged(HotopsError):
    """The world moved since somebody decided: what was decided is not what would be done."""

    code = "plan_changed"
    exit_code = ExitCode.APPROVAL


class Interrupted(HotopsError):
    """The run was asked to stop; it can be resumed."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


class WaitTimeout(HotopsError):
    """What was waited for did not come in time; `last` says what was seen last."""

    code = "timeout"

    def __init__(self, message: str, *, last: object = None, remedy: str = "") -> None:
        super().__init__(message, remedy=remedy, details={"last": str(last)} if last is not None else None)
        self.last = last


class LockHeld(HotopsError):
    """Another run holds the environment."""

    code = "lock_held"
    exit_code = ExitCode.LOCK_HELD


class VerifyFailed(HotopsError):
    """All calls succeeded and the world still is not as planned."""

    code = "verify_failed"
    exit_code = ExitCode.NOT_RESTORED


class NoGo(HotopsError):
    """A gate said no; nothing was changed."""

    code = "no_go"
    exit_code = ExitCode.NO_GO


class RolledBack(HotopsError):
    """The change failed; the old state is proven back."""

    code = "rolled_back"
    exit_code = ExitCode.RESTORED


class NotRestored(HotopsError):
    """The change failed and the old state could not be proven back: wake someone."""

    code = "not_restored"
    exit_code = ExitCode.NOT_RESTORED


class MissingExtra(UsageError):
    """An optional dependency is not installed; the message says which extra to install."""

    code = "missing_extra"


# --- the wire -------------------------------------------------------------------------------------------------------


class WireError(HotopsError):
    """No usable answer: the name does not resolve, the connection failed, the answer was cut or not JSON.

    `applied` is False when it is proven that nothing was sent, None when it is not known (look before repeating).
    """

    code = "wire"

    def __init__(self, message: str, *, remedy: str = "", applied: bool | None = None, code: str | None = None) -> None:
        super().__init__(message, remedy=remedy, code=code)
        self.applied = applied


class ApiError(HotopsError):
    """A cloud answered with an error status."""

    code = "api"

    def __init__(
        self,
        message: str,
        *,
        status: int,
        remedy: str = "",
        request_id: str | None = None,
        details: Mapping[str, object] | None = None,
        code: str | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy, request_id=request_id, details=details, code=code)
        self.status = status


class Unauthorized(ApiError):
    """401: no token, or one that the cloud does not know."""

    code = "unauthorized"
    exit_code = ExitCode.TOKEN


class Forbidden(ApiError):
    """403: the token is known and may not do this."""

    code = "forbidden"
    exit_code = ExitCode.TOKEN


class NotFound(ApiError):
    """404: the thing does not exist (for this token)."""

    code = "not_found"


class Conflict(ApiError):
    """409: something else holds or changed the thing."""

    code = "conflict"


class LeaseHeld(Conflict):
    """Another owner holds the machine's lease; `expires_at` in unix seconds where the answer says so."""

    code = "lease_held"

    def __init__(
        self, message: str, *, status: int = 409, request_id: str | None = None, expires_at: float | None = None
    ):
        super().__init__(
            message,
            status=status,
            request_id=request_id,
            remedy="Wait until the lease expires, or see who is deploying.",
        )
        self.expires_at = expires_at


class PreconditionFailed(ApiError):
    """412: the thing is not in the version or state that the call was made for."""

    code = "precondition_failed"


class NoCapacity(ApiError):
    """The platform has no room for the machine there, or the organisation's quota is used up."""

    code = "no_capacity"


class RateLimited(ApiError):
    """429 (GitHub: 403 too): too many requests; `retry_after_s` where the answer says so."""

    code = "rate_limited"

    def __init__(
        self, message: str, *, status: int = 429, request_id: str | None = None, retry_after_s: float | None = None
    ):
        when = f" in {retry_after_s:.0f} s" if retry_after_s else " later"
        super().__init__(message, status=status, request_id=request_id, remedy=f"Try again{when}.")
        self.retry_after_s = retry_after_s


class ServerError(ApiError):
    """5xx or 408: the cloud failed; whether a write was applied is not known."""

    code = "server_error"

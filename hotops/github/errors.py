"""Errors that only GitHub has, and how they are told from its answers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hotops.core.errors import ApiError, Forbidden, NotFound, UsageError

_MAX_TEXT = 600


class Unprocessable(ApiError):
    """422: GitHub understood and refused; the message says why."""

    code = "unprocessable"


class RefExists(Unprocessable):
    """The git reference was created by somebody else first."""

    code = "ref_exists"


class EnvironmentMissing(NotFound):
    """The repository is there and has no environment of this name."""

    code = "environment_missing"


class SecretRefused(UsageError):
    """A name or a value that GitHub would refuse; nothing was called."""

    code = "secret_refused"


def read_error(status: int, body: bytes, headers: Mapping[str, str]) -> tuple[str, str | None]:
    """GitHub's message with its reasons, and on 403 the right that it names in `x-accepted-github-permissions`."""
    text = body.decode("utf-8", "replace").strip()
    try:
        data: Any = json.loads(text)
    except ValueError:
        return text[:_MAX_TEXT] or f"status {status}", None
    if not isinstance(data, dict):
        return text[:_MAX_TEXT], None
    reasons = data.get("errors") or []
    words = [str(data.get("message") or text)]
    words += [_reason(reason) for reason in (reasons if isinstance(reasons, list) else [reasons])]
    wanted = headers.get("x-accepted-github-permissions") if status == 403 else None
    return "; ".join(words)[:_MAX_TEXT], f"needs:{wanted}" if wanted else None


def rate_limit_wait_s(status: int, body: bytes, headers: Mapping[str, str], now: float) -> float | None:
    """Seconds to wait where the answer is a limit's, primary or secondary, None for every other answer.

    GitHub says 403 or 429, with `Retry-After`, or with `x-ratelimit-remaining: 0` and the time of the reset (GitHub
    docs, rate limits).
    """
    if status not in (403, 429):
        return None
    after = headers.get("retry-after", "")
    if after.isdigit():
        return float(after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdigit():
        return max(1.0, float(reset) - now)
    return 60.0 if status == 429 or b"secondary rate limit" in body else None


def refine(error: ApiError) -> ApiError:
    """The particular error behind a status: which right is missing, which reference exists already."""
    needs = str(error.details.get("cloud_code") or "")
    if error.status == 401:
        error.remedy = "The token is missing, mistyped, expired or revoked: export GITHUB_TOKEN=… (gh auth token)."
    elif error.status == 403:
        error.remedy = _right_missing(needs, error.message)
        if needs:
            error.details["needs"] = needs.removeprefix("needs:")
    elif error.status == 404:
        error.remedy = "Check OWNER/NAME and the name; a token without the right answers like this too."
    elif error.status == 422:
        kind = RefExists if "Reference already exists" in error.message else Unprocessable
        return _as(kind, error, "Mend what the message names.")
    return error


def environment_missing(error: NotFound, repo: str, environment: str, there: list[str]) -> EnvironmentMissing:
    """The 404 of an environment's secrets as what it is: no such environment."""
    known = ", ".join(there) or "none"
    return EnvironmentMissing(
        f"{repo} has no environment {environment!r}.",
        status=404,
        request_id=error.request_id,
        remedy=f"Known are: {known}. Make it on the repository's page (Settings, Environments), or name another.",
    )


def _right_missing(needs: str, message: str) -> str:
    if "Must have" in message:
        return "The token's owner lacks that role in the repository: ask an administrator of it."
    wanted = needs.removeprefix("needs:")
    if not wanted:
        return "The token is valid but may not do this: give it the right, or use another."
    return (
        f"The token lacks the right {wanted}: add it to the fine-grained token, or to `permissions:` of the workflow."
    )


def _reason(reason: object) -> str:
    if not isinstance(reason, dict):
        return str(reason)
    place = " ".join(str(reason[key]) for key in ("resource", "field") if reason.get(key))
    return str(reason.get("message") or f"{place} {reason.get('code') or ''}".strip())


def _as(kind: type[ApiError], error: ApiError, remedy: str) -> ApiError:
    return kind(error.message, status=error.status, remedy=remedy, request_id=error.request_id, details=error.details)


def is_right_missing(error: ApiError) -> bool:
    """Whether the token lacks a right, so that the answer is not known rather than no."""
    return isinstance(error, Forbidden)

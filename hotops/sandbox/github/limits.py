"""GitHub's rate limits, primary and secondary, never scaled by the twin's speed (GitHub docs, rate limits)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from hotops.sandbox.github.replies import RefusalError
from hotops.sandbox.github.world import Token

HOUR_S = 3600.0
MINUTE_S = 60.0
PER_HOUR = 5000
PER_HOUR_OF_ACTIONS = 1000
POINTS_PER_MINUTE = 900
CONTENT_PER_MINUTE = 80
CONTENT_PER_HOUR = 500


@dataclass
class _Used:
    """What one account asked: the hour's window, points of the last minute, content made in the last hour."""

    hour: int = -1
    requests: int = 0
    points: deque[tuple[float, int]] = field(default_factory=deque)
    content: deque[float] = field(default_factory=deque)


class Limits:
    """Counts by the account that a token speaks for: all its tokens share one limit."""

    def __init__(self) -> None:
        self._used: dict[str, _Used] = {}

    def headers(self, token: Token, now: float) -> dict[str, str]:
        """Where the account stands."""
        used = self._of(token, now)
        limit = _limit(token)
        return {
            "x-ratelimit-limit": str(limit),
            "x-ratelimit-remaining": str(max(0, limit - used.requests)),
            "x-ratelimit-used": str(min(limit, used.requests)),
            "x-ratelimit-reset": str(int((used.hour + 1) * HOUR_S)),
            "x-ratelimit-resource": "core",
        }

    def take(self, token: Token, method: str, now: float, *, makes_content: bool) -> None:
        """Count a request. Raises 403 where a limit is used up."""
        used = self._of(token, now)
        used.requests += 1
        if used.requests > _limit(token):
            raise RefusalError(403, f"API rate limit exceeded for user ID {token.login}.")
        while used.points and used.points[0][0] <= now - MINUTE_S:
            used.points.popleft()
        while used.content and used.content[0] <= now - HOUR_S:
            used.content.popleft()
        used.points.append((now, 1 if method in {"GET", "HEAD", "OPTIONS"} else 5))
        if sum(points for _, points in used.points) > POINTS_PER_MINUTE:
            raise _secondary(used.points[0][0] + MINUTE_S - now)
        if not makes_content:
            return
        recent = [at for at in used.content if at > now - MINUTE_S]
        if len(recent) >= CONTENT_PER_MINUTE:
            raise _secondary(recent[0] + MINUTE_S - now)
        if len(used.content) >= CONTENT_PER_HOUR:
            raise _secondary(used.content[0] + HOUR_S - now)
        used.content.append(now)

    def _of(self, token: Token, now: float) -> _Used:
        used = self._used.setdefault(token.login.lower(), _Used())
        hour = int(now // HOUR_S)
        if used.hour != hour:
            used.hour, used.requests = hour, 0
        return used


def _limit(token: Token) -> int:
    return PER_HOUR_OF_ACTIONS if token.of_actions else PER_HOUR


def _secondary(wait_s: float) -> RefusalError:
    seconds = str(max(1, int(wait_s) + 1))
    return RefusalError(403, "You have exceeded a secondary rate limit.", headers={"retry-after": seconds})

"""The published rate limits of the Machines API, as token buckets that refill with time.

One request per second and action for each machine or app, burst 3; reading a machine five per second, burst 10
(Fly docs, Machines API rate limits). Never scaled by the twin's speed.
"""

from __future__ import annotations

from dataclasses import dataclass

from hotops.sandbox.fly.errors import RefusalError

RATES = {"get": (5.0, 10.0)}
DEFAULT = (1.0, 3.0)


@dataclass
class Bucket:
    tokens: float
    filled_at: float


class Limits:
    """Buckets by (action, identifier)."""

    def __init__(self) -> None:
        self._buckets: dict[tuple[str, str], Bucket] = {}

    def take(self, action: str, identifier: str, now: float) -> None:
        """Take one request; raises 429 where none is left."""
        per_s, burst = RATES.get(action, DEFAULT)
        bucket = self._buckets.setdefault((action, identifier), Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + max(0.0, now - bucket.filled_at) * per_s)
        bucket.filled_at = now
        if bucket.tokens < 1.0:
            raise RefusalError(429, "resource_exhausted: rate limit exceeded")
        bucket.tokens -= 1.0

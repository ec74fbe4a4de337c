"""How often one user may do something: a bucket of tokens for each, filled at a steady rate."""

from __future__ import annotations

from collections.abc import Callable

from tuoqi.kit.clock import system_seconds

USERS_MAX = 10_000
"""Buckets kept; the oldest is forgotten, which only makes its user's bucket full again."""


class RateLimit:
    """So many at once, and from then on so many a minute, for each user."""

    def __init__(self, *, per_minute: float, burst: int, seconds: Callable[[], float] = system_seconds) -> None:
        self._per_second = per_minute / 60
        self._burst = float(burst)
        self._seconds = seconds
        self._buckets: dict[str, tuple[float, float]] = {}
        """User → tokens left, and when that was."""

    def take(self, user: str) -> float:
        """Use one up: 0, or the seconds until there will be one again."""
        now = self._seconds()
        left, before = self._buckets.pop(user, (self._burst, now))
        left = min(self._burst, left + (now - before) * self._per_second)
        allowed = left >= 1
        self._buckets[user] = (left - 1 if allowed else left, now)
        if len(self._buckets) > USERS_MAX:
            self._buckets.pop(next(iter(self._buckets)))
        return 0.0 if allowed else (1 - left) / self._per_second

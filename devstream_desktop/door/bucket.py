"""A token bucket: bursts pass, and a rate is held."""

from __future__ import annotations


class Bucket:
    """Tokens that come back at a rate. Time is passed in, seconds that only grow."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = burst
        self._at = now

    def take(self, count: float, now: float) -> float:
        """Take tokens, on credit where needed; returns the seconds to pay."""
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._rate) - count
        self._at = now
        return max(0.0, -self._tokens / self._rate)

    def grant(self, count: float, now: float) -> bool:
        """Take tokens only where there are enough; True when there were."""
        self.take(0, now)
        if self._tokens < count:
            return False
        self._tokens -= count
        return True

    def full(self, now: float) -> bool:
        """Return True when it has forgotten everything."""
        return self._tokens + (now - self._at) * self._rate >= self._burst

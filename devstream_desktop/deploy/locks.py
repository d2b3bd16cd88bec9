"""Locks: somebody keeps others from deploying, with a reason, for all to read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from devstream_desktop.control import plan_words
from devstream_desktop.stream.text import duration

EVERYTHING = "*"
"""The target of a lock on every target of an executor."""
MAX_LOCK_MS = 90 * 86_400_000
"""The longest that a lock with an end may hold."""
OLD_MS = 4 * 3_600_000
"""Age at which the holder is reminded of a lock."""
VERY_OLD_MS = 86_400_000
"""Age from which everybody is, once a day."""


@dataclass(frozen=True)
class Lock:
    """A lock of one environment, of a whole target, or of everything.

    `environment` is empty for the wider ones.
    """

    id: str
    """The key of the request that took it."""
    target: str
    environment: str
    person: str
    reason: str
    since: int
    until: int = 0
    """Its end, UTC milliseconds; 0: until it is unlocked."""
    reminded: int = 0
    """Reminders that were given."""

    @property
    def scope(self) -> str:
        """Name the thing that is locked."""
        return scope_of(self.target, self.environment)

    def covers(self, target: str, environment: str) -> bool:
        """Tell whether it locks this environment."""
        return self.target in (EVERYTHING, target) and self.environment in ("", environment)

    def holds(self, now: int) -> bool:
        """Tell whether it has not ended."""
        return not self.until or now < self.until

    def sentence(self, now: int) -> str:
        """Say who holds it, since when and why."""
        ends = self.until > now
        locked = plan_words.LOCKED_UNTIL if ends else plan_words.LOCKED
        if self.reason:
            locked = plan_words.LOCKED_UNTIL_WHY if ends else plan_words.LOCKED_WHY
        return locked.format(
            place=self.scope,
            person=self.person,
            age=duration(max(1000, now - self.since)),
            left=duration(self.until - now) if ends else "",
            reason=self.reason,
        )

    def due(self, now: int) -> int:
        """Return how many reminders should have been given by now."""
        age = now - self.since
        if age < OLD_MS:
            return 0
        return 1 + age // VERY_OLD_MS


def scope_of(target: str, environment: str) -> str:
    """Name an environment, a whole target, or everything."""
    if target == EVERYTHING:
        return "everything"
    return f"{target} {environment}" if environment else f"all of {target}"


def command_of(lock: Lock) -> str:
    """Return the command that breaks a lock."""
    place = "--all" if lock.target == EVERYTHING else f"{lock.target} {lock.environment}".strip()
    return f"devstream unlock {place} --reason WHY"


def blocking(
    locks: Iterable[Lock], target: str, environment: str, person: str, now: int
) -> Lock | None:
    """Return the oldest lock that keeps `person` from deploying there; None for none.

    Whoever holds a lock may deploy.
    """
    found = [
        lock
        for lock in locks
        if lock.covers(target, environment) and lock.holds(now) and lock.person != person
    ]
    return min(found, key=lambda lock: (lock.since, lock.id), default=None)

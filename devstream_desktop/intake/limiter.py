"""Rate limit of a noisy source.

Events over the rate are stored quietly. A subject that flaps is shown once. Both are counted in
`status` and in a line of their own. Below `FLOOD` nothing is lost. Above it a loop is filling every
desk's disk, and only the count is kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import msgspec

from devstream_desktop.intake.backlog import digested
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.subject import SUPPRESSED
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Kind

BURST = 60
PER_MINUTE = 30
"""Lines of one source that may interrupt. More are stored quietly."""
FLOOD = 20_000
FLOOD_PER_MINUTE = 600
"""Lines of one source that are stored at all."""
MINUTE = 60_000
FLAPS = 3
FLAP_WINDOW = 10 * MINUTE
"""`FLAPS` changes between broken and working in this time are flapping; milliseconds."""
MAX_REMEMBERED = 4096


@dataclass
class _Bucket:
    size: float
    per_minute: float
    level: float = 0.0
    at: int = 0

    def take(self, now: int) -> bool:
        gained = max(0, now - self.at) * self.per_minute / MINUTE if self.at else self.size
        self.level, self.at = min(self.size, self.level + gained), now
        if self.level < 1:
            return False
        self.level -= 1
        return True


@dataclass
class _Subject:
    red: bool | None = None
    changes: list[int] = field(default_factory=list)
    flapping: bool = False


class RateLimiter:
    """Rate limit of one source's events. Times are UTC milliseconds."""

    def __init__(
        self, name: str, health: Health, publisher: Publisher, now: Callable[[], int]
    ) -> None:
        self._name = name
        self.health = health
        self._publisher = publisher
        self._now = now
        self._news = _Bucket(BURST, PER_MINUTE)
        self._flood = _Bucket(FLOOD, FLOOD_PER_MINUTE)
        self._subjects: OrderedDict[str, _Subject] = OrderedDict()
        self._judged: OrderedDict[str, Event | None] = OrderedDict()
        """Decisions by key. An event that comes again, after a failed publication, counts once."""
        self._suppressed = 0
        self._said = 0

    async def publish(self, events: Sequence[Event]) -> list[Event]:
        """Limit events and publish them; return what was news and is published.

        Raises:
            Exception: the stream's own. Trying again with the same events does no harm.

        """
        return await self._publisher.publish(events, self.limit)

    async def catch_up(self, events: Sequence[Event], since: int) -> list[Event]:
        """Publish what happened since the source was read last, UTC milliseconds.

        Raises:
            Exception: as `publish`.

        """

        def limit(news: Sequence[Event]) -> list[Event]:
            now = self._now()
            return self.limit(
                digested(news, source=self._name, since=since, now=now, was_red=self._was_red)
            )

        return await self._publisher.publish(events, limit)

    def limit(self, events: Sequence[Event]) -> list[Event]:
        """Return the events to publish, some of them made quiet."""
        now = self._now()
        found: list[Event] = []
        for event in events:
            if event.key not in self._judged:
                self._judged[event.key] = self._one(event, now)
                if len(self._judged) > MAX_REMEMBERED:
                    self._judged.popitem(last=False)
            judged = self._judged[event.key]
            if judged is not None:
                found.append(judged)
        return found

    def overflow(self) -> Event | None:
        """Return the count of suppressed events as a line, once a minute."""
        now = self._now()
        if not self._suppressed or now - self._said < MINUTE:
            return None
        count, self._suppressed, self._said = self._suppressed, 0, now
        return make_event(
            kind=Kind.SOURCE,
            state="active",
            service=self._name,
            subject=f"source/{self._name}{SUPPRESSED}",
            number=str(now // MINUTE),
            key=fact_key(f"source/{self._name}", Kind.SOURCE, "suppressed", str(now // MINUTE)),
            time=now,
            source=self._name,
            count=count,
        )

    def _was_red(self, event: Event) -> bool:
        subject = self._subjects.get(event.subject)
        return subject is not None and subject.red is True

    def _one(self, event: Event, now: int) -> Event | None:
        # Counted and not stored: a line for each would be part of the flood.
        if not self._flood.take(now):
            self.health.dropped["flood"] += 1
            self._suppressed += 1
            return None
        # A quiet event interrupts nobody, so it takes nothing from the rate.
        if event.quiet:
            return event
        flapping = self._flaps(event, now)
        if flapping is not None:
            event = flapping
        if not event.quiet and not self._news.take(now):
            self.health.quieted["rate"] += 1
            self._suppressed += 1
            return msgspec.structs.replace(event, quiet=True)
        return event

    def _flaps(self, event: Event, now: int) -> Event | None:
        """Return `event` as it is published of a subject that flaps; None when it does not."""
        red = (event.kind, event.state) in RED_STATES
        if not red and (event.kind, event.state) not in GREEN_STATES:
            return None
        subject = self._subjects.setdefault(event.subject, _Subject())
        self._subjects.move_to_end(event.subject)
        if len(self._subjects) > MAX_REMEMBERED:
            self._subjects.popitem(last=False)
        if subject.red is red:
            return None
        subject.red = red
        subject.changes = [at for at in subject.changes if now - at < FLAP_WINDOW] + [now]
        # Flapping ends once nothing changed for a whole window: the list then has one change.
        if subject.flapping and len(subject.changes) > 1:
            self.health.quieted["flapping"] += 1
            return msgspec.structs.replace(event, quiet=True)
        subject.flapping = len(subject.changes) >= FLAPS
        if not subject.flapping:
            return None
        # The change that makes it flapping is shown, and says so.
        reason = f"flapping, {event.reason}" if event.reason else "flapping"
        return msgspec.structs.replace(event, reason=reason[:200])

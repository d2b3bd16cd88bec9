"""Health of each source: counters for `status`, and its silence.

One line is published when a source falls silent, and one when it is back.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from devstream_collectors.contract import Gap
from devstream_desktop.intake.notes import Notes
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.subject import GAP
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.words import Kind, Severity

Publish = Callable[[list[Event]], Awaitable[object]]
FAILURES_BEFORE_SILENT = 2
"""One lost packet is not news."""
TOKEN_WARNING = 14 * 86_400_000
"""A warning is published so long before the token for polling ends; milliseconds."""
GAP_SHOWN = 7 * 86_400_000
"""Milliseconds for which a gap is in `status`, also after a restart."""
_LOG = logging.getLogger(__name__)


class Way(StrEnum):
    """Ways in which a source is heard. One may be silent while another is not."""

    WEBHOOK = "webhook"
    POLL = "poll"
    TAIL = "tail"


class _Saved(msgspec.Struct, frozen=True):
    last_seen: int = 0
    silent_since: int = 0
    troubles: tuple[str, ...] = ()
    delivered: int = 0
    gap: str = ""
    gap_at: int = 0


_saved = msgspec.json.Decoder(_Saved)


@dataclass
class Health:
    """Health of one source. Counters are since the node's start.

    `silent_after` is in milliseconds; with 0 only failures make the source silent.
    """

    name: str
    publish: Publish
    notes: Notes
    silent_after: int = 0
    last_seen: int = 0
    last_error: str = ""
    silent_since: int = 0
    accepted: int = 0
    rejected: int = 0
    refusal: str = ""
    """The reason of the last refused delivery, in words."""
    refused_at: int = 0
    gap: str = ""
    """Description of the last facts that were lost for good; empty when none are."""
    gap_at: int = 0
    """Time of that, UTC milliseconds."""
    events: int = 0
    failures: int = 0
    """Rounds that failed."""
    dropped: Counter[str] = field(default_factory=Counter)
    quieted: Counter[str] = field(default_factory=Counter)
    """Events that were stored quietly, by reason."""
    credential_expires: int = 0
    """End of the token for polling, UTC milliseconds; 0: not known."""
    _troubles: set[str] = field(default_factory=set)
    """The ways that are silent or fail."""
    _delivered: int = 0
    _failures: Counter[str] = field(default_factory=Counter)
    _started: int = 0
    _end_published: int = 0
    """The end of a token that was published."""

    async def open(self, now: int) -> None:
        """Read the health from before this start: no line is published twice."""
        self._started = now
        saved = await self.notes.read(self._note)
        if saved:
            try:
                known = _saved.decode(saved)
            except (ValueError, RecursionError):
                # The file was damaged. The worst that follows is one more line.
                return
            self.last_seen, self.silent_since = known.last_seen, known.silent_since
            self._troubles, self._delivered = set(known.troubles), known.delivered
            if now - known.gap_at < GAP_SHOWN:
                self.gap, self.gap_at = known.gap, known.gap_at

    @property
    def state(self) -> str:
        """`new`, `active` or `silent`."""
        return "silent" if self.silent_since else "active" if self.last_seen else "new"

    async def seen(self, now: int, way: Way = Way.POLL, *, told: bool = False) -> None:
        """Note that the source answered or delivered.

        `told` says that a line has told so already, as one of what happened meanwhile does.
        """
        self.last_seen = now
        self._failures[way] = 0
        if way is Way.WEBHOOK:
            self._delivered = now
        self._troubles.discard(way)
        # One way that works says nothing of another that does not.
        if self._troubles:
            return
        self.last_error = ""
        back = ("active", now, self.silent_since, "")
        if self.silent_since and await self._publish_state(*back, quiet=told):
            self.silent_since = 0
            await self.save()

    async def failed(self, now: int, error: str, way: Way = Way.POLL) -> None:
        """Note that the source could not be read. After two times in a row it is silent."""
        self.last_error = clean(error, 300)
        self.failures += 1
        self._failures[way] += 1
        if self._failures[way] >= FAILURES_BEFORE_SILENT:
            await self._silent(now, self.last_error, way)

    def refused(self, mistake: str, now: int) -> None:
        """Count a delivery that was refused.

        Anybody can send one, so it changes only what `status` shows.
        """
        self.rejected += 1
        self.refusal, self.refused_at = clean(mistake, 200), now
        self.last_error = self.refusal

    async def left_out(self, gap: Gap, since: int, now: int) -> None:
        """Tell that more happened between two rounds than is read.

        Args:
            gap: what is not read.
            since: the last round, UTC milliseconds.
            now: this round.

        Raises:
            Exception: the stream's own. Nobody would hear of what is lost.

        """
        self.gap, self.gap_at = gap_sentence(gap, since, now), now
        event = make_event(
            kind=Kind.SOURCE,
            state="active",
            service=self.name,
            subject=f"source/{self.name}{GAP}",
            number=str(now),
            # The same when the round is done again after a crash.
            key=fact_key(
                f"source/{self.name}", Kind.SOURCE, "gap", gap.what, str(gap.until or since)
            ),
            time=now,
            source=self.name,
            title=self.gap,
            severity=Severity.WARNING,
        )
        await self.publish([event])
        await self.save()

    def expect(self, ways: Collection[str]) -> None:
        """Set the ways in which the source is heard. One that was removed is no longer silent."""
        self._troubles &= set(ways)

    async def check(self, now: int) -> None:
        """Publish a silence that is too long, a token that ends soon; forget an old gap."""
        if self.gap and now - self.gap_at >= GAP_SHOWN:
            self.gap, self.gap_at = "", 0
        # The time before this start does not count: nobody could deliver while the node was off.
        last = max(self._delivered, self._started)
        if self.silent_after and now - last > self.silent_after:
            await self._silent(now, f"nothing for {self.silent_after // 1000} s", Way.WEBHOOK)
        ends = self.credential_expires
        if (
            ends
            and ends != self._end_published
            and ends - now < TOKEN_WARNING
            and await self._publish_end(ends, now)
        ):
            self._end_published = ends

    async def save(self) -> None:
        """Write the state that the next start reads."""
        saved = _Saved(
            self.last_seen,
            self.silent_since,
            tuple(sorted(self._troubles)),
            self._delivered,
            self.gap,
            self.gap_at,
        )
        await self.notes.write(self._note, msgspec.json.encode(saved))

    @property
    def _note(self) -> str:
        return f"health/{self.name}"

    async def _silent(self, now: int, reason: str, way: Way) -> None:
        self._troubles.add(way)
        # Saved only after it was published, so that a failed publication is tried again.
        if not self.silent_since and await self._publish_state("silent", now, now, reason):
            self.silent_since = now
            await self.save()

    async def _publish_state(
        self, state: str, now: int, since: int, reason: str, *, quiet: bool = False
    ) -> bool:
        event = make_event(
            kind=Kind.SOURCE,
            state=state,
            service=self.name,
            subject=f"source/{self.name}",
            # Silence and its end are one row.
            number=str(since),
            key=fact_key(f"source/{self.name}", Kind.SOURCE, state, str(since)),
            time=now,
            source=self.name,
            reason=reason,
            duration=now - since if state == "active" else 0,
            quiet=quiet,
        )
        return await self._published(event)

    async def _publish_end(self, ends: int, now: int) -> bool:
        number = str(ends)
        event = make_event(
            kind=Kind.SOURCE,
            state="active",
            service=self.name,
            subject=f"source/{self.name}/token",
            number=number,
            # The same after a restart, and from a second collector.
            key=fact_key(f"source/{self.name}", Kind.SOURCE, "token", number),
            time=now,
            source=self.name,
            expires=ends,
            severity=Severity.WARNING,
        )
        return await self._published(event)

    async def _published(self, event: Event) -> bool:
        try:
            await self.publish([event])
        except Exception:  # noqa: BLE001 - tried again at the next look
            _LOG.exception("source %s: %s could not be published", self.name, event.state)
            return False
        return True


def gap_sentence(gap: Gap, since: int, now: int) -> str:
    """Say what was not read since the last round; UTC milliseconds."""
    # A service may say any time, and its things may have any name.
    first = min(max(gap.since or since, 0), now)
    begin = datetime.fromtimestamp(first / 1000, UTC)
    end = datetime.fromtimestamp(min(max(gap.until or now, first), now) / 1000, UTC)
    what = clean(gap.what, 60)
    day = "" if begin.date() == end.date() else f"{end:%d %b} "
    period = f"between {begin:%d %b %H:%M} and {day}{end:%H:%M} UTC"
    # Not every service says how many there were.
    if not gap.count:
        return f"{what} {period} were not all read"
    if gap.count == 1:
        return f"one of the {what} {period} was not read"
    return f"{gap.count:,} {what} {period} were not read"

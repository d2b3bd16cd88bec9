"""The log of entries: read newest first, and given what it lacks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

from devstream_desktop.door.bucket import Bucket
from devstream_desktop.mesh.carrier.beat import MOST_RANGES
from devstream_desktop.mesh.carrier.broker import (
    BrokerError,
    Extent,
    Log,
    Message,
    Outgoing,
    Sent,
    append,
)
from devstream_desktop.mesh.carrier.place import Place
from devstream_desktop.mesh.core import MOST_UNREAD, PART, Core
from devstream_desktop.mesh.limits import MAX_WAIT_S, cost_of_bytes, cost_of_rows, cost_of_waste
from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.mesh.wire import BATCH_BYTES
from devstream_desktop.stream.entry import (
    KEY_BYTES,
    MAX_BODY,
    SIGNATURE_BYTES,
    Entry,
    MalformedEntryError,
    device_id,
    hlc_time,
    parse_entry,
)

SENDER = "carrier"
"""Stands for a log in the place of a sender's device id."""
WINDOW = 1000
"""Messages read in order; the windows are read from the newest down."""
LOOK_S = 0.5
"""Seconds of catching up after which newer messages are looked for."""
RELAY_S = 2.0
"""The longest wait before something of another device is sent.

Its author sends it as well, or somebody else who heard it; it is then seen in the log meanwhile.
"""
SOLE_S = 0.5
"""The same for the one relay of a site: until its author's copy is there and back."""
LATE_S = 1.0
HELD_BACK_S = 600.0
"""Seconds until entries that were ahead of their time are read again."""
AGAIN_RATE, AGAIN_BURST = 1 / 60, 4.0
"""Times that a log is read again for what was not taken: a second, and at once."""


class Entries:
    """One node's part in the log of entries.

    Args:
        core: The node's middle.
        log: The log.
        place: How far this node is.
        relay: Send the entries of others as well.
        elected: One node of a site reads and sends for all; this one waits for its turn.

    """

    def __init__(
        self, core: Core, log: Log, place: Place, *, relay: bool, elected: bool = False
    ) -> None:
        self.unread = 0
        """Messages of the log that are not read yet."""
        self._core = core
        self._log = log
        self._place = place
        self._relay = relay
        self._extent = Extent("", 1, 0)
        self._looked = 0.0
        self._begun = False
        """The newest messages of a catch-up were read."""
        self._level = asyncio.Event()
        """Set while it is known here what the log has."""
        self._duty = asyncio.Event()
        """Set while this node reads the log itself.

        Then it sends what others wrote as well.
        """
        self._sole = False
        """No other node of the site does."""
        if not elected:
            self._duty.set()
        self._shown: dict[bytes, Ranges] = {}
        """Numbers by feed, shown by the log with the bytes held here."""
        self._demand = -1
        """The `Core.demand` at which everything doubtful was read again; at the start it is."""
        self._again = Bucket(AGAIN_RATE, AGAIN_BURST, time.monotonic())
        self._held_back = 0.0
        """Time when something was held back, `time.monotonic`; 0: nothing is."""

    def unsent(self) -> int:
        """Return the count of arrivals that are not looked at yet."""
        newest = self._core.replica.feeds.store.newest()
        seen = min(self._place.own, self._place.others) if self._relay else self._place.own
        return max(0, newest - seen)

    def take_duty(self, *, sole: bool) -> None:
        """Read the log from now on, and send what others wrote; `sole`: for the whole site."""
        self._sole = sole
        if not self._duty.is_set():
            # What came while another one read was not seen in the log here.
            self._level.clear()
            self._duty.set()

    def leave_duty(self) -> None:
        """Leave that to another node of the site from now on; own events are sent as before."""
        self._duty.clear()

    def taken(self) -> tuple[str, Ranges]:
        """Return the log's name, and its newest numbers taken in."""
        return self._place.made, self._place.taken()[-MOST_RANGES:]

    def newest_arrival(self) -> int:
        """Return the number of the newest arrival."""
        return self._core.replica.feeds.store.newest()

    def newest(self) -> tuple[bytes, int]:
        """Return feed and number of the newest arrival; no feed where there is none."""
        store = self._core.replica.feeds.store
        found, _ = store.after(store.newest() - 1, max_bytes=1, not_from="")
        return (found[-1].feed, found[-1].seq) if found else (b"", 0)

    def holds(self, feed: bytes, seq: int) -> bool:
        """Return True when an entry is here, or none is named."""
        feeds = self._core.replica.feeds
        return not feed or feeds.at(feeds.get(feed), seq) is not None

    async def trust(self, made: str, read: Ranges, arrival: int) -> None:
        """Note what another node of the site has read and sent.

        Args:
            made: Names the log.
            read: Numbers that it read; what they hold came by gossip.
            arrival: Arrivals here up to this number it has seen to.

        Raises:
            BrokerError: the log cannot be looked at.

        """
        place = self._place
        if place.made != made:
            await self._look()
        if place.made == made and not self._duty.is_set():
            place.trust(read, arrival)
            if not self._level.is_set():
                await self._look_for_own()
            # It may have become this node's duty meanwhile, or the log another one.
            if place.made == made and not self._duty.is_set():
                self._level.set()

    async def _look_for_own(self) -> None:
        """Note the own events in a log of which nothing is known.

        They are sent in order, so the last one of a feed shows those before it.
        """
        if self._place.own > self._place.anew:
            return
        core = self._core
        for record in core.replica.feeds.store.feeds():
            if record.feed.startswith(core.identity.key):
                found = await self._log.newest(topic_of(record.feed))
                entry = _entry(found.data) if found is not None else None
                if entry is not None and entry.feed == record.feed and self._is_here(entry):
                    self._shown[entry.feed] = [(1, entry.seq)]

    async def sample(self, seconds: float) -> bool:
        """Look whether the log's newest message comes here in time.

        Raises:
            BrokerError: the log cannot be read.

        """
        extent = await self._log.extent()
        found = await self._log.at(extent.last) if extent.last >= extent.first else None
        entry = _entry(found.data) if found is not None else None
        if entry is None or not self._core.replica.signatures.right(entry):
            return True
        await asyncio.sleep(seconds)
        if self._is_here(entry):
            return True
        # Taken in as from a peer, it is new here only where somebody has left it out.
        return not self._core.take([signed(entry)], SENDER).stored

    def distrust(self) -> None:
        """Read everything that another node of the site said it had read."""
        self._place.trusted = []

    async def read(self) -> None:
        """Read the log, newest first, and then what comes.

        Raises:
            BrokerError: it cannot be read.

        """
        await self._look()
        while True:
            if not self._duty.is_set():
                self._core.carried, self.unread = False, 0
                await self._duty.wait()
                await self._look()
            self._read_again()
            missing = self._place.missing(self._extent.first, self._extent.last)
            self.unread = intervals.size(missing)
            if missing:
                await self._read_window(*missing[-1])
                # The newest are seen, and the rest goes into the log first.
                self._begun = True
                if time.monotonic() - self._looked > LOOK_S:
                    await self._look()
                continue
            while await self._core.keep_up():
                pass
            self._begun = False
            self._level.set()
            self._core.carried = True
            first = self._extent.last + 1
            messages = await self._log.read(first)
            if messages:
                self._extent = replace(self._extent, last=max(first, messages[-1].seq))
                await self._take(first, messages, news=True)
            else:
                await self._look()

    async def send(self, sent: Sent, *, own: bool) -> None:
        """Send what the log lacks: of this device, or of others. They do not wait for each other.

        Raises:
            BrokerError: it does not take it.

        """
        place, core = self._place, self._core
        while True:
            # What the log has is known once it is read.
            await self._level.wait()
            if not own and not self._duty.is_set():
                await self._duty.wait()
                continue
            event, made = core.bell.event, place.made
            cursor = place.own if own else place.others
            entries, end = self._lacking(cursor, own=own)
            if entries and not own:
                await asyncio.sleep(SOLE_S if self._sole else RELAY_S * core.rng.random())
                entries = [entry for entry in entries if not self._has(entry)]
            if entries:
                await self._append(entries)
                sent()
            # The log may have been made anew meanwhile.
            if place.made != made or not self._level.is_set():
                continue
            if own:
                place.own = max(place.own, end)
            else:
                place.others = max(place.others, end)
            if end == cursor:
                await event.wait()

    async def _look(self) -> None:
        extent, self._looked = await self._log.extent(), time.monotonic()
        store = self._core.replica.feeds.store
        if self._place.follow(extent.made, store.index, store.newest()):
            self._level.clear()
            self._core.carried = False
            self._shown.clear()
        self._extent = extent
        self._place.bound(extent.last)

    def _read_again(self) -> None:
        """Read refused and early entries again when that may help.

        Another policy, another clock or some time may change the judgment.
        """
        now = time.monotonic()
        late = self._held_back and now - self._held_back > HELD_BACK_S
        changed, self._demand = self._demand != self._core.demand, self._core.demand
        if self._place.doubtful and (changed or late) and self._again.grant(1, now):
            self._held_back = 0.0
            self._place.read_again()

    async def _read_window(self, first: int, last: int) -> None:
        at, made = max(first, last - WINDOW + 1), self._place.made
        while at <= last:
            messages = await self._log.read(at)
            if not messages:
                # Looked at anew, the log finds out that its reader is dead.
                await self._look()
                if self._place.made != made:
                    return
                messages = await self._log.read(at)
            if messages:
                await self._take(at, messages)
                at = messages[-1].seq + 1
                continue
            # Silence is no sign that they were deleted, and what counts as read is never asked for.
            for number in range(last, at - 1, -1):
                if await self._log.at(number) is not None:
                    raise BrokerError("it does not give what it has")
            self._place.took(at, last)
            return

    async def _take(self, first: int, messages: Sequence[Message], *, news: bool = False) -> None:
        """Take in messages as a peer's, and note what the log has. `news`: they came just now."""
        core = self._core
        spent, late = 0.0, 0.0
        doubtful: list[int] = []
        found = [(one.seq, entry) for one in messages if (entry := _entry(one.data)) is not None]
        for at in range(0, len(found), PART):
            numbered = dict(found[at : at + PART])
            part = list(numbered.values())
            right = core.replica.signatures.right
            later = self._begun and not news
            outcome = core.take([signed(entry) for entry in part], SENDER, later=later)
            # A peer that sends wrong entries is left; here an honest one may be behind it. So each
            # has to show its own signature.
            if outcome.bad:
                good = [signed(entry) for entry in part if right(entry)]
                outcome += core.take(good, SENDER, later=later)
            if outcome.future and not self._held_back:
                self._held_back = time.monotonic()
            stored = {entry.signature for entry in outcome.stored}
            for number, entry in numbered.items():
                if entry.signature in stored or self._is_here(entry):
                    self._note(entry)
                elif (outcome.refused or outcome.future) and right(entry):
                    doubtful.append(number)
            spent += cost_of_waste(len(part) - len(outcome.stored)) + cost_of_rows(len(part))
            # As between peers, catching up with a storm costs nobody a wait (limits.py).
            late = max(late, core.wait_after(outcome) if news else 0.0)
            await asyncio.sleep(0)
            while later and await core.keep_up(but=MOST_UNREAD):
                pass
        # Only now: what was not stored must be read again after a crash.
        self._place.took(first, messages[-1].seq, doubtful)
        spent += sum(cost_of_bytes(one.data) for one in messages)
        rest = min(MAX_WAIT_S, max(late, core.owes(SENDER, spent)))
        await asyncio.sleep(rest)
        # After a rest the newest come first.
        if rest > LATE_S:
            await self._look()

    def _lacking(self, cursor: int, *, own: bool) -> tuple[list[Entry], int]:
        """Return the arrivals after a cursor that the log lacks.

        As far as it is known to. The second value is the next cursor.
        """
        # What a log brought is in it, unless it is another log now.
        brought = SENDER if cursor >= self._place.anew else ""
        entries, end = self._core.replica.feeds.store.after(
            cursor, max_bytes=BATCH_BYTES, not_from=brought
        )
        wanted = [
            entry
            for entry in entries
            if (entry.device == self._core.device) is own
            # A log that drops the old would only drop newer ones for it.
            and hlc_time(entry.hlc) >= self._extent.since
            and not self._has(entry)
        ]
        return wanted, end

    async def _append(self, entries: Sequence[Entry]) -> None:
        await append(self._log, [_message(entry) for entry in entries])
        for entry in entries:
            self._note(entry)

    def _is_here(self, entry: Entry) -> bool:
        feeds = self._core.replica.feeds
        held = feeds.at(feeds.get(entry.feed), entry.seq)
        return held is not None and (held.body, held.signature) == (entry.body, entry.signature)

    def _has(self, entry: Entry) -> bool:
        return intervals.contains(self._shown.get(entry.feed, []), entry.seq)

    def _note(self, entry: Entry) -> None:
        self._shown[entry.feed] = intervals.add(
            self._shown.get(entry.feed, []), entry.seq, entry.seq
        )


def topic_of(feed: bytes) -> str:
    """Return the topic of a feed, `DEVICE.EPOCH`: a broker can give a device only its own."""
    return f"{device_id(feed[:KEY_BYTES])}.{feed[KEY_BYTES:].hex()}"


def _message(entry: Entry) -> Outgoing:
    return Outgoing(topic_of(entry.feed), entry.signature + entry.body, entry.id)


def _entry(data: bytes) -> Entry | None:
    """Parse a message; None for what is no entry."""
    # Before anything else of it is looked at.
    if not SIGNATURE_BYTES < len(data) <= SIGNATURE_BYTES + MAX_BODY:
        return None
    try:
        return parse_entry(data[SIGNATURE_BYTES:], data[:SIGNATURE_BYTES])
    except MalformedEntryError:
        return None

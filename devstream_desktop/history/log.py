"""Log of signed entries, in order of arrival. The one writer of a history.

Heads and gaps are derived from the rows when the history is opened and never kept twice. Calls are
synchronous and short; the node makes them on its loop's thread. Own entries are on the disk
(synchronous=FULL) before anybody else sees them; others can be fetched again, so for them the
write-ahead log is enough.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import starmap
from pathlib import Path

from devstream_desktop.history import shares
from devstream_desktop.history.arrivals import Arrivals
from devstream_desktop.history.epoch import FeedMirror, new_epoch, place_of
from devstream_desktop.history.feeds import Feeds
from devstream_desktop.history.lines import Lines
from devstream_desktop.history.quarantine import Quarantine
from devstream_desktop.history.space import give_back, used_bytes
from devstream_desktop.history.unread import Unread
from devstream_desktop.history.writer import Writer
from devstream_desktop.stream.entry import EPOCH_BYTES, Entry
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.log import INDEX_BYTES, Arrival, FeedRecord

_log = logging.getLogger(__name__)


class History(Writer):
    """A history open for writing. There is at most one a home; the control socket sees to that."""

    def __init__(self, path: Path, mirror: FeedMirror, device: bytes, team: str) -> None:
        """Open or make the database at `path`.

        `device` is this device's public key, `team` its team's id.

        Raises:
            HistoryError: it is damaged, from a newer version, or the disk is full.
        """
        self._mirror = mirror
        self._device = device
        self._team = team
        super().__init__(path)

    def _derive(self) -> None:
        """Begin a session, and derive what is kept in memory."""
        with self._transaction():
            self._set_meta("team", self._team.encode())
            self._index = self._begin_session()
        with self._transaction():
            self._feeds = Feeds(self._connection)
            self._arrivals = Arrivals(self._connection, self._feeds)
            self._quarantine = Quarantine(self._connection)
            self._lines = Lines(self._connection)
            self._unread = Unread(self._connection, self._lines)
            # A node shows and does nothing before it has read what it holds.
            while self._unread:
                while not self._unread.step(on=True):
                    pass
                self._unread.finish()
            self._lines.rebuild_if_outdated()
            self._quarantine.clear_feeds()
            while (
                list(starmap(self._lines.entry, self._quarantine.heads()))
                and self._lines.unreadable
            ):
                self._set_aside()
        self._place = place_of(self._path)
        self._epoch = self._choose_epoch()

    @property
    def index(self) -> bytes:
        """16 random bytes that name this numbering of arrivals.

        They are new for a new or uncleanly stopped database.
        """
        return self._index

    @property
    def quarantined(self) -> str:
        """Sentence on what could not be read and was set aside; empty for nothing."""
        return self._quarantine.told

    @property
    def epoch(self) -> bytes:
        """Epoch (8 bytes) of the feed that this device appends to now."""
        return self._epoch

    def renew_epoch(self) -> bytes:
        """Begin a new feed of this device; returns its epoch."""
        epoch = new_epoch()
        self._mirror.remember(epoch, 0, self._place)
        with self._transaction():
            self._set_meta("epoch", epoch)
        self._epoch = epoch
        return epoch

    def feeds(self) -> list[FeedRecord]:
        """List every feed, frozen ones too, with its runs of held numbers."""
        return self._feeds.records()

    def newest(self) -> int:
        """Return the newest arrival number ever given; 0 for an empty log."""
        return self._arrivals.newest

    def add(
        self, arrivals: Sequence[Arrival], *, durable: bool = False, later: bool = False
    ) -> int:
        """Store arrivals in this order, in one transaction; returns the newest arrival number.

        It is committed on return. What is held already is skipped. With `durable` the disk has it
        too. With `later` their lines are made by `keep_up`; those of all that comes meanwhile too.

        Raises:
            HistoryFullError: the disk is full; nothing of this call was stored.
            HistoryError: the disk fails.
        """
        self.reserve.require()
        feed = self._device + self._epoch
        # The mirror first: a crash in between then costs an epoch, not a number used twice.
        own = [arrival.entry.seq for arrival in arrivals if arrival.entry.feed == feed]
        if own:
            with self._disk():
                self._mirror.remember(self._epoch, max(own), self._place, stored=min(own) - 1)
        with self._transaction(durable=durable):
            stored = self._arrivals.insert(arrivals)
            if later or self._unread:
                self._unread.begin(stored, self._device)
            else:
                self._lines.add([(lsn, arrival.entry) for lsn, arrival in stored])
        self._arrivals.stored(stored)
        with self._disk():
            self._lines.index.keep_up()
        return self._arrivals.newest

    def seen(self) -> int:
        """Return the newest arrival number up to which readers see all."""
        return self.newest() - self.unread

    @property
    def unread(self) -> int:
        """Arrivals whose lines nobody can see yet; those of them that expired are counted too."""
        return self._arrivals.newest + 1 - self._unread.first if self._unread else 0

    def keep_up(self, *, but: int = 0) -> bool:
        """Make some lines while more than `but` entries are unread; tells whether it did.

        A step takes about 15 ms.

        Raises:
            HistoryFullError: the disk is full; what was not committed is made again later.
        """
        # What is left of a full disk is for what makes room.
        if self.unread <= but or self.reserve.full:
            return False
        self._read_on(on=True)
        return True

    def show(self) -> bool:
        """Take a step towards the commit of lines that were begun; tells whether there are any.

        Whatever else is written would commit them in one long step.

        Raises:
            HistoryFullError: as `keep_up`.
        """
        if not self._unread.read:
            return False
        self._read_on(on=False)
        return True

    def _read_on(self, *, on: bool) -> None:
        with self._step_of_group():
            full = self._unread.step(on=on)
        if full:
            self._end_group()

    def entry(self, feed: bytes, seq: int) -> Entry | None:
        """One held entry, or the tip when `seq` is its number."""
        with self._disk():
            row = self._connection.execute(
                "SELECT lsn, body, signature FROM log WHERE feed = ? AND seq = ?",
                (self._feeds.known_id(feed), seq),
            ).fetchone()
            if row is not None:
                return self._lines.entry(*row)
            found = self._feeds.tip(feed)
        return found if found is not None and found.seq == seq else None

    def entries(
        self, feed: bytes, first: int, last: int, *, newest_first: bool, max_bytes: int
    ) -> list[Entry]:
        """List the held entries numbered `first` to `last`.

        At least one when there is any, then as many as fit `max_bytes`.
        """
        with self._disk():
            return self._feeds.entries(
                feed,
                (first, last),
                self._lines.entry,
                newest_first=newest_first,
                max_bytes=max_bytes,
            )

    def after(
        self, lsn: int, *, max_bytes: int, not_from: str, but: bytes = b""
    ) -> tuple[list[Entry], int]:
        """List the arrivals after `lsn` in order, and the place after.

        Frozen feeds are left out, as is what the device `not_from` sent, and the feed `but`.
        """
        with self._disk():
            return self._arrivals.after(
                lsn, self._lines.entry, max_bytes=max_bytes, not_from=not_from, but=but
            )

    def settle(self, feed: bytes, floor: int, tip: Entry | None) -> None:
        """Settle the numbers up to `floor`: forget their rows and lines.

        `tip` is kept; None leaves the one there is.
        """
        self._arrivals.forget_recent()
        with self._transaction():
            self._lines.remove(self._feeds.settle(feed, floor, tip))

    def drop(self, feed: bytes) -> None:
        """Forget a feed of which no rows are left."""
        with self._transaction():
            self._feeds.delete(feed)
        self._feeds.forget(feed)

    def freeze(self, feed: bytes, proof: tuple[Entry, Entry]) -> None:
        """Keep the two entries that cannot both be honest; the feed's rows stay for display."""
        with self._transaction():
            feed_id = self._feeds.prove(feed, proof)
        self._feeds.frozen.add(feed_id)

    def proofs(self) -> dict[bytes, tuple[Entry, Entry]]:
        """Return the proof of each frozen feed."""
        return self._feeds.proofs()

    def verified(self, feed: bytes, seqs: Sequence[int]) -> None:
        """Note that the signatures of these entries were checked."""
        # One that is not noted is checked again after the next start.
        with self._any_transaction():
            self._feeds.verified(feed, seqs)

    def knows(self, fact: bytes) -> bool:
        """Tell whether a row tells the fact (`stream.fact.fact_id`), or will.

        One that is struck out tells nothing: whoever sees the fact again has news.
        """
        told = "SELECT 1 FROM lines WHERE key = ? AND run >= 0"
        return self._unread.tells(fact) or (
            self._connection.execute(told, (fact,)).fetchone() is not None
        )

    def past(self, event: Event) -> list[Event]:
        """Return the last words about the event's subject, newest work first.

        For a build, a test and a deploy that is its run; for the others the subject.
        """
        with self._disk():
            return self._lines.past(event)

    def told(self, fact: bytes) -> Event | None:
        """Return the event of a fact (`stream.fact.fact_id`); None where no row tells it."""
        with self._disk():
            return self._lines.told(fact)

    def follow(self, people: Mapping[str, str], ends: Mapping[bytes, int]) -> None:
        """Show rows as the policy has it now.

        `people` is the person behind each device, which rows show as their author. `ends` is where
        the feeds of devices that were put out end: the last number that is vouched for, by feed, or
        by device key for its other feeds. What is beyond stays in the log, and its rows are struck
        out.
        """
        with self._transaction():
            self._connection.execute("DELETE FROM people")
            self._connection.executemany("INSERT INTO people VALUES (?, ?)", sorted(people.items()))
            self._lines.strike(ends)

    def tend(self) -> bool:
        """Take one step of upkeep, about 10 ms; tells whether there is more to do.

        It reads rows of an earlier version again, merges the index and gives freed space back.
        What was met since the last step and cannot be read is set aside.
        """
        if self._lines.unreadable:
            with self._transaction():
                self._set_aside()
        if self._lines.waiting:
            with self._transaction():
                self._lines.read_again()
            with self._disk():
                self._lines.index.keep_up()
            return True
        if self.keep_up():
            return True
        if self._feeds.holdings.is_old(self._arrivals.newest):
            with self._transaction():
                self._feeds.holdings.write(self._arrivals.newest)
            return True
        with self._disk():
            if self._lines.index.merge() or self._lines.index.weed(tight=self.too_large):
                return True
            return give_back(self._connection)

    @property
    def too_large(self) -> bool:
        """Tell whether the history is larger than it may be (shares.py)."""
        with self._disk():
            return used_bytes(self._connection) > shares.MOST_BYTES

    def close(self) -> None:
        """Note the clean stop and close; afterwards nothing may be called."""
        try:
            if not self.damaged:
                with self._transaction(durable=True):
                    self._feeds.holdings.write(self._arrivals.newest)
                    self._set_meta("clean", b"1")
                with suppress(OSError):
                    last = self._feeds.head(self._device + self._epoch)
                    self._mirror.remember(self._epoch, last, self._place, stored=last)
        finally:
            self._connection.close()

    def _begin_session(self) -> bytes:
        """Begin a numbering of arrivals; returns its index.

        Numbers given after the last commit that reached the disk may be given again after a crash:
        then the index is new.
        """
        clean = self._meta("clean") == b"1"
        index = self._meta("index")
        # After a crash numbers may be given again, so cursors into the old numbering end.
        if not isinstance(index, bytes) or len(index) != INDEX_BYTES or not clean:
            index = secrets.token_bytes(INDEX_BYTES)
            self._set_meta("index", index)
        self._set_meta("clean", b"0")
        return index

    def _set_aside(self) -> None:
        """Move what was met and cannot be read out of the log; its lines go too."""
        for lsn in sorted(self._lines.unreadable):
            self._lines.remove(self._quarantine.take(lsn))
        self._lines.unreadable.clear()
        self._arrivals.forget_recent()
        _log.warning("%s", self._quarantine.told)

    def _choose_epoch(self) -> bytes:
        epoch = self._meta("epoch")
        if not isinstance(epoch, bytes) or len(epoch) != EPOCH_BYTES:
            return self.renew_epoch()
        feed = self._device + epoch
        if (
            self._mirror.describes(epoch, self._feeds.head(feed), self._place)
            and self._feeds.known_id(feed) not in self._feeds.frozen
        ):
            return epoch
        return self.renew_epoch()

    def lacking(self, epoch: bytes, last: int) -> int:
        """Count this device's numbers up to `last`, neither held nor settled."""
        return self._feeds.lacking(self._device + epoch, last)

    def _forget_uncommitted(self) -> None:
        """Ids that a rolled-back transaction gave out are not in the database."""
        # The epoch is chosen last: before that, opening itself was rolled back.
        if hasattr(self, "_epoch"):
            self._feeds.read_ids()
            self._arrivals.read_senders()
            self._lines, self._quarantine = Lines(self._connection), Quarantine(self._connection)
            self._unread.begin_again(self._lines)

    def _finish_group(self) -> None:
        self._unread.finish()

"""Log of signed entries, in order of arrival. The one writer of a history.

Heads and gaps are derived from the rows when the history is opened and never kept twice. Calls are
synchronous and short; the node makes them on its loop's thread. Own entries are on the disk
(synchronous=FULL) before anybody else sees them; others can be fetched again, so for them the
write-ahead log is enough.
"""

from __future__ import annotations

import logging
import secrets
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from itertools import islice, starmap
from pathlib import Path

import msgspec

from devstream_desktop.history import shares
from devstream_desktop.history.epoch import FeedMirror, new_epoch, place_of
from devstream_desktop.history.lines import Lines
from devstream_desktop.history.quarantine import Quarantine, stored_entry, stored_proof
from devstream_desktop.history.writer import Writer
from devstream_desktop.stream.entry import EPOCH_BYTES, Entry
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.log import INDEX_BYTES, Arrival, FeedRecord

_READ_AHEAD = 4096
_RECENT = 512
"""Newest arrivals kept in memory too.

With seven links each event is looked for some fifteen times, by whoever passes it on.
"""
_SPARE_PAGES = 512
"""Of 4 KiB: free pages that are kept for the next rows."""
_VACUUM_PAGES = 16
"""Given back in one step."""

_log = logging.getLogger(__name__)


class History(Writer):
    """A history open for writing. There is at most one a home; the control socket sees to that."""

    def __init__(self, path: Path, mirror: FeedMirror, device: bytes, team: str) -> None:
        """Open or make the database at `path`.

        `device` is this device's public key, `team` its team's id.

        `device` is the public key of this device.

        `team` is the id of its team.

        Raises:
            HistoryError: it is damaged, from a newer version, or the disk is full.
        """
        self._mirror = mirror
        self._device = device
        self._team = team
        super().__init__(path)

    def _derive(self) -> None:
        """Begin a session, and derive what is kept in memory."""
        self._recent: deque[tuple[int, int, int, Entry]] = deque(maxlen=_RECENT)
        with self._transaction():
            self._set_meta("team", self._team.encode())
            self._index = self._begin_session()
        with self._transaction():
            self._quarantine = Quarantine(self._connection)
            self._lines = Lines(self._connection)
            self._lines.rebuild_if_outdated()
            self._quarantine.clear_feeds()
            while (
                list(starmap(self._lines.entry, self._quarantine.heads()))
                and self._lines.unreadable
            ):
                self._set_aside()
        self._feed_ids: dict[bytes, int] = {
            feed: row_id for row_id, feed in self._connection.execute("SELECT id, feed FROM feeds")
        }
        self._frozen: set[int] = {
            row_id
            for (row_id,) in self._connection.execute(
                "SELECT id FROM feeds WHERE proof IS NOT NULL"
            )
        }
        self._sender_ids: dict[str, int] = {
            device: row_id
            for row_id, device in self._connection.execute("SELECT id, device FROM senders")
        }
        self._newest: int = self._connection.execute(
            "SELECT COALESCE(MAX(seq), 0) FROM sqlite_sequence WHERE name = 'log'"
        ).fetchone()[0]
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
        runs: dict[int, list[tuple[int, int]]] = {}
        # Numbers minus their rank are equal inside an unbroken run.
        query = (
            "SELECT feed, MIN(seq), MAX(seq) FROM"
            " (SELECT feed, seq, seq - ROW_NUMBER() OVER (PARTITION BY feed ORDER BY seq) AS run"
            " FROM log)"
            " GROUP BY feed, run ORDER BY feed, 2"
        )
        for feed, first, last in self._connection.execute(query):
            runs.setdefault(feed, []).append((first, last))
        rows = self._connection.execute(
            "SELECT id, feed, floor, tip_body, tip_signature, proof IS NOT NULL FROM feeds"
        ).fetchall()
        return [
            FeedRecord(
                feed,
                floor,
                stored_entry(body, signature),
                bool(frozen),
                tuple(runs.get(row_id, ())),
            )
            for row_id, feed, floor, body, signature, frozen in rows
        ]

    def newest(self) -> int:
        """Return the newest arrival number ever given; 0 for an empty log."""
        return self._newest

    def add(self, arrivals: Sequence[Arrival], *, durable: bool = False) -> int:
        """Store arrivals in this order, in one transaction; returns the newest arrival number.

        It is committed on return.

        What is held already is skipped. With `durable` the disk has it too.

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
            stored = self._insert_new(arrivals)
            self._lines.add([(lsn, arrival.entry) for lsn, arrival in stored])
        # Only after the commit: a failed one gave out no numbers.
        self._newest += len(stored)
        self._recent.extend(
            (lsn, self._feed_id(a.entry.feed), self._sender_id(a.sender), a.entry)
            for lsn, a in stored
        )
        with self._disk():
            self._lines.index.keep_up()
        return self._newest

    def _insert_new(self, arrivals: Sequence[Arrival]) -> list[tuple[int, Arrival]]:
        """Put in the entries that are not held, each once.

        Returns them with their arrival numbers.
        """
        numbered = list(enumerate(arrivals, self._newest + 1))
        done = self._connection.executemany(
            "INSERT INTO log (lsn, feed, seq, sender, verified, body, signature) VALUES (?, ?, ?,"
            " ?, ?, ?, ?)"
            " ON CONFLICT (feed, seq) DO NOTHING",
            [
                (
                    lsn,
                    self._feed_id(a.entry.feed),
                    a.entry.seq,
                    self._sender_id(a.sender),
                    a.verified,
                    a.entry.body,
                    a.entry.signature,
                )
                for lsn, a in numbered
            ],
        )
        # Nearly always all are new.
        if not numbered or done.rowcount == len(numbered):
            return numbered
        # Once more without those that are held, because arrival numbers have no gaps.
        new = {
            lsn
            for (lsn,) in self._connection.execute(
                "SELECT lsn FROM log WHERE lsn > ?", (self._newest,)
            )
        }
        self._connection.execute("DELETE FROM log WHERE lsn > ?", (self._newest,))
        return self._insert_new([arrival for lsn, arrival in numbered if lsn in new])

    def entry(self, feed: bytes, seq: int) -> Entry | None:
        """One held entry, or the tip when `seq` is its number."""
        with self._disk():
            row = self._connection.execute(
                "SELECT lsn, body, signature FROM log WHERE feed = ? AND seq = ?",
                (self._feed_ids.get(feed, -1), seq),
            ).fetchone()
            if row is not None:
                return self._lines.entry(*row)
            tip = self._connection.execute(
                "SELECT tip_body, tip_signature FROM feeds WHERE feed = ? AND tip_body IS NOT NULL",
                (feed,),
            ).fetchone()
        found = stored_entry(*tip) if tip else None
        return found if found is not None and found.seq == seq else None

    def entries(
        self, feed: bytes, first: int, last: int, *, newest_first: bool, max_bytes: int
    ) -> list[Entry]:
        """List the held entries numbered `first` to `last`.

        At least one when there is any, then as many as fit `max_bytes`.
        """
        order = "DESC" if newest_first else "ASC"
        with self._disk():
            query = (
                "SELECT lsn, body, signature FROM log WHERE feed = ? AND seq BETWEEN ? AND ?"
                f" ORDER BY seq {order}"
            )
            with closing(
                self._connection.execute(query, (self._feed_ids.get(feed, -1), first, last))
            ) as rows:
                return _fitting(starmap(self._lines.entry, rows), max_bytes)

    def after(
        self, lsn: int, *, max_bytes: int, not_from: str, but: bytes = b""
    ) -> tuple[list[Entry], int]:
        """List the arrivals after `lsn`, and where to go on from.

        They come in order, without those of frozen feeds.

        Frozen feeds are left out.

        Those that the device `not_from` sent, and those of the feed `but`, are passed over.
        """
        # Own entries have the empty sender: they are news to everybody.
        sender = self._sender_ids.get(not_from, -1) if not_from else -1
        # Frozen feeds travel as their proofs.
        passed_over = {*self._frozen, self._feed_ids.get(but, -1)}
        found: list[Entry] = []
        size, position = 0, lsn
        for number, feed, row_sender, entry in self._arrivals(lsn):
            if entry is not None and row_sender != sender and feed not in passed_over:
                # At least one, or a large entry would end a stream for good.
                if found and size + len(entry.body) + len(entry.signature) > max_bytes:
                    break
                size += len(entry.body) + len(entry.signature)
                found.append(entry)
            position = number
        return found, position

    def _arrivals(self, lsn: int) -> Iterator[tuple[int, int, int, Entry | None]]:
        """Yield `(number, feed, sender, entry)` of arrivals after `lsn`.

        They are some thousands at most; without entry where it cannot be read.
        """
        if self._recent and self._recent[0][0] <= lsn + 1:
            yield from islice(self._recent, lsn + 1 - self._recent[0][0], None)
            return
        query = (
            "SELECT lsn, feed, sender, body, signature FROM log WHERE lsn > ? ORDER BY lsn LIMIT ?"
        )
        with self._disk(), closing(self._connection.execute(query, (lsn, _READ_AHEAD))) as cursor:
            for number, feed, sender, body, signature in cursor:
                yield number, feed, sender, self._lines.entry(number, body, signature)

    def settle(self, feed: bytes, floor: int, tip: Entry | None) -> None:
        """Settle the numbers up to `floor`: forget their rows and lines.

        `tip` is kept; None leaves the one there is.
        """
        self._recent.clear()
        with self._transaction():
            feed_id = self._feed_id(feed)
            rows = self._connection.execute(
                "SELECT lsn, body, signature FROM log WHERE feed = ? AND seq <= ?", (feed_id, floor)
            ).fetchall()
            self._lines.remove(rows)
            self._connection.execute(
                "DELETE FROM log WHERE feed = ? AND seq <= ?", (feed_id, floor)
            )
            self._connection.execute(
                "UPDATE feeds SET floor = MAX(floor, ?) WHERE id = ?", (floor, feed_id)
            )
            if tip is not None:
                self._connection.execute(
                    "UPDATE feeds SET tip_body = ?, tip_signature = ? WHERE id = ?",
                    (tip.body, tip.signature, feed_id),
                )

    def drop(self, feed: bytes) -> None:
        """Forget a feed of which no rows are left."""
        with self._transaction():
            self._connection.execute("DELETE FROM feeds WHERE feed = ?", (feed,))
        self._frozen.discard(self._feed_ids.pop(feed, -1))

    def freeze(self, feed: bytes, proof: tuple[Entry, Entry]) -> None:
        """Keep the two entries that cannot both be honest; the feed's rows stay for display."""
        packed = msgspec.msgpack.encode([(entry.body, entry.signature) for entry in proof])
        with self._transaction():
            feed_id = self._feed_id(feed)
            self._connection.execute("UPDATE feeds SET proof = ? WHERE id = ?", (packed, feed_id))
        self._frozen.add(feed_id)

    def proofs(self) -> dict[bytes, tuple[Entry, Entry]]:
        """Return the proof of each frozen feed."""
        found: dict[bytes, tuple[Entry, Entry]] = {}
        for feed, packed in self._connection.execute(
            "SELECT feed, proof FROM feeds WHERE proof IS NOT NULL"
        ):
            if (proof := stored_proof(packed)) is not None:
                found[feed] = proof
        return found

    def verified(self, feed: bytes, seqs: Sequence[int]) -> None:
        """Note that the signatures of these entries were checked."""
        with self._transaction():
            self._connection.executemany(
                "UPDATE log SET verified = 1 WHERE feed = ? AND seq = ?",
                [(self._feed_ids.get(feed, -1), seq) for seq in seqs],
            )

    def knows(self, fact: bytes) -> bool:
        """Tell whether there is a row of the fact (`stream.fact.fact_id`)."""
        return (
            self._connection.execute("SELECT 1 FROM lines WHERE key = ?", (fact,)).fetchone()
            is not None
        )

    def past(self, event: Event) -> list[Event]:
        """Return the last words about the event's subject, newest work first.

        For a build, a test and a deploy that is its run; for the others the subject.
        """
        with self._disk():
            return self._lines.past(event)

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

        It merges the index and gives freed space back.

        What was met since the last step and cannot be read is set aside.
        """
        if self._lines.unreadable:
            with self._transaction():
                self._set_aside()
        with self._disk():
            if self._lines.index.merge() or self._lines.index.weed():
                return True
            free = self._pragma("freelist_count")
            if free > _SPARE_PAGES:
                self._connection.execute(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})").fetchall()
            return free > _SPARE_PAGES + _VACUUM_PAGES

    @property
    def too_large(self) -> bool:
        """Tell whether the history is larger than it may be (shares.py)."""
        with self._disk():
            return (self._pragma("page_count") - self._pragma("freelist_count")) * self._pragma(
                "page_size"
            ) > shares.MOST_BYTES

    def _pragma(self, name: str) -> int:
        value: int = self._connection.execute(f"PRAGMA {name}").fetchone()[0]
        return value

    def close(self) -> None:
        """Note the clean stop and close; afterwards nothing may be called."""
        try:
            if not self.damaged:
                with self._transaction(durable=True):
                    self._set_meta("clean", b"1")
                with suppress(OSError):
                    last = self._own_head(self._epoch)
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
        self._recent.clear()
        _log.warning("%s", self._quarantine.told)

    def _choose_epoch(self) -> bytes:
        epoch = self._meta("epoch")
        if not isinstance(epoch, bytes) or len(epoch) != EPOCH_BYTES:
            return self.renew_epoch()
        feed = self._feed_ids.get(self._device + epoch)
        if (
            self._mirror.describes(epoch, self._own_head(epoch), self._place)
            and feed not in self._frozen
        ):
            return epoch
        return self.renew_epoch()

    def _own_head(self, epoch: bytes) -> int:
        """Return the largest number of this device's feed; 0 for none."""
        query = (
            "SELECT MAX(floor, COALESCE((SELECT MAX(seq) FROM log WHERE feed = feeds.id), 0)) FROM"
            " feeds WHERE feed = ?"
        )
        row = self._connection.execute(query, (self._device + epoch,)).fetchone()
        return row[0] if row else 0

    def lacking(self, epoch: bytes, last: int) -> int:
        """Count this device's numbers up to `last`, neither held nor settled."""
        query = (
            "SELECT MIN(floor, ?2), (SELECT COUNT(*) FROM log WHERE feed = feeds.id AND seq >"
            " floor AND seq <= ?2)"
            " FROM feeds WHERE feed = ?1"
        )
        floor, held = self._connection.execute(query, (self._device + epoch, last)).fetchone() or (
            0,
            0,
        )
        return max(0, last - floor - held)

    def _feed_id(self, feed: bytes) -> int:
        if feed not in self._feed_ids:
            self._feed_ids[feed] = self._insert("INSERT INTO feeds (feed) VALUES (?)", feed)
        return self._feed_ids[feed]

    def _sender_id(self, device: str) -> int:
        if device not in self._sender_ids:
            self._sender_ids[device] = self._insert(
                "INSERT INTO senders (device) VALUES (?)", device
            )
        return self._sender_ids[device]

    def _insert(self, sql: str, value: bytes | str) -> int:
        row_id: int = self._connection.execute(f"{sql} RETURNING id", (value,)).fetchone()[0]
        return row_id

    def _forget_uncommitted(self) -> None:
        """Ids that a rolled-back transaction gave out are not in the database."""
        if hasattr(self, "_feed_ids"):
            self._feed_ids = {
                feed: row_id
                for row_id, feed in self._connection.execute("SELECT id, feed FROM feeds")
            }
            self._sender_ids = {
                device: row_id
                for row_id, device in self._connection.execute("SELECT id, device FROM senders")
            }
            self._lines, self._quarantine = Lines(self._connection), Quarantine(self._connection)


def _fitting(entries: Iterable[Entry | None], max_bytes: int) -> list[Entry]:
    found: list[Entry] = []
    size = 0
    for entry in entries:
        if entry is None:
            continue
        size += len(entry.body) + len(entry.signature)
        if found and size > max_bytes:
            break
        found.append(entry)
    return found

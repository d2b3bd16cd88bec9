"""Lies in answers and requests: records, digests, proofs, clocks, and what is withheld."""

from __future__ import annotations

import msgspec
from strategy import DAY, HOUR, NUMBERS, Mouth, Strategy

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.wire import Pair, Place, Range, Record, SignedEntry
from devstream_desktop.stream.entry import EPOCH_BYTES, FEED_BYTES, HASH_BYTES, KEY_BYTES, MAX_HLC


class Numbers(Strategy):
    """Records with false heads, floors, gaps and hashes, also of invented feeds."""

    def records(self, records: list[Record]) -> list[Record]:
        return [
            self._changed(record) if self.rng.random() < 0.3 else record for record in records
        ] + self._invented()

    def frozen(self, feeds: list[bytes]) -> list[bytes]:
        return feeds + [record.feed for record in self._invented()]

    def _changed(self, record: Record) -> Record:
        number = self.rng.choice(NUMBERS)
        gaps = [
            tuple(self.rng.choice(NUMBERS) for _ in range(2)) for _ in range(self.rng.randrange(4))
        ]
        changes = (
            {"head": number},
            {"floor": number},
            {"head": number, "floor": number + 1},
            {"gaps": gaps},
            {"head_hash": self.rng.randbytes(HASH_BYTES)},
            {"head_hash": b""},
            {"head_hlc": number},
            {"head": record.head + 1, "head_hash": self.rng.randbytes(HASH_BYTES)},
        )
        return msgspec.structs.replace(record, **self.rng.choice(changes))

    def _invented(self) -> list[Record]:
        records = []
        for _ in range(self.rng.randrange(4)):
            known = self.rng.choice(self.feeds())
            feed = self.rng.choice(
                (
                    known,
                    known[:KEY_BYTES] + self.rng.randbytes(EPOCH_BYTES),
                    self.rng.randbytes(FEED_BYTES),
                )
            )
            records.append(
                self._changed(
                    Record(feed, 0, self.rng.choice(NUMBERS[1:]), bytes(HASH_BYTES), MAX_HLC, [])
                )
            )
        return records


class Withholds(Strategy):
    """A part of what it holds for some, and a part of what it lacks."""

    def __init__(self, liar: Mouth) -> None:
        super().__init__(liar)
        self.share = self.rng.choice((0.0, 0.1, 0.6))

    def entries(self, entries: list[SignedEntry]) -> list[SignedEntry]:
        return [entry for entry in entries if self.rng.random() < self.share]

    def wants(self, ranges: list[Range]) -> list[Range]:
        return [item for item in ranges if self.rng.random() < self.share]


class FalseDigests(Strategy):
    """Digests and summaries that are never equal, and pages without end."""

    def end(self, place: Place | None) -> Place | None:
        if self.rng.random() < 0.5:
            return place
        return self.rng.choice(
            (None, Place(self.rng.choice(NUMBERS), self.rng.randbytes(FEED_BYTES)))
        )

    def hashes(self, content: bytes) -> bytes:
        return self.rng.randbytes(len(content)) if self.rng.random() < 0.8 else content


class FalseProofs(Strategy):
    """Honest feeds as frozen, and proofs that prove nothing."""

    def frozen(self, feeds: list[bytes]) -> list[bytes]:
        return feeds + [feed for feed in self.feeds() if self.rng.random() < 0.3]

    def act(self) -> None:
        known = self.liar.known()
        if known:
            pairs = [Pair(self.rng.choice(known), self.rng.choice(known)) for _ in range(5)]
            self.liar.ask(self.rng.choice(self.liar.others()), wire.Proof(pairs, self.feeds()))


class FalseClock(Strategy):
    """A clock that is right for a while and then off, by as much as other liars' clocks."""

    def act(self) -> None:
        off = (2 * HOUR, 2 * HOUR, 2 * HOUR, -2 * HOUR, 9 * 60_000, 40 * DAY, -40 * DAY)
        self.liar.lie_ms = self.rng.choice((0, self.rng.choice(off)))


class Floods(Strategy):
    """Requests without end, for everything and for nothing."""

    def act(self) -> None:
        feeds = self.feeds()
        ranges = [
            Range(self.rng.choice(feeds), self.rng.choice(NUMBERS), self.rng.choice(NUMBERS))
            for _ in range(50)
        ]
        records = [
            Record(
                self.rng.choice(feeds),
                self.rng.choice(NUMBERS),
                self.rng.choice(NUMBERS),
                b"",
                MAX_HLC,
                [],
            )
            for _ in range(20)
        ]
        request = self.rng.choice(
            (
                wire.Fetch(ranges, wire.BATCH_BYTES),
                wire.Offer(records, feeds),
                wire.Proof([], feeds),
                wire.Digest(
                    self.rng.randbytes(wire.BUCKETS * wire.BUCKET_BYTES),
                    Place(self.rng.choice(NUMBERS), feeds[0]),
                ),
                wire.AskPolicy(
                    self.rng.choice(NUMBERS), [self.rng.randbytes(200) for _ in range(20)]
                ),
                wire.AskPeers(),
            )
        )
        for _ in range(10):
            self.liar.ask(self.rng.choice(self.liar.others()), request)

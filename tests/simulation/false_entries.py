"""Lies in entries: stamps, numbers, feeds and payloads, and others' entries once more."""

from __future__ import annotations

import msgspec
from raw_feed import nested
from strategy import DAY, HOUR, NUMBERS, Strategy

from devstream_desktop.mesh.wire import SignedEntry
from devstream_desktop.stream.entry import HASH_BYTES, MAX_HLC, SIGNATURE_BYTES, next_hlc
from devstream_desktop.stream.words import Kind

DEPTHS = (1, 15, 17, 100, 500, 900, 980, 1100, 1300)


class Stamps(Strategy):
    """Entries from ahead and from behind, within and beyond the limit."""

    def act(self) -> None:
        ahead = (
            1,
            1000,
            60_000,
            599_000,
            600_000,
            601_000,
            2 * HOUR,
            40 * DAY,
            -HOUR,
            -6 * DAY,
            -40 * DAY,
        )
        now = self.liar.now_ms()
        hlc = self.rng.choice(
            [next_hlc(0, max(1, now + each)) for each in ahead]
            + [1, MAX_HLC, ((now + 600_000) << 16) + 65_535]
        )
        feed = self.liar.new_feed() if self.rng.random() < 0.7 else None
        self.liar.spread(self.liar.author(self.lie(Kind.CLAIM, "claimed"), feed=feed, hlc=hlc))


class Equivocates(Strategy):
    """Two entries under one number, one for these and one for those."""

    def act(self) -> None:
        feed = self.liar.new_feed() if self.rng.random() < 0.5 else self.liar.feed
        one = self.liar.author(self.lie(Kind.CLAIM, "claimed", title="one"), feed=feed)
        prev = self.rng.choice((None, bytes(HASH_BYTES)))
        other = self.liar.author(
            self.lie(Kind.CLAIM, "claimed", title="other"), feed=feed, seq=feed.seq, prev=prev
        )
        others = self.liar.others()
        victims = self.rng.sample(others, len(others))
        half = len(victims) // 2
        self.liar.spread(one, to=victims[:half])
        self.liar.spread(other, to=victims[half:])


class ManyFeeds(Strategy):
    """A new epoch for each word, and numbers with gaps."""

    def act(self) -> None:
        for _ in range(self.rng.randrange(1, 12)):
            seq = self.rng.choice((1, 1, 2, 50, *NUMBERS[2:]))
            self.liar.spread(
                self.liar.author(
                    self.lie(Kind.CLAIM, "claimed"), feed=self.liar.new_feed(), seq=seq
                )
            )


class Poison(Strategy):
    """Payloads that nobody should decode."""

    def act(self) -> None:
        depth = nested(self.rng.choice(DEPTHS))
        claim = self.lie(Kind.CLAIM, "claimed")
        fields = msgspec.msgpack.decode(claim)
        fields[self.rng.randrange(len(fields))] = self.rng.choice(
            (None, -1, 1 << 63, [], {}, b"", 1.5, "x" * 3000, msgspec.Raw(depth))
        )
        payload = self.rng.choice(
            (
                depth,
                b"\xc1",
                b"\xdf\xff\xff\xff\xff",
                b"\x81" * 900 + b"\x01\x01",
                claim[:-3],
                msgspec.msgpack.encode(fields),
            )
        )
        self.liar.spread(
            self.liar.author(payload, version=self.rng.choice((1, 1, 2, 1 << 40, 0, -1)))
        )


class Replays(Strategy):
    """Others' entries once more, also long after; some spoilt by a bit or a signature."""

    def act(self) -> None:
        known = self.liar.known()
        if not known:
            return
        first = self.rng.randrange(len(known))
        batch = known[first : first + 30]
        if self.rng.random() < 0.3:
            at = self.rng.randrange(len(batch))
            body, place = bytearray(batch[at].body), self.rng.randrange(len(batch[at].body))
            body[place] ^= 1 << self.rng.randrange(8)
            batch[at] = SignedEntry(
                bytes(body), self.rng.choice((batch[at].signature, bytes(SIGNATURE_BYTES)))
            )
        self.liar.spread(*batch, to=[self.rng.choice(self.liar.others())])

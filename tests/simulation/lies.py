"""The ways in which a member can lie: small strategies with a seed, each of which a liar may have
for all of its life.

A strategy says things (`act`), and changes what its liar answers and asks over a link. Every entry
of a liar is well signed, with its own key; nothing else about it need be true.
"""

from __future__ import annotations

import contextlib
import random
from typing import Protocol

import msgspec
from raw_feed import RawFeed, event, nested

from devstream_desktop.deploy.request import answer_key, make_request, subject_of
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.wire import Pair, Place, Range, Record, SignedEntry
from devstream_desktop.stream.entry import (
    EPOCH_BYTES,
    FEED_BYTES,
    HASH_BYTES,
    KEY_BYTES,
    MAX_HLC,
    SIGNATURE_BYTES,
    MalformedEntryError,
    next_hlc,
    parse_entry,
)
from devstream_desktop.stream.event import (
    Event,
    InvalidEventError,
    decode_event,
    encode_event,
    fact_key,
    make_event,
)
from devstream_desktop.stream.words import STATES, Kind

SERVICE, ENVIRONMENT = "shop", "production"
"""The target and the environment that the team deploys."""
HOUR, DAY = 3_600_000, 86_400_000
TIMES = (0, 1, (1 << 47) - 1, 1 << 47, -1, (1 << 63) - 1)
"""The first moment, the year 6429, and what no field holds."""
NUMBERS = (0, 1, 2, 100, 1 << 31, (1 << 53) + 1, MAX_HLC - 1, MAX_HLC)
"""The last is the largest that a message can carry."""
DEPTHS = (1, 15, 17, 100, 500, 900, 980, 1100, 1300)


_OBSERVED = {
    Kind.CHANGE: ("pushed", "merged", "force-pushed"),
    Kind.BUILD: ("queued", "running", "succeeded", "failed"),
    Kind.TEST: ("succeeded", "failed"),
    Kind.DEPLOY: ("in_progress", "success", "failure", "inactive"),
    Kind.INCIDENT: ("firing", "resolved"),
    Kind.TICKET: ("opened", "closed"),
    Kind.SOURCE: ("silent", "active"),
}


def observed(rng: random.Random, number: int, time: int) -> Event:
    """Something that happens: anybody can foresee how the next is called."""
    kind = rng.choice(list(_OBSERVED))
    state = rng.choice(_OBSERVED[kind])
    environment = ENVIRONMENT if kind is Kind.DEPLOY else ""
    return make_event(
        kind=kind,
        state=state,
        service=SERVICE,
        subject=f"{kind}/shop/main",
        key=fact_key("shop", kind, str(number), state),
        time=time,
        number=str(number),
        environment=environment,
        actor=f"author {number}",
        title=f"{kind} {number} {state}",
    )


class Mouth(Protocol):
    """A liar as its strategies see it: in the simulation (liar.py), or with real sockets
    (hosts/lying_node.py).

    `others` stand for honest nodes; what they are is the mouth's own business.
    """

    rng: random.Random
    person: str
    device: str
    feed: RawFeed
    executor: str
    """The device that deploys are asked of."""
    lie_ms: int
    """The error of the clock that it tells its peers."""

    def now_ms(self) -> int:
        """The true time."""

    def new_feed(self) -> RawFeed:
        """Another of its own."""

    def author(
        self, payload: bytes, *, feed: RawFeed | None = None, **given: int | bytes | None
    ) -> SignedEntry:
        """An entry of its own, with anything in it."""

    def others(self) -> list[object]:
        """The nodes that it can speak to."""

    def spread(self, *entries: SignedEntry, to: list[object] | None = None) -> None:
        """Push these to some, or to all."""

    def ask(self, victim: object, request: wire.Request) -> None:
        """Make a request; the answer is not waited for."""

    def known(self) -> list[SignedEntry]:
        """The entries of honest members, as far as it heard them."""

    def members(self) -> list[tuple[str, str]]:
        """The person and device of each honest member."""

    def foresee(self) -> Event:
        """An event that a collector may tell next."""


class Strategy:
    """A way to lie. What is not overridden is the truth."""

    def __init__(self, liar: Mouth) -> None:
        self.liar, self.rng = liar, liar.rng

    def act(self) -> None:
        """Lie of oneself, when it is the liar's turn."""

    def records(self, records: list[Record]) -> list[Record]:
        return records

    def frozen(self, feeds: list[bytes]) -> list[bytes]:
        return feeds

    def entries(self, entries: list[SignedEntry]) -> list[SignedEntry]:
        return entries

    def hashes(self, content: bytes) -> bytes:
        """Of a digest or a summary."""
        return content

    def end(self, place: Place | None) -> Place | None:
        """Where a page of records ends."""
        return place

    def wants(self, ranges: list[Range]) -> list[Range]:
        return ranges

    # What strategies share.

    def heard(self) -> list[Event]:
        """The latest words of honest members that it knows."""
        events = []
        for item in self.liar.known()[-40:]:
            with contextlib.suppress(InvalidEventError, MalformedEntryError):
                events.append(decode_event(parse_entry(item.body, item.signature).payload))
        return events

    def feeds(self) -> list[bytes]:
        """Feeds of others, and one of nobody."""
        return [parse_entry(item.body, item.signature).feed for item in self.liar.known()[-20:]] + [
            self.rng.randbytes(FEED_BYTES)
        ]

    def somebody(self) -> str:
        """Some honest person."""
        return self.rng.choice(self.liar.members())[0]

    def lie(self, kind: Kind, state: str, **fields: object) -> bytes:
        """A word in its own name, but for what is given."""
        return event(
            kind,
            state,
            **{"time": self.liar.now_ms(), "actor": self.liar.person, "title": "a lie"} | fields,
        )


class ForeignKeys(Strategy):
    """Own words under the keys of others' facts, old and to come."""

    def act(self) -> None:
        heard = self.heard()
        about = self.rng.choice(heard) if heard and self.rng.random() < 0.6 else self.liar.foresee()
        key = about.key
        if about.kind is Kind.DEPLOY and about.request:
            key = answer_key(about.request, self.rng.choice(STATES[Kind.DEPLOY]))
        if self.rng.random() < 0.3:
            lie = self.lie(Kind.DUTY, "on", key=key, subject=f"duty/{self.liar.person}")
        else:
            state = self.rng.choice(STATES[Kind.CLAIM])
            lie = self.lie(
                Kind.CLAIM,
                state,
                key=key,
                subject=about.subject,
                number=about.number,
                request=about.request,
            )
        # Behind the fact, so that it is the earlier telling.
        behind = self.rng.choice((0, 0, 1, HOUR, DAY))
        self.liar.spread(self.liar.author(lie, hlc=next_hlc(0, self.liar.now_ms() - behind)))


class OthersNames(Strategy):
    """Words in others' names, and copies of words that take a role."""

    def act(self) -> None:
        person, device = self.rng.choice(self.liar.members())
        heard = self.heard()
        if heard and self.rng.random() < 0.5:
            copied = msgspec.structs.replace(
                self.rng.choice(heard), title="a lie", time=self.liar.now_ms()
            )
            mine = {"actor": self.liar.person}
            changes = (
                {},
                mine,
                mine | {"number": "7"},
                {"actor": person},
                {"kind": Kind.CLAIM, "state": "claimed"},
                {"number": ""},
                {"executor": self.liar.device},
            )
            lie = encode_event(msgspec.structs.replace(copied, **self.rng.choice(changes)))
        else:
            kind = self.rng.choice((Kind.DUTY, Kind.CLAIM, Kind.TEAM, Kind.BUILD))
            subject = f"duty/{person}" if kind is Kind.DUTY else f"member/{device}"
            lie = self.lie(
                kind,
                self.rng.choice(STATES[kind]),
                actor=person,
                subject=subject,
                executor=self.liar.device,
            )
        self.liar.spread(self.liar.author(lie))


class DeployWords(Strategy):
    """Deploy requests, answers and cancels that are not its to give."""

    def act(self) -> None:
        now, person = self.liar.now_ms(), self.rng.choice((self.liar.person, self.somebody()))
        asked = [heard for heard in self.heard() if heard.request]
        executor = self.rng.choice((self.liar.executor, self.liar.device))
        if asked and self.rng.random() < 0.5:
            about = self.rng.choice(asked)
            state = self.rng.choice(STATES[Kind.DEPLOY])
            key = self.rng.choice((answer_key(about.request, state), about.request))
            lie = msgspec.structs.replace(
                about,
                state=state,
                key=key,
                actor=person,
                executor=executor,
                time=now,
                title="a lie",
            )
            self.liar.spread(self.liar.author(encode_event(lie)))
            return
        asking = make_request(
            device=self.liar.device,
            person=self.liar.person,
            target=SERVICE,
            environment=ENVIRONMENT,
            ref="main",
            sha=f"{self.rng.getrandbits(160):040x}",
            executor=self.liar.executor,
            now=now,
        )
        changes = {"executor": executor} | self.rng.choice(({"actor": person}, {}))
        if asked and self.rng.random() < 0.7:
            taken = self.rng.choice(asked).request
            changes |= {
                "key": taken,
                "request": taken,
                "number": taken[:8],
                "subject": subject_of(SERVICE, ENVIRONMENT, taken),
            }
        self.liar.spread(
            self.liar.author(
                encode_event(msgspec.structs.replace(asking, **self.rng.choice((changes, {}))))
            )
        )


class FarTimes(Strategy):
    """Events that claim to be of another age than their entries."""

    def act(self) -> None:
        person = self.rng.choice((self.liar.person, self.somebody()))
        kind = self.rng.choice((Kind.DUTY, Kind.CLAIM))
        subject = f"duty/{person}" if kind is Kind.DUTY else "build/shop/main"
        far = {
            "time": self.rng.choice(TIMES),
            "expires": self.rng.choice(TIMES),
            "count": self.rng.choice(NUMBERS),
        }
        self.liar.spread(
            self.liar.author(self.lie(kind, STATES[kind][0], actor=person, subject=subject, **far))
        )


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


STRATEGIES: tuple[type[Strategy], ...] = (
    ForeignKeys,
    OthersNames,
    DeployWords,
    FarTimes,
    Stamps,
    Equivocates,
    ManyFeeds,
    Poison,
    Replays,
    Numbers,
    Withholds,
    FalseDigests,
    FalseProofs,
    FalseClock,
    Floods,
)

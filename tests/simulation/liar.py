"""A member that lies.

To its peers it looks like a node, and it knows all that a node knows; its strategies (lies.py) say
what it tells.
"""

from __future__ import annotations

import contextlib

from lies import STRATEGIES
from nodes import Node, fake_sign
from raw_feed import RawFeed
from strategy import Strategy, observed

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.replica.catalogue import Page, signed
from devstream_desktop.mesh.wire import MalformedMessageError, SignedEntry
from devstream_desktop.stream.entry import (
    Entry,
    MalformedEntryError,
    device_id,
    parse_entry,
    preamble,
)
from devstream_desktop.stream.event import Event


class Liar(Node):
    """Takes in everything, and passes on what it likes."""

    honest = False

    def __init__(self, number: int, key: bytes, rng, ledger, retention: int) -> None:
        super().__init__(number, key, rng, ledger, retention)
        self.device = device_id(key)
        self.person = self.executor = ""
        self.lie_ms = 0
        self.silent = False
        """It has left for good."""
        self._signs = fake_sign(key)
        self.feed = self.new_feed()
        self.strategies: list[Strategy] = []

    def join(self, world) -> None:
        """Decide how to lie."""
        self.world = world
        chosen = self.rng.sample(STRATEGIES, self.rng.choice((1, 2, 3, 5)))
        if world.strategy is not None and world.strategy not in chosen:
            chosen[0] = world.strategy
        self.strategies = [each(self) for each in chosen]
        self.person = world.standing.current.name_of(self.device)
        self.executor = world.executor.device
        world.note("node", self.number, "lies:", ", ".join(each.__name__ for each in chosen))

    @property
    def told_skew(self) -> int:
        return self.skew + self.lie_ms

    def clock(self, now: int) -> int:
        return now + self.skew + self.lie_ms

    def now_ms(self) -> int:
        """By which it stamps what it says: the true time."""
        return self.world.now

    def new_feed(self) -> RawFeed:
        return RawFeed(self.log.key, self.rng.randbytes(8), self._sign, self.now_ms)

    def author(self, payload: bytes, *, feed: RawFeed | None = None, **given) -> SignedEntry:
        """An entry of its own, with anything in it."""
        return (feed or self.feed).entry(payload, **given)

    def _sign(self, body: bytes) -> SignedEntry:
        made = SignedEntry(body, self._signs(preamble("t") + body))
        with contextlib.suppress(MalformedEntryError):  # then nobody takes it
            self.ledger.sign(parse_entry(made.body, made.signature))
        return made

    def others(self) -> list[Node]:
        return self.world.honest

    def known(self) -> list[SignedEntry]:
        return [
            signed(arrival.entry)
            for _, arrival in self.log.rows
            if self.ledger.is_honest(arrival.entry.feed)
        ]

    def members(self) -> list[tuple[str, str]]:
        return [(node.person, node.device) for node in self.world.honest]

    def foresee(self) -> Event:
        return observed(
            self.rng, len(self.world.speech.seen) + self.rng.randrange(4), self.now_ms()
        )

    def spread(self, *entries: SignedEntry, to=None) -> None:
        """Push these to some, or to all who are honest; and keep them, to be asked for."""
        for victim in self.others() if to is None else to:
            self._send(victim, lambda victim: victim.take([*entries], self.name, self.world.now))
        self.take(list(entries), "", self.world.now)

    def ask(self, victim: Node, request: wire.Request) -> None:
        """As mesh/answers.py answers it."""
        now = self.world.now

        def answer(victim: Node) -> None:
            replica = victim.replica
            match request:
                case wire.Fetch():
                    replica.catalogue.serve(request.ranges, request.size)
                case wire.Offer():
                    victim.want(request.records, now)
                    replica.wants.doubts(request.records)
                    replica.own.claims(request.frozen, self.name)
                    replica.wants.unproven(request.frozen)
                case wire.Proof():
                    victim.take_proofs(request.give, now)
                    replica.catalogue.proofs(request.ask)
                case wire.Digest():
                    replica.catalogue.page(
                        replica.feeds.digest.differing(request.buckets), request.after
                    )

        self._send(victim, answer)

    def _send(self, victim: Node, ask) -> None:
        """Have the victim do what a message of the liar's asks for."""

        def arrive() -> None:
            victim.look(self.world.now)
            with contextlib.suppress(OSError):  # its disk is full
                ask(victim)

        self.world.post(self, victim, arrive)

    def act(self) -> None:
        """Lie, in one of its ways."""
        if not self.silent:
            self.rng.choice(self.strategies).act()

    # As a node, without any of its promises.

    def start(self, now: int, *, clean: bool = False) -> None:
        if self.silent:
            return
        super().start(now, clean=clean)
        replica = self.replica
        digest = ToldDigest(self, replica.feeds.digest)
        catalogue = ToldCatalogue(self, replica.catalogue)
        self.replica = Told(
            self, replica, feeds=Told(self, replica.feeds, digest=digest), catalogue=catalogue
        )

    def look(self, now: int) -> None:
        self.now = now

    def meet(self, name: str, wall: int, skew: int, now: int) -> None:
        """It does not listen."""

    def publish(self, payloads: list[bytes], now: int) -> None:
        """Say nothing that an honest member would."""

    def prune(self, now: int, chunk: int = 3) -> None:
        """It keeps what others have forgotten."""

    def check(self) -> None:
        """Nobody relies on it."""

    def take(self, batch: list[SignedEntry], sender: str, now: int):
        return self.replica.rules.ingest(batch, sender, now)

    def take_proofs(self, pairs, now: int) -> None:
        self.replica.rules.absorb_proofs(pairs, now)

    def want(self, records, now: int):
        return self.tell("wants", self.replica.wants.want(records, now))

    def news(self, lsn: int, size: int, peer: str) -> tuple[list[Entry], int]:
        entries, end = super().news(lsn, size, peer)
        return self.tell_entries(entries), end

    def tell(self, what: str, truth):
        """The truth, as its strategies change it."""
        for strategy in self.strategies if not self.silent else ():
            truth = getattr(strategy, what)(truth)
        return truth

    def tell_entries(self, entries: list[Entry]) -> list[Entry]:
        return [
            parse_entry(item.body, item.signature)
            for item in self.tell("entries", [signed(entry) for entry in entries])
        ]


class Told:
    """A part of a liar's replica as its peers see it.

    Numbers that no message can carry end the link, as at the real ones.
    """

    def __init__(self, liar: Liar, part, **instead) -> None:
        self._liar, self._part = liar, part
        self.__dict__.update(instead)

    def __getattr__(self, name: str):
        return getattr(self._part, name)


class ToldCatalogue(Told):
    """Its records and entries."""

    def page(self, buckets, after=None, limit=wire.MAX_RECORDS):
        liar, page = self._liar, self._part.page(buckets, after, limit)
        records, frozen, end = (
            liar.tell("records", page.records),
            liar.tell("frozen", page.frozen),
            liar.tell("end", page.end),
        )
        told = over_the_wire(wire.Records(bytes(16), 0, [], records, frozen, end))
        return Page(told.records, told.frozen, told.end)

    def frozen_of(self, author):
        return self._liar.tell("frozen", self._part.frozen_of(author))

    def serve(self, ranges, max_bytes):
        return self._liar.tell_entries(self._part.serve(ranges, max_bytes))


class ToldDigest(Told):
    """Its hashes."""

    def buckets(self):
        return self._liar.tell("hashes", self._part.buckets())

    def summary(self):
        return self._liar.tell("hashes", self._part.summary())


def over_the_wire(message):
    """The message as it is decoded at the other end.

    Raises:
        MalformedMessageError: it cannot be.

    """
    try:
        return wire.decode_reply(wire.encode(message))
    except (OverflowError, ValueError) as error:
        raise MalformedMessageError(str(error)) from None

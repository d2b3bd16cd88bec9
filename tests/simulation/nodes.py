"""One node of the simulation: the product's rules over a log in memory, with a clock that may be wrong and a disk that may fail."""

from __future__ import annotations

import hashlib

from ledger import Ledger, hold_that, stored_right
from memory_log import MemoryLog

from devstream_desktop.mesh.clock import ClockWatch
from devstream_desktop.mesh.rules import FUTURE_MS, Outcome, Replica
from devstream_desktop.mesh.wire import Signed
from devstream_desktop.stream.entry import KEY_BYTES, SIGNATURE_BYTES, Entry, device_id, hlc_time, parse_entry, preamble

DAY = 86_400_000
PREAMBLE = len(preamble("t"))


def fake_sign(key):
    """A keyed hash in the place of Ed25519: the rules only ask whether it is right, and seeds run ten times as fast."""
    return lambda message: hashlib.blake2b(message, key=key, digest_size=SIGNATURE_BYTES).digest()


def fake_verify(key, message, signature):
    return hashlib.blake2b(message, key=key, digest_size=SIGNATURE_BYTES).digest() == signature


class Node:
    """A device while its world lasts; `boot` counts the lives of its process."""

    def __init__(self, number: int, key: bytes, rng, ledger: Ledger, retention: int) -> None:
        self.number, self.rng, self.ledger, self.retention = number, rng, ledger, retention
        self.skew = 0
        self.log = MemoryLog(key, rng)
        self.alive = True
        self.boot = 0
        self.strangers: set[bytes] = set()
        """Authors of whom its policy does not believe everything yet."""
        self.refused: set[tuple[bytes, int]] = set()
        """What that policy refused: not to be asked for again before there is another."""
        self.gone: set[tuple[bytes, int]] = set()
        """Numbers it settled: none may ever come back."""
        self.told: set[tuple[bytes, int]] = set()
        """Numbers its screen was told of: none may be told twice."""
        self.waiting: dict[tuple[bytes, int], int] = {}
        """Entries that came before their time, and when that is: not to be asked for again before."""
        self.fresh: list[tuple[bytes, int, bytes]] = []
        """What it signed and may not have stored yet."""
        self.shown: dict[bytes, int] = {}
        """The highest number of its own feed that a peer has told it of."""
        self.moved = 0
        """Entries and proofs that came in, to see when all is quiet."""

    def clock(self, now: int) -> int:
        return now + self.skew

    def start(self, now: int, *, clean: bool = False) -> None:
        """The process starts: all that is not in the log is forgotten."""
        self.boot += 1
        self.alive = True
        self.waiting.clear()
        self.refused.clear()
        self.shown.clear()
        self.name = device_id(self.log.key)
        self.log.open(clean=clean)
        sign = fake_sign(self.log.key)

        def note_and_sign(message: bytes) -> bytes:
            entry = parse_entry(message[PREAMBLE:], bytes(SIGNATURE_BYTES))
            hold_that(entry.seq > self.shown.get(entry.feed, 0), "used a number again that a peer had shown")
            if abs(self.skew) > DAY:
                self.ledger.strayed.add(entry.payload)
            self.fresh.append(self.ledger.sign(entry.body, entry.feed, entry.seq))
            return sign(message)

        self.replica = Replica(
            store=self.log,
            public_key=self.log.key,
            sign=note_and_sign,
            verify=fake_verify,
            team="t",
            refusal=self._refusal,
            retention_ms=self.retention,
            rng=self.rng,
        )
        self.watch = ClockWatch(self.replica.last_known)
        self.told = {(feed, seq) for feed, mine in self.log.held.items() for seq in mine}
        self.look(now)

    def _refusal(self, entry: Entry) -> str | None:
        if entry.feed[:KEY_BYTES] not in self.strangers or entry.payload[-1] % 2:
            return None
        self.refused.add((entry.feed, entry.seq))
        return "it may not say that"

    def look(self, now: int) -> None:
        """What the node does every second: watch its clock, and check some signatures."""
        self.watch.tick(self.clock(now), now)
        self.replica.keep_expired = bool(self.watch.doubt())
        self.replica.check_signatures(20)

    def publish(self, payloads: list[bytes], now: int) -> None:
        entries = self._stored(lambda: self.replica.publish(payloads, self.clock(now)))
        hold_that([entry.payload for entry in entries] == payloads, "published something else")
        hold_that(all(hlc_time(entry.hlc) <= self.clock(now) + FUTURE_MS for entry in entries), "published what nobody would take")
        self.ledger.acknowledge(self, entries)
        self.told |= {(entry.feed, entry.seq) for entry in entries}

    def take(self, batch: list[Signed], sender: str, now: int) -> Outcome:
        """Ingest, under the eyes of the ledger. A full disk raises, as in the product."""
        outcome = self._stored(lambda: self.replica.ingest(batch, sender, self.clock(now)))
        self._count(outcome, now)
        if outcome.future and not outcome.bad:
            for item in batch:
                entry = parse_entry(item.body, item.signature)
                if hlc_time(entry.hlc) > self.clock(now) + FUTURE_MS:
                    self.waiting[(entry.feed, entry.seq)] = hlc_time(entry.hlc) - FUTURE_MS
        return outcome

    def _stored(self, act):
        """Do what stores; a full disk undoes the signatures made for it."""
        self.fresh.clear()
        try:
            return act()
        except OSError:
            self.ledger.unsign(self.fresh)
            raise

    def take_proofs(self, pairs, now: int) -> None:
        self._count(self._stored(lambda: self.replica.absorb_proofs(pairs, self.clock(now))), now)
        self.moved += len(pairs)

    def _count(self, outcome: Outcome, now: int) -> None:
        hold_that(not outcome.bad or self.ledger.forgery, "found bad what is genuine")
        clock = self.clock(now)
        self.moved += len(outcome.stored) + outcome.expired
        for entry in outcome.stored:
            stored_right(self.ledger, self, entry, clock)
            hold_that(self.replica.keep_expired or hlc_time(entry.hlc) >= clock - self.retention, "stored an expired entry")
            self.told.add((entry.feed, entry.seq))

    def want(self, records, now: int):
        """What it asks a peer with these records for."""
        for record in records:
            if record.feed == self.replica.own_feed:
                self.shown[record.feed] = max(record.head, self.shown.get(record.feed, 0))
        known = {state.feed for state in self.replica.states()}
        self.refused = {(feed, seq) for feed, seq in self.refused if feed in known}  # a feed that was dropped begins anew
        wanted = self.replica.want(records, self.clock(now))
        if self.waiting or self.refused:
            for item in wanted:
                refused = any(feed == item.feed and item.first <= seq <= item.last for feed, seq in self.refused)
                hold_that(not refused, "asked for what was refused")
                for (feed, seq), due in self.waiting.items():
                    early = feed == item.feed and item.first <= seq <= item.last and due > self.clock(now)
                    hold_that(not early, "asked for what was held back")
        return wanted

    def prune(self, now: int, chunk: int = 3) -> None:
        self.look(now)
        before = {(feed, seq) for feed, mine in self.log.held.items() for seq in mine}
        if abs(self.skew) > DAY and not any(feed[:KEY_BYTES] != self.log.key for feed, mine in self.log.held.items() if mine):
            self.ledger.strayed |= self.payloads()  # it has nothing of others to hold its clock against
        while self.replica.prune(self.clock(now), limit=chunk):
            pass
        self.gone |= before - {(feed, seq) for feed, mine in self.log.held.items() for seq in mine}
        if not self.replica.keep_expired:
            oldest = self.clock(now) - self.retention
            for feed, mine in self.log.held.items():
                if feed not in self.log.proven:
                    hold_that(all(hlc_time(e.hlc) >= oldest for e in mine.values()), "expired and kept")

    def payloads(self) -> set[bytes]:
        """The facts on its disk."""
        return {entry.payload for mine in self.log.held.values() for entry in mine.values()}

    def check(self) -> None:
        """What the rules remember is what a new start would read from the log."""
        derived = {record.feed: record for record in self.log.feeds()}
        for state in self.replica.states():
            record = derived.pop(state.feed, None)
            if record is None:
                hold_that(not state.head, "the rules know a feed that the log does not")
                continue
            same = (state.floor, tuple(state.runs), state.frozen) == (record.floor, record.runs, record.frozen)
            hold_that(same, "rules and log differ", state, record)
            hold_that((state.tip and state.tip.hash) == (record.tip and record.tip.hash), "tips differ")
            head = self.log.entry(state.feed, state.head)
            hold_that((state.head_entry and state.head_entry.hash) == (head and head.hash), "heads differ")
        hold_that(not derived, "the log knows a feed that the rules do not")

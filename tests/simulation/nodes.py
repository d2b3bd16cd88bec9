"""One node of the simulation.

The product's rules over a log in memory, with a clock that may be wrong and a disk that may fail.
"""

from __future__ import annotations

import contextlib
import hashlib
from types import SimpleNamespace

from ledger import Ledger, hold_that, stored_right
from memory_log import MemoryLog

from devstream_desktop.mesh.clock import MAX_OFFSET_MS, ClockWatch
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.outcome import Outcome
from devstream_desktop.mesh.replica.own_feed import FUTURE_MS
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.wire import SignedEntry
from devstream_desktop.stream.entry import (
    KEY_BYTES,
    SIGNATURE_BYTES,
    Entry,
    MalformedEntryError,
    device_id,
    hlc_time,
    parse_entry,
    preamble,
)

HOUR = 3_600_000
DAY = 24 * HOUR
RIGHT = 240_000
"""The most that clocks of honest nodes are off, milliseconds."""
MOVED = 2 * MAX_OFFSET_MS
"""A correction larger than this takes a majority.

Below, the middle of two halves may be near enough to both.
"""
ERROR = MAX_OFFSET_MS + RIGHT + 10_000
"""The largest error of a node's time that honest peers outweigh.

A HELLO is up to ten seconds old.
"""
PREAMBLE = len(preamble("t"))


def fake_sign(key):
    """A keyed hash in the place of Ed25519.

    The rules only ask whether it is right, and seeds run ten times as fast.
    """
    return lambda message: hashlib.blake2b(message, key=key, digest_size=SIGNATURE_BYTES).digest()


def fake_verify(key, message, signature):
    return hashlib.blake2b(message, key=key, digest_size=SIGNATURE_BYTES).digest() == signature


class Node:
    """A device while its world lasts; `boot` counts the lives of its process."""

    honest = True

    def __init__(self, number: int, key: bytes, rng, ledger: Ledger, retention: int) -> None:
        self.number, self.rng, self.ledger, self.retention = number, rng, ledger, retention
        self.skew = 0
        self.log = MemoryLog(key, rng)
        self.alive = True
        self.now = 0
        """The true time when it last looked at its clock."""
        self.boot = 0
        self.strangers: set[bytes] = set()
        """Authors of whom its policy does not believe everything yet."""
        self.refused: set[tuple[bytes, int]] = set()
        """Numbers that policy refused: not to be asked for again before another."""
        self.gone: set[tuple[bytes, int]] = set()
        """Numbers it settled: none may ever come back."""
        self.let_go: set[bytes] = set()
        """Feeds of which it forgot the floor, two months after the last entry."""
        self.told: set[tuple[bytes, int]] = set()
        """Numbers its screen was told of: none may be told twice."""
        self.waiting: dict[tuple[bytes, int], int] = {}
        """Entries that came before their time, and when that is.

        Not to be asked for again before.
        """
        self.fresh: list[tuple[bytes, int, bytes]] = []
        """Entries that it signed and may not have stored yet."""
        self.older: set[bytes] = set()
        """Feeds of its own of which a peer has given it more than its log knew."""
        self.met: dict[str, int] = {}
        """The errors of peers' clocks, met since its own was set."""
        self.knows_the_end = False
        """True when it has heard that a device was revoked."""
        self.moved = 0
        """Entries and proofs that came in, to see when all is quiet."""

    @property
    def told_skew(self) -> int:
        """The error of the clock that it tells its peers."""
        return self.skew

    def clock(self, now: int) -> int:
        return now + self.skew

    def team_time(self, now: int) -> int:
        return self.clock(now) + self.watch.correction()

    def meet(self, name: str, wall: int, skew: int, now: int) -> None:
        """A peer's clock was `wall` a moment ago, and off by `skew`."""
        self.look(now)
        before = self.watch.correction()
        self.watch.heard(name, wall - self.clock(now))
        self.met[name] = skew
        if abs(self.watch.correction() - before) > RIGHT:
            self.waiting.clear()  # they waited for another time

    def outweighed(self) -> bool:
        """True when enough right clocks tell it the time.

        Two peers' at least, and more than half of all clocks it knows.
        """
        right = sum(abs(skew) <= RIGHT for skew in self.met.values())
        own = abs(self.skew) <= RIGHT
        return right >= 2 and right + own > len(self.met) - right + (not own)

    def start(self, now: int, *, clean: bool = False) -> None:
        """The process starts: all that is not in the log is forgotten."""
        self.boot += 1
        self.alive = True
        self.waiting.clear()
        self.refused.clear()
        self.older.clear()
        self.met.clear()
        self.name = device_id(self.log.key)
        self.log.open(clean=clean)
        sign = fake_sign(self.log.key)

        def note_and_sign(message: bytes) -> bytes:
            entry = parse_entry(message[PREAMBLE:], bytes(SIGNATURE_BYTES))
            hold_that(
                entry.feed not in self.older,
                "went on in a feed of which a peer had shown more than it knew",
            )
            if abs(hlc_time(entry.hlc) - self.now) > DAY:
                self.ledger.strayed.add(entry.payload)
            self.fresh.append(self.ledger.sign(entry))
            return sign(message)

        self.replica = Replica(
            store=self.log,
            identity=Identity(self.name, "t", note_and_sign, fake_verify),
            authors=SimpleNamespace(
                is_author=self._is_author, ended=self._ended, refusal=self._refusal
            ),
            retention_ms=self.retention,
        )
        self.watch = ClockWatch(self.replica.own.last_known)
        self.told = {(feed, seq) for feed, mine in self.log.held.items() for seq in mine}
        self.look(now)

    def _refusal(self, entry: Entry) -> str | None:
        if entry.feed[:KEY_BYTES] not in self.strangers or entry.payload[-1] % 2:
            return None
        self.refused.add((entry.feed, entry.seq))
        return "it may not publish that"

    def _is_author(self, _: bytes) -> bool:
        """True when a key is of the team."""
        return True

    def _moved_by_right(self) -> None:
        skews = list(self.met.values())
        others = [skew for skew in skews if abs(skew - self.skew) > 2 * RIGHT]
        hold_that(
            len(skews) - len(others) + 1 < len(others),
            "left its own clock although as many agree with it",
        )
        agree = any(
            abs(one - other) <= 2 * MAX_OFFSET_MS
            for at, one in enumerate(others)
            for other in others[:at]
        )
        hold_that(agree, "left its own clock for one peer's")

    def _ended(self, feed: bytes) -> tuple[int, bytes] | None:
        if not self.knows_the_end or not feed.startswith(self.ledger.out):
            return None
        return self.ledger.ends.get(feed, (0, b""))

    def look(self, now: int) -> None:
        """Do the work of every second: watch the clock, and check some signatures."""
        self.now = now
        steps = self.watch.steps
        self.watch.tick(self.clock(now), now)
        if self.watch.steps != steps:
            self.met.clear()
        if abs(self.watch.correction()) > MOVED:
            self._moved_by_right()
        self.replica.expiry.suspended = not self.watch.may_forget
        self.replica.own.clock_late = self.watch.late
        if self.watch.certain:
            with contextlib.suppress(OSError):  # the disk is full: the next look
                said = self._stored(lambda: self.replica.own.mend(self.team_time(now)))
                self.told |= {(entry.feed, entry.seq) for entry in said}
        self.replica.signatures.check(20)

    def publish(self, payloads: list[bytes], now: int) -> None:
        self.look(now)
        proven = self.replica.own.last_known if self.watch.late else 0
        entries = self._stored(lambda: self.replica.own.publish(payloads, self.team_time(now)))
        hold_that([entry.payload for entry in entries] == payloads, "published something else")
        stamps = [hlc_time(entry.hlc) for entry in entries]
        hold_that(
            max(stamps) <= max(self.team_time(now), proven) + FUTURE_MS,
            "published what nobody would take",
        )
        if self.outweighed():
            hold_that(
                now - ERROR <= stamps[0], "two peers know the time, and this was stamped too old"
            )
            hold_that(
                stamps[-1] <= now + ERROR + FUTURE_MS,
                "two peers know the time, and this was stamped ahead of it",
            )
        elif self.skew < -DAY:
            hold_that(
                stamps[0] >= min(now - 4 * HOUR, self.newest_of_others()),
                "stamped older than what others had said",
            )
        self.ledger.acknowledge(self, entries)
        self.told |= {(entry.feed, entry.seq) for entry in entries}

    def newest_of_others(self) -> int:
        """The newest stamp of the entries it holds of others; 0 for none."""
        others = (mine for feed, mine in self.log.held.items() if not feed.startswith(self.log.key))
        return max((hlc_time(entry.hlc) for mine in others for entry in mine.values()), default=0)

    def news(self, lsn: int, size: int, peer: str) -> tuple[list[Entry], int]:
        """The entries after `lsn` that did not come from `peer`.

        And the place to go on from.
        """
        return self.log.after(lsn, max_bytes=size, not_from=peer)

    def take(self, batch: list[SignedEntry], sender: str, now: int) -> Outcome:
        """Ingest, under the eyes of the ledger. A full disk raises, as in the product."""
        self.look(now)
        more = self._beyond_own(batch)
        outcome = self._stored(
            lambda: self.replica.rules.ingest(batch, sender, self.team_time(now))
        )
        self.older |= more
        self._count(outcome, now)
        if outcome.bad:
            return outcome
        for item in batch if outcome.future or outcome.refused else ():
            entry = parse_entry(item.body, item.signature)
            end = self._ended(entry.feed)
            if end is not None:
                lacking = (
                    entry.seq not in self.log.held.get(entry.feed, ())
                    and entry.feed not in self.log.proven
                )
                if entry.seq > end[0] and lacking:
                    self.refused.add((entry.feed, entry.seq))
            elif outcome.future and hlc_time(entry.hlc) > self.team_time(now) + FUTURE_MS:
                late = self.outweighed() and hlc_time(entry.hlc) <= now - ERROR + FUTURE_MS
                hold_that(not late, "two peers know the time, and this was held back")
                self.waiting[(entry.feed, entry.seq)] = hlc_time(entry.hlc) - FUTURE_MS
        return outcome

    def _beyond_own(self, batch: list[SignedEntry]) -> set[bytes]:
        """Its feed of now, when the batch proves that more was written than this disk knows."""
        feed = self.log.key + self.log.known_epoch
        known = max(
            max(self.log.held.get(feed, ()), default=0), self.log.settled.get(feed, (0, None))[0]
        )
        for item in batch:
            with contextlib.suppress(MalformedEntryError):
                entry = parse_entry(item.body, item.signature)
                if (
                    entry.feed == feed
                    and entry.seq > known
                    and fake_verify(self.log.key, preamble("t") + entry.body, entry.signature)
                ):
                    return {feed}
        return set()

    def _stored(self, act):
        """Do what stores; a full disk undoes the signatures made for it."""
        self.fresh.clear()
        try:
            return act()
        except OSError:
            self.ledger.unsign(self.fresh)
            raise

    def take_proofs(self, pairs, now: int) -> None:
        self.now = now
        self._count(
            self._stored(lambda: self.replica.rules.absorb_proofs(pairs, self.team_time(now))), now
        )
        self.moved += len(pairs)

    def _count(self, outcome: Outcome, now: int) -> None:
        hold_that(not outcome.bad or self.ledger.forgery, "found bad what is genuine")
        clock = self.team_time(now)
        self.moved += len(outcome.stored) + outcome.expired
        for entry in outcome.stored:
            said_late = self.watch.late and entry.feed.startswith(self.log.key)
            stored_right(
                self.ledger,
                self,
                entry,
                max(clock, self.replica.own.last_known) if said_late else clock,
            )
            hold_that(
                self.replica.expiry.suspended or hlc_time(entry.hlc) >= clock - self.retention,
                "stored an expired entry",
            )
            self.told.add((entry.feed, entry.seq))

    def want(self, records, now: int):
        """The ranges that it asks of a peer with these records."""
        known = {state.feed for state in self.replica.feeds.states()}
        self.refused = {
            (feed, seq) for feed, seq in self.refused if feed in known
        }  # a feed that was dropped begins anew
        wanted = self.replica.wants.want(records, self.team_time(now))
        if self.waiting or self.refused:
            for item in wanted:
                refused = any(
                    feed == item.feed and item.first <= seq <= item.last
                    for feed, seq in self.refused
                )
                hold_that(
                    not refused or not self.ledger.is_honest(item.feed),
                    "asked for what was refused",
                )
                for (feed, seq), due in self.waiting.items():
                    early = (
                        self.ledger.is_honest(feed)
                        and feed == item.feed
                        and item.first <= seq <= item.last
                        and due > self.team_time(now)
                    )
                    hold_that(not early, "asked for what was held back")
        return wanted

    def prune(self, now: int, chunk: int = 3) -> None:
        self.look(now)
        before = {(feed, seq) for feed, mine in self.log.held.items() for seq in mine}
        if (
            abs(self.skew) > DAY
            and not self.outweighed()
            and not any(
                feed[:KEY_BYTES] != self.log.key for feed, mine in self.log.held.items() if mine
            )
        ):
            self.ledger.strayed |= (
                self.payloads()
            )  # it has nothing of others to hold its clock against
        while self.replica.prune(self.clock(now), limit=chunk):
            pass
        self.gone |= before - {(feed, seq) for feed, mine in self.log.held.items() for seq in mine}
        self.let_go |= {feed for feed, _ in self.gone if feed not in self.log.settled}
        if not self.replica.expiry.suspended:
            oldest = self.clock(now) - self.retention
            for feed, mine in self.log.held.items():
                if feed not in self.log.proven:
                    hold_that(
                        all(hlc_time(e.hlc) >= oldest for e in mine.values()), "expired and kept"
                    )

    def payloads(self) -> set[bytes]:
        """The facts on its disk."""
        return {entry.payload for mine in self.log.held.values() for entry in mine.values()}

    def check(self) -> None:
        """See that the rules remember what a new start would read.

        A start reads the log.
        """
        derived = {record.feed: record for record in self.log.feeds()}
        for state in self.replica.feeds.states():
            record = derived.pop(state.feed, None)
            if record is None:
                hold_that(not state.head, "the rules know a feed that the log does not")
                continue
            same = (state.floor, tuple(state.runs), state.frozen) == (
                record.floor,
                record.runs,
                record.frozen,
            )
            hold_that(same, "rules and log differ", state, record)
            hold_that(
                (state.tip and state.tip.hash) == (record.tip and record.tip.hash), "tips differ"
            )
            head = self.log.entry(state.feed, state.head)
            hold_that(
                (state.head_entry and state.head_entry.hash) == (head and head.hash), "heads differ"
            )
        hold_that(not derived, "the log knows a feed that the rules do not")
        for feed, mine in self.log.held.items() if self.ledger.forgery else ():
            for seq, entry in mine.items():
                proven = seq + 1 in mine or fake_verify(
                    feed[:KEY_BYTES], preamble("t") + entry.body, entry.signature
                )
                hold_that(
                    proven or feed in self.log.proven, "keeps what it cannot prove to others", seq
                )

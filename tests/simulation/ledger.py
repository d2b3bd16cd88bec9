"""The independent witness of a simulated history: what was signed, acknowledged and destroyed, and
the verdict at the end.

It knows nothing of floors, runs or digests: it looks at the signatures made, at the rows in the
logs, and at what a node was told.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from dataclasses import dataclass, field

from devstream_desktop.mesh.replica.own_feed import FUTURE_MS
from devstream_desktop.stream.entry import KEY_BYTES, Entry, contradict, hlc_time


class BrokenPromiseError(AssertionError):
    """A promise was broken."""


def hold_that(condition, promise, *details):
    if not condition:
        raise BrokenPromiseError(" ".join([promise, *(str(detail) for detail in details)]))


@dataclass
class Verdict:
    """The end of a history, for a count over many."""

    acknowledged: int = 0
    lost: list[bytes] = field(default_factory=list)
    """Facts whose every holder was destroyed: told as lost, not as converged."""
    strayed: int = 0
    """Facts that were ever said, or said again, with a stamp that was off by more than a day."""
    astray: int = 0
    """The strayed ones that nobody else takes, before or after their time."""
    orphaned: int = 0
    """Facts of a broken feed whose author has gone for good.

    They stay where they are, nobody else may say them again.
    """
    frozen: int = 0
    lies: int = 0
    """Rows that desks show of liars, in their own names."""
    runs: int = 0
    """Deploys that ran."""


@dataclass
class Fact:
    author: int
    feed: bytes
    stamp: int


class Ledger:
    """Kept beside the world by `nodes.Node` and `world.World`."""

    def __init__(self) -> None:
        self.signed: dict[bytes, None] = {}
        self.numbers: defaultdict[tuple[bytes, int], set[bytes]] = defaultdict(set)
        self.facts: dict[bytes, Fact] = {}
        self.destroyed: set[bytes] = set()
        self.strayed: set[bytes] = set()
        """See `Verdict.strayed`."""
        self.forgery = False
        """True when this history has liars on the wire.

        Elsewhere no entry may be found bad.
        """
        self.prev: dict[bytes, bytes] = {}
        """The hash that each signed entry was chained to, by its own."""
        self.out = b""
        """The key of the device that was revoked, if any."""
        self.ends: dict[bytes, tuple[int, bytes]] = {}
        """Number and hash of the last entry of each feed of that device."""
        self.past: set[bytes] = set()
        """The hashes of what leads to those ends."""
        self.liars: set[bytes] = set()
        """The keys of members whose words are not looked at."""
        self.imaged = False
        """True when a disk was rolled back or copied with its mirror.

        Elsewhere no number may be used twice.
        """

    def is_honest(self, feed: bytes) -> bool:
        """True when a feed's, or a device key's, owner is no liar."""
        return feed[:KEY_BYTES] not in self.liars

    def sign(self, entry: Entry) -> tuple[bytes, int, bytes]:
        """A device signs this; returns what `unsign` takes."""
        digest = hashlib.blake2b(entry.body, digest_size=16).digest()
        self.signed[digest] = None
        self.prev[digest] = entry.prev
        self.numbers[(entry.feed, entry.seq)].add(digest)
        return entry.feed, entry.seq, digest

    def revoke(self, key: bytes, ends: dict[bytes, tuple[int, bytes]]) -> None:
        """The team says where the feeds of a device end.

        Whoever writes with its key from now on is a thief.
        """
        self.out, self.ends = key, ends
        for _, digest in ends.values():
            at = digest
            while at:
                self.past.add(at)
                at = self.prev[at]

    def unsign(self, bodies: list[tuple[bytes, int, bytes]]) -> None:
        """These were never stored nor sent: the disk was full."""
        for feed, seq, digest in bodies:
            self.numbers[(feed, seq)].discard(digest)

    def reused(self) -> set[bytes]:
        """The feeds in which a number was signed twice, whoever knows."""
        return {
            feed
            for (feed, _), hashes in self.numbers.items()
            if len(hashes) > 1 and self.is_honest(feed)
        }

    def acknowledge(self, node, entries) -> None:
        """The node said yes to whoever published these."""
        for entry in entries:
            self.facts[entry.payload] = Fact(node.number, entry.feed, hlc_time(entry.hlc))

    def wrecked(
        self, victim, before: set[bytes], others, *, durable: set[bytes] | None = None
    ) -> None:
        """A disk was harmed: what it held `before` and nobody holds any more is destroyed, with
        everybody's blessing.

        Except what had been forced to it: `durable`.
        """
        missing = before - victim.payloads()
        hold_that(not durable or not missing & durable, "acknowledged and lost by a power cut")
        for node in others:
            missing -= node.payloads()
        self.destroyed |= missing

    def verdict(self, nodes, now: int) -> Verdict:
        """Judge the end, when everything that can travel has.

        Raises:
            BrokenPromiseError: a promise was broken.

        """
        reused = self.reused()
        hold_that(
            self.imaged or not reused, "a number was used twice although every mirror was kept"
        )
        oldest = max(node.clock(now) - node.retention for node in nodes)
        newest = min(node.clock(now) for node in nodes) + FUTURE_MS
        frozen = [
            {feed for feed in node.replica.feeds.frozen() if self.is_honest(feed)} for node in nodes
        ]
        hold_that(
            all(f == frozen[0] for f in frozen),
            "they disagree on what is frozen",
            [len(f) for f in frozen],
        )
        hold_that(frozen[0] <= reused, "frozen although no number was used twice")
        # Where a copy of a feed went on with a clock in the future, the proof comes when that
        # future does.
        undecided = {
            feed
            for node in nodes
            for feed, mine in node.log.held.items()
            if any(hlc_time(entry.hlc) > newest for entry in mine.values())
        }
        undecided = (undecided & reused) | self._hidden(nodes, reused)
        unjudged = frozen[0] | undecided
        proven = self._proven(nodes, unjudged, oldest)
        views = [
            self._live(node, unjudged, oldest, newest)
            | self._of_the_revoked(
                node, proven, self._proven(within_reach(node, nodes), unjudged, oldest)
            )
            for node in nodes
        ]
        for node, view in zip(nodes, views, strict=True):
            node.check()
            differing = view.keys() ^ views[0].keys()
            hold_that(
                not differing,
                "histories differ at node",
                node.number,
                [(f[-2:].hex(), s) for f, s, _ in sorted(differing)[:9]],
            )
        everywhere = set(views[0].values())
        result = Verdict(len(self.facts), strayed=len(self.strayed), frozen=len(frozen[0]))
        for payload, fact in self.facts.items():
            if (
                fact.stamp < oldest
                or payload in everywhere
                or (self.out and fact.feed.startswith(self.out))
            ):
                continue
            if payload in self.destroyed:
                result.lost.append(payload)
            elif payload in self.strayed or fact.feed in undecided:
                result.astray += 1
            elif fact.feed in frozen[0] and not any(
                fact.feed.startswith(node.log.key) for node in nodes
            ):
                result.orphaned += 1
            else:
                where = [node.number for node in nodes if payload in node.payloads()]
                raise BrokenPromiseError(
                    f"acknowledged and lost: {payload.hex()} of {fact.author}, held by {where}"
                )
        return result

    @staticmethod
    def _hidden(nodes, reused: set[bytes]) -> set[bytes]:
        """Broken feeds with a branch that expired before anybody else heard of it, and went on.

        What a copy wrote in its place lies below that node's floor and below its peers' heads,
        where nobody looks.
        """
        found = set()
        for feed in reused:
            tips = [tip for node in nodes if (tip := node.log.settled.get(feed, (0, None))[1])]
            for mine in (node.log.held.get(feed, {}) for node in nodes):
                beyond = [tip for tip in tips if max(mine, default=0) > tip.seq]
                if any(
                    contradict(tip, entry)
                    for tip in beyond
                    for entry in mine.values()
                    if entry.seq <= tip.seq
                ):
                    found.add(feed)
        return found

    def _proven(self, nodes, unjudged, oldest) -> dict[tuple[bytes, int, bytes], bytes]:
        """The revoked device's entries that can be proven to whoever lacks them.

        From the end down, as far as anybody holds them. The end itself needs its own signature,
        which a liar may have spoilt everywhere: who knows the end takes nothing beyond it.
        """
        held = {
            entry.hash: entry
            for node in nodes
            for feed in self.ends
            for entry in node.log.held.get(feed, {}).values()
        }
        signed = {
            entry.hash
            for node in nodes
            for feed, (seq, _) in self.ends.items()
            if (entry := node.log.held.get(feed, {}).get(seq))
            and node.replica.signatures.right(entry)
        }
        found = {}
        for feed, (_, last) in self.ends.items():
            at = last if last in signed else b""
            while (
                feed not in unjudged and (entry := held.get(at)) and hlc_time(entry.hlc) >= oldest
            ):
                found[(feed, entry.seq, entry.hash)] = entry.payload
                at = entry.prev
        return found

    def _of_the_revoked(self, node, proven, reachable) -> dict[tuple[bytes, int, bytes], bytes]:
        """The proven entries that `node` holds.

        All of them where a thief's branch has taken the place before the node knew. What only its
        own twin could prove to it counts as held: the thief's copy in between has another past.
        """
        deceived = {
            feed
            for feed, (last, _) in self.ends.items()
            if node.log.key == self.out
            or any(
                e.seq <= last and e.hash not in self.past
                for e in node.log.held.get(feed, {}).values()
            )
        }
        return {
            (feed, seq, digest): payload
            for (feed, seq, digest), payload in proven.items()
            if feed in deceived
            or (feed, seq, digest) not in reachable
            or ((entry := node.log.held.get(feed, {}).get(seq)) and entry.hash == digest)
        }

    def _live(self, node, frozen, oldest, newest) -> dict[tuple[bytes, int, bytes], bytes]:
        return {
            (feed, entry.seq, entry.hash): entry.payload
            for feed, mine in node.log.held.items()
            if feed not in frozen
            and not (self.out and feed.startswith(self.out))
            and self.is_honest(feed)
            for entry in mine.values()
            if oldest <= hlc_time(entry.hlc) <= newest
        }


def within_reach(node, nodes) -> list:
    """The node itself and all that it may link with: a device never links with its own twin."""
    return [other for other in nodes if other is node or other.name != node.name]


def stored_right(ledger: Ledger, node, entry: Entry, clock: int) -> None:
    """See that an entry is one that a node may store.

    It came from outside.
    """
    hold_that(entry.hash in ledger.signed, "stored what its author never signed")
    hold_that(hlc_time(entry.hlc) <= clock + FUTURE_MS, "stored an entry from the future")
    if node.knows_the_end and entry.feed.startswith(ledger.out) and entry.hash not in ledger.past:
        # What was taken of a thief's branch before its end was known may draw in what it is chained
        # to, which was signed before it.
        after = node.log.held[entry.feed].get(entry.seq + 1)
        drawn = (
            after is not None
            and after.prev == entry.hash
            and after.seq <= ledger.ends.get(entry.feed, (0, b""))[0]
        )
        hold_that(drawn, "took from a thief", entry.seq)
    # Two months later the floor is forgotten too, and a clock in doubt cannot tell: it is settled
    # again when the doubt ends. By then nobody can tell a device that was rolled back, its mirror
    # too, that it uses a number for the second time.
    let_go = entry.feed in node.let_go
    doubted = node.replica.expiry.suspended and (let_go or entry.feed not in node.log.settled)
    forgotten = doubted or (let_go and ledger.imaged)
    hold_that(
        forgotten or (entry.feed, entry.seq) not in node.gone, "expired and returned:", entry.seq
    )
    hold_that((entry.feed, entry.seq) not in node.told or forgotten, "told twice:", entry.seq)

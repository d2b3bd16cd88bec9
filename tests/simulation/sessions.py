"""A dialed link in the simulation: TAIL, PUSH, DIGEST, OFFER, PROOF and FETCH as messages that take
their time, or never come.

It follows mesh/session.py and mesh/answers.py, where the same lies around sockets. A lane carries
one request at a time; a reply that does not come in time ends the session, and the next one begins
with comparing.
"""

from __future__ import annotations

from ledger import hold_that

from devstream_desktop.mesh.comparison import Comparison
from devstream_desktop.mesh.replica.catalogue import both, signed
from devstream_desktop.mesh.replica.ranges import without
from devstream_desktop.mesh.wire import BATCH_BYTES, MalformedMessageError, Range

TIMEOUT = 10_000
SIZES = [300, 900, 3000, BATCH_BYTES, BATCH_BYTES]


class Session:
    """Node `a` dialed node `b`."""

    def __init__(self, world, a, b) -> None:
        self.world, self.a, self.b = world, a, b
        self.reset()

    def reset(self) -> None:
        """The connection is gone, and with it everything that was in memory."""
        self.boots = (self.a.boot, self.b.boot)
        self.greeted = -1
        self.lanes: dict[str, object] = {}
        self.compared = False
        self.cursor, self.pushed = (b"", 0), 0
        self.theirs, self.fruitless, self.owed = [], [], []
        self.unequal = False
        self.comparison = Comparison()
        self.passed: dict[int, bytes] = {}
        """The listener's rows that the cursor has passed.

        A number that means another row now would be missed.
        """

    # The scheduler's side.

    def drive(self) -> None:
        """Do one thing that this session may do now."""
        if not self.a.alive or self.a.name == self.b.name:
            return
        if self.boots[0] != self.a.boot or (
            self.boots[1] != self.b.boot and self.world.rng.random() < 0.5
        ):
            # every other time the restart of a listener is noticed, else its numbering must tell
            self.reset()
        if not self.compared:
            self._begin("other", self._compare())
            return
        lane = self.world.rng.choice(["tail", "tail", "push", "other"])
        if lane == "tail":
            self._begin(lane, self._tail())
        elif lane == "push":
            self._begin(lane, self._push())
        elif (
            (self._fetched() and not self.comparison.over)
            or self.unequal
            or self.world.rng.random() < 0.1
        ):
            self._begin(lane, self._compare())
        else:
            self._begin(lane, self._fetch())

    def level(self) -> None:
        """Do everything that this session has to do, when the world is healed."""
        if self.a.name == self.b.name:
            return
        if self.boots != (self.a.boot, self.b.boot):
            self.reset()
        if not self.compared or self.unequal or (self._fetched() and not self.comparison.over):
            self._begin("other", self._compare())
        else:
            self._begin("other", self._fetch())
        self._begin("tail", self._tail())
        self._begin("push", self._push())

    # A request and its reply are two messages; `steps` yields requests as functions that the
    # listener runs.

    def _begin(self, lane, steps) -> None:
        if lane in self.lanes:
            return
        ticket = self.lanes[lane] = object()
        self._advance(lane, ticket, steps, None)

    def _advance(self, lane, ticket, steps, reply) -> None:
        try:
            request = steps.send(reply)
        except StopIteration:
            if self.lanes.get(lane) is ticket:
                del self.lanes[lane]
            return
        except (
            OSError,
            MalformedMessageError,
        ):  # the disk is full: the batch is not taken; or a liar's message is none
            self.reset()
            return
        world, a, b = self.world, self.a, self.b
        asked = object()
        self.lanes[lane] = ticket
        setattr(self, f"_asked_{lane}", asked)

        sent, wall, skew, boot = world.now, a.clock(world.now), a.told_skew, b.boot

        def arrive() -> None:
            if (
                self.greeted != boot
            ):  # the gate: no request is answered before HELLO, which tells the clock
                if (
                    world.now - sent > TIMEOUT
                ):  # there is no connection any more that a HELLO could come over
                    return
                self.greeted = boot
                b.meet(a.name, wall, skew, world.now)
            b.look(world.now)
            try:
                answer = request(b)
            except OSError:
                return
            except MalformedMessageError:
                self.reset()
                return
            world.post(b, a, lambda: come_back(answer))

        def come_back(answer) -> None:
            if self.lanes.get(lane) is ticket and getattr(self, f"_asked_{lane}") is asked:
                setattr(self, f"_asked_{lane}", None)
                self._advance(lane, ticket, steps, answer)

        def time_out() -> None:
            if self.lanes.get(lane) is ticket and getattr(self, f"_asked_{lane}") is asked:
                self.reset()

        world.post(a, b, arrive)
        world.later(TIMEOUT, time_out)

    def _size(self) -> int:
        return self.world.rng.choice(SIZES) if self.world.rough else BATCH_BYTES

    def _give(self, entries):
        return self.world.on_the_wire([signed(entry) for entry in entries])

    def _compare(self):
        """A page; the whole of what both hold is compared when there is none left."""
        world, a, b = self.world, self.a, self.b
        mine, buckets, rows, comparison = (
            a.replica,
            a.replica.feeds.digest.buckets(),
            {},
            self.comparison,
        )
        if comparison.over:
            comparison = self.comparison = Comparison()
        first, size = not comparison.pages, self.world.page_size()
        records, frozen, wants, lacking, pushed = [], [], [], [], a.log.newest()
        if not comparison.all_theirs:

            def digest(listener):
                replica = listener.replica
                rows.clear()
                rows.update((lsn, arrival.entry.hash) for lsn, arrival in listener.log.rows)
                differ = replica.feeds.digest.differing(buckets)
                records, frozen, end = replica.catalogue.page(differ, comparison.theirs, size)
                frozen = both(replica.catalogue.frozen_of(a.log.key), frozen)
                return (
                    listener.log.index,
                    listener.log.newest(),
                    differ,
                    records,
                    frozen,
                    end,
                    (listener.clock(world.now), listener.told_skew),
                )

            index, newest, differ, records, frozen, end, clock = yield digest
            a.meet(b.name, *clock, world.now)
            a.look(world.now)
            comparison.saw(end)
            if first:
                comparison.buckets, self.owed = differ, []
                self.cursor, self.passed = (index, newest), dict(rows)
                pushed = a.log.newest()
        unproven = mine.wants.unproven(frozen)
        if not comparison.all_mine:
            page = mine.catalogue.page(comparison.buckets, comparison.mine, size)
            comparison.showed(page.end)
            told = both(mine.catalogue.frozen_of(b.log.key), page.frozen)

            def offer(listener):
                wants = listener.want(page.records, world.now)
                urgent = listener.replica.wants.doubts(page.records) + listener.replica.own.claims(
                    told, a.name
                )
                return urgent + wants, listener.replica.wants.unproven(told)

            wants, lacking = yield offer
        if unproven or lacking:
            pairs = mine.catalogue.proofs(lacking)

            def prove(listener):
                listener.take_proofs(pairs, world.now)
                return listener.replica.catalogue.proofs(unproven)

            a.take_proofs((yield prove), world.now)
        if first:
            self.pushed, self.unequal = pushed, False
        self.owed = mine.catalogue.within([*self.owed, *wants])
        self.theirs, self.fruitless, self.compared = records, [], True
        doubts = mine.wants.doubts(records)
        if doubts:
            batch = yield lambda listener: self._give(
                listener.replica.catalogue.serve(doubts, BATCH_BYTES)
            )
            a.take(batch, b.name, world.now)
        for claim in mine.own.claims(frozen, b.name):
            rest, size = claim, self._size()
            while rest is not None:
                batch = yield lambda listener, rest=rest, size=size: self._give(
                    listener.replica.catalogue.serve([rest], size)
                )
                a.take(batch, b.name, world.now)
                rest = mine.own.rest_of(rest, batch, b.name)

    def _fetched(self) -> bool:
        """True when all that the peer gives of the page is here."""
        return not self.theirs or not without(
            self.a.want(self.theirs, self.world.now), self.fruitless
        )

    def _fetch(self):
        world, a, b = self.world, self.a, self.b
        missing = without(a.want(self.theirs, world.now), self.fruitless) if self.theirs else []
        if not missing:
            return
        size = self._size()
        batch = yield lambda listener: self._give(listener.replica.catalogue.serve(missing, size))
        a.take(batch, b.name, world.now)
        left = without(a.want(self.theirs, world.now), self.fruitless)
        if not batch or left == missing:
            self.fruitless = self.fruitless + missing

    def _tail(self):
        world, a, b = self.world, self.a, self.b
        (index, lsn), known, size = self.cursor, self.passed, self._size()

        def tail(listener):
            log = listener.log
            if index != log.index or lsn > log.newest():
                return (
                    log.index,
                    log.newest(),
                    [],
                    listener.replica.feeds.digest.summary(),
                    True,
                    (),
                )
            for number, arrival in log.rows if listener.honest and world.rng.random() < 0.3 else ():
                if number > lsn:
                    break
                hold_that(
                    known.get(number) == arrival.entry.hash,
                    "the cursor passed what was never offered",
                )
            entries, end = listener.news(lsn, size, a.name)
            passed = tuple(
                (number, arrival.entry.hash) for number, arrival in log.rows if lsn < number <= end
            )
            return (
                log.index,
                end,
                self._give(entries),
                listener.replica.feeds.digest.summary(),
                False,
                passed,
            )

        here, end, batch, summary, resync, passed = yield tail
        if batch:
            a.take(batch, b.name, world.now)
        if self.cursor == (index, lsn) and not resync:
            self.cursor = (here, end)
            self.passed.update(passed)
        if resync or (not batch and summary != a.replica.feeds.digest.summary()):
            self.unequal = True

    def _push(self):
        world, a, b = self.world, self.a, self.b
        entries, end = a.news(self.pushed, self._size(), b.name)
        owed = not entries and bool(self.owed)
        if owed:
            entries = a.replica.catalogue.serve(self.owed, self._size())
            self.owed = (
                without(self.owed, [Range(entry.feed, entry.seq, entry.seq) for entry in entries])
                if entries
                else []
            )
        if not entries:
            self.pushed = end
            return
        batch = self._give(entries)
        yield lambda listener: len(listener.take(batch, a.name, world.now).stored)
        self.pushed = max(self.pushed, end)

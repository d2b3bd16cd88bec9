"""The entries that are taken of a revoked device.

All it wrote until then, and nothing that somebody with its key writes later, whatever the date.
"""

from __future__ import annotations

import random

import msgspec
import pytest

from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.replica.expiry import EVER
from devstream_desktop.mesh.wire import BATCH_BYTES, Range, Record
from devstream_desktop.stream.entry import Entry, encode_body, next_hlc, parse_entry

DAY = 86_400_000
NOW = 1_700_000_000_000
THIEF, ADMIN, LATE = (bytes([number]) * 32 for number in (1, 2, 3))


class World:
    """A device that wrote 20 entries, an admin that holds them and revoked it, and a node that was
    away and holds none.
    """

    def __init__(self, memory_log, make_replica) -> None:
        self.ends: dict[bytes, tuple[int, bytes]] | None = None
        """The policy's word on the thief's feeds; None before it was revoked."""
        logs = (memory_log(key, random.Random(key[0])) for key in (THIEF, ADMIN, LATE))
        self.lost, self.admin, self.late = (
            make_replica(log, 30 * DAY, ended=self.ended) for log in logs
        )
        self.written = [
            self.lost.own.publish([bytes([0xCD, 0, number])], NOW + number * 1000)[0]
            for number in range(20)
        ]
        self.admin.rules.ingest([signed(entry) for entry in self.written], "lost", NOW + 20_000)
        self.end()

    def end(self, until: int = NOW + 60_000) -> None:
        """The policy says so, everywhere."""
        self.ends = {
            feed: (seq, found) for feed, seq, found in self.admin.expiry.ends(THIEF, until)
        }

    def ended(self, feed: bytes) -> tuple[int, bytes] | None:
        revoked = self.ends is not None and feed.startswith(THIEF)
        return self.ends.get(feed, (0, b"")) if revoked else None

    def forge(self, seq: int, hlc: int, prev: bytes, feed: bytes | None = None) -> Entry:
        """An entry that the thief signs, properly, with the stolen key."""
        body = encode_body(
            feed=feed or self.written[0].feed, seq=seq, hlc=hlc, prev=prev, payload=b"\xcd\xff\xff"
        )
        return parse_entry(body, self.lost.signatures.sign(body))

    def give(self, entries: list[Entry], now: int = NOW + DAY) -> list[int]:
        return [
            entry.seq
            for entry in self.late.rules.ingest(
                [signed(entry) for entry in entries], "relay", now
            ).stored
        ]


@pytest.fixture
def world(memory_log, make_replica) -> World:
    return World(memory_log, make_replica)


def test_a_node_that_was_away_gets_the_honest_past(world: World) -> None:
    late, admin = world.late, world.admin
    entries = admin.catalogue.serve(
        late.wants.want(admin.catalogue.records(range(64)), NOW), BATCH_BYTES
    )
    late.rules.ingest([signed(entry) for entry in entries], "admin", NOW + DAY)
    assert late.catalogue.records(range(64)) == admin.catalogue.records(range(64))


def test_it_comes_in_any_pieces_as_long_as_the_newest_comes_first(world: World) -> None:
    assert world.give(world.written[5:10]) == [], "nothing leads there yet"
    assert world.give(world.written[15:]) == [16, 17, 18, 19, 20]
    assert world.give(world.written[5:15]) == list(range(6, 16))
    assert world.give(world.written[:5]) == [1, 2, 3, 4, 5]


def test_what_is_written_after_the_end_is_refused_with_any_date(world: World) -> None:
    last = world.written[-1]
    for hlc in (next_hlc(last.hlc, NOW), last.hlc + 1, next_hlc(last.hlc, NOW + DAY)):
        assert world.give([*world.written, world.forge(21, hlc, last.hash)]) in (
            list(range(1, 21)),
            [],
        )
    assert world.late.catalogue.records(range(64)) == world.admin.catalogue.records(range(64))


def test_another_past_cannot_take_the_place_of_the_true_one(world: World) -> None:
    first = world.written[9]
    rival = [world.forge(11, first.hlc + 1, first.hash)]
    for seq in range(12, 21):
        rival.append(world.forge(seq, rival[-1].hlc + 1, rival[-1].hash))
    assert world.give([*world.written[:10], *rival]) == []
    assert world.give(world.written[10:]) == list(range(11, 21))
    assert world.give(rival) == []
    assert world.late.feeds.frozen() == [], (
        "a thief must not be able to take the honest past away either"
    )
    assert world.give(world.written[:10]) == list(range(1, 11))


def test_a_new_feed_of_the_same_key_is_refused(world: World) -> None:
    assert world.give([world.forge(1, world.written[0].hlc, b"", feed=THIEF + b"anothere")]) == []


def test_of_a_stolen_device_only_what_came_before_is_passed_on(world: World) -> None:
    world.end(until=NOW + 9_500)
    assert world.give(world.written) == list(range(1, 11))
    assert len(world.admin.catalogue.serve(world.admin.wants.want([], NOW), BATCH_BYTES)) == 0
    assert world.admin.feeds.counts()[1] == 20, "who has it keeps it"


def test_nothing_beyond_the_end_is_proven_by_what_was_taken_before_it_was_known(
    world: World,
) -> None:
    world.ends = None
    assert world.give(world.written[15:]) == [16, 17, 18, 19, 20]
    world.end(until=NOW + 9_500)
    assert world.give(world.written[:15]) == list(range(1, 11))


def test_what_was_refused_is_not_asked_for_again(world: World) -> None:
    world.end(until=NOW + 9_500)
    world.give(world.written)
    assert world.late.wants.want(world.admin.catalogue.records(range(64)), NOW + DAY) == []


def test_the_end_itself_is_kept_with_its_own_signature_only(world: World) -> None:
    world.end(until=NOW + 9_500)
    spoilt = msgspec.structs.replace(world.written[9], signature=bytes(64))
    assert world.give([spoilt, world.written[10]]) == [], (
        "the one that vouched for it is not kept, and peers would find it bad"
    )
    assert world.give(world.written[:11]) == list(range(1, 11))


def test_what_a_thief_wrote_in_a_new_feed_is_asked_for_once(world: World) -> None:
    thiefs = world.forge(1, world.written[0].hlc, b"", feed=THIEF + b"anothere")
    asked = Record(thiefs.feed, 0, 1, thiefs.hash, thiefs.hlc, [])
    assert world.late.wants.want([asked], NOW) == [Range(thiefs.feed, 1, 1)]
    world.give([thiefs])
    assert world.late.wants.want([asked], NOW + DAY) == []
    world.late.policy_changed()
    assert world.late.wants.want([asked], NOW + DAY) == [Range(thiefs.feed, 1, 1)]


def test_where_a_feed_was_at_a_time(world: World) -> None:
    feed = world.written[0].feed
    assert world.admin.expiry.ends(THIEF, NOW + 60_000) == [(feed, 20, world.written[19].hash)]
    assert world.admin.expiry.ends(THIEF, NOW + 4_000) == [(feed, 5, world.written[4].hash)]
    assert world.admin.expiry.ends(THIEF, NOW - 1) == []
    assert world.admin.expiry.ends(LATE, NOW + DAY) == []


def test_a_clock_that_is_ahead_loses_nothing_to_the_end(world: World) -> None:
    """An entry that an admin holds stays true, also when stamped after its own time."""
    world.ends = None
    ahead = [world.lost.own.publish([bytes([0xCD, 1, n])], NOW + 300_000 + n)[0] for n in range(5)]
    assert len(world.admin.rules.ingest([signed(one) for one in ahead], "lost", NOW).stored) == 5
    (end,) = world.admin.expiry.ends(THIEF, EVER)
    assert end[1] == ahead[-1].seq

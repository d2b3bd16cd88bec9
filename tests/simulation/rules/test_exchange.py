"""Questions and answers between two replicas."""

from __future__ import annotations

import random

import pytest
from rule_replicas import DAY, HOUR, NOW, exchange, give, payloads

from devstream_desktop.mesh.replica.wants import NEWEST_FIRST
from devstream_desktop.mesh.wire import BATCH_BYTES, Range, Record
from devstream_desktop.stream.entry import (
    parse_entry,
)


def test_what_was_refused_is_asked_for_again_when_the_policy_changes(
    memory_log, make_replica, pair
):
    a, _ = pair
    allowed = []
    b = make_replica(
        memory_log(bytes([9]) * 32, random.Random(9)),
        7 * DAY,
        lambda entry: None if allowed else "not a collector",
    )
    a.own.publish(payloads(3), NOW)
    outcome = exchange(b, a)
    assert (outcome.refused, outcome.reason, outcome.stored) == (3, "not a collector", [])
    assert b.wants.want(a.catalogue.records(range(64)), NOW) == []
    allowed.append(True)
    assert b.policy_changed()
    assert len(exchange(b, a).stored) == 3
    assert not b.policy_changed()


def test_an_unknown_version_is_stored_and_passed_on(pair):
    a, b = pair
    (entry,) = a.own.publish(payloads(1), NOW)
    body = bytearray(entry.body)
    body[1] = 2
    newer = parse_entry(bytes(body), a.signatures.sign(bytes(body)))
    assert newer.version == 2
    assert give([newer], b).stored == [newer]
    assert b.catalogue.serve([Range(newer.feed, 1, 1)], BATCH_BYTES) == [newer]


def test_a_full_disk_changes_nothing_and_a_later_try_works(pair):
    a, b = pair
    entries = a.own.publish(payloads(3), NOW)
    b.feeds.store.fail_next = True
    with pytest.raises(OSError, match="No space"):
        give(entries, b)
    assert b.feeds.counts() == (0, 0)
    assert len(exchange(b, a).stored) == 3


def test_the_newest_of_every_feed_come_before_anything_old(pair, memory_log, make_replica):
    a, b = pair
    busy = a.own.publish(payloads(NEWEST_FIRST + 300), NOW)
    calm = make_replica(memory_log(bytes([7]) * 32, random.Random(7)), 7 * DAY)
    quiet = calm.own.publish(payloads(5), NOW - HOUR)
    give(quiet, a)
    wanted = b.wants.want(a.catalogue.records(range(64)), NOW)
    assert wanted == [
        Range(busy[0].feed, 301, 500),
        Range(quiet[0].feed, 1, 5),
        Range(busy[0].feed, 1, 300),
    ]
    served = a.catalogue.serve(wanted[:1], 2000)
    assert [entry.seq for entry in served] == list(range(500, 500 - len(served), -1))
    assert sum(len(entry.body) + 64 for entry in served) <= 2000


def test_hostile_records_are_no_trouble(pair):
    _, b = pair
    feed = bytes(40)
    top = (1 << 63) - 1
    assert b.wants.want([Record(feed, top, 5, b"", 0, [])], NOW) == []
    assert b.wants.want([Record(feed, 0, 9, b"x" * 16, top, [(7, 2), (3, 4), (1, 3)])], NOW) == [
        Range(feed, 5, 9)
    ]
    assert b.wants.doubts([Record(feed, 0, top, b"x" * 16, top, [])]) == []

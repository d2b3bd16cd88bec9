"""Clocks that are ahead, behind or doubted."""

from __future__ import annotations

import random

import pytest
from rule_replicas import DAY, HOUR, NOW, exchange, give, payloads

from devstream_desktop.mesh.replica.own_feed import FUTURE_MS
from devstream_desktop.mesh.wire import Range
from devstream_desktop.stream.entry import (
    hlc_time,
)


def test_an_entry_from_the_future_waits_for_its_time(pair):
    a, b = pair
    ahead = NOW + FUTURE_MS + HOUR
    entries = a.own.publish(payloads(2), ahead)
    assert give(entries, b).future == 2
    records = a.catalogue.records(range(64))
    assert b.wants.want(records, NOW) == []
    assert b.wants.want(records, NOW + HOUR) == [Range(entries[0].feed, 1, 2)]
    assert len(exchange(b, a, NOW + HOUR).stored) == 2


def test_foreign_clocks_pull_ours_at_most_so_far(pair):
    a, b = pair
    give(a.own.publish(payloads(1), NOW + FUTURE_MS - 1000), b)
    (mine,) = b.own.publish(payloads(1), NOW)
    assert (mine.hlc >> 16) <= NOW + FUTURE_MS


def test_what_came_while_this_clock_was_ahead_pulls_no_more(pair, memory_log, make_replica):
    a, b = pair
    c = make_replica(memory_log(bytes([9]) * 32, random.Random(9)), 7 * DAY)
    give(a.own.publish(payloads(1), NOW + 5 * HOUR), b, NOW + 5 * HOUR)
    give(c.own.publish(payloads(1, 1), NOW + 1000), b)
    (mine,) = b.own.publish(payloads(1, 2), NOW)
    assert hlc_time(mine.hlc) == NOW + 1000, (
        "it follows what it heard in time, and not the edge of what others would take"
    )


def test_a_late_clock_says_nothing_older_than_what_others_said(pair):
    a, b = pair
    (heard,) = a.own.publish(payloads(1), NOW)
    give([heard], b)
    b.own.clock_late = True
    (mine,) = b.own.publish(payloads(1, 1), NOW - 40 * DAY)
    assert mine.hlc > heard.hlc
    b.own.clock_late = False
    assert hlc_time(b.own.publish(payloads(1, 2), NOW + HOUR)[0].hlc) == NOW + HOUR


def test_what_a_clock_ahead_has_stamped_is_said_again_when_the_time_is_known(pair):
    a, b = pair
    give(a.own.publish(payloads(1), NOW), b)
    before = a.own.feed
    ahead = a.own.publish(payloads(2, 1), NOW + 5 * HOUR)
    assert give(ahead, b).future == 2
    again = a.own.mend(NOW)
    assert [entry.payload for entry in again] == [entry.payload for entry in ahead], (
        "and not what was in time"
    )
    assert len(give(again, b).stored) == 2
    assert a.own.feed != before
    assert a.own.mend(NOW) == []


def test_a_new_feed_that_was_begun_before_the_time_was_known_is_no_loss(pair):
    a, _ = pair
    ahead = a.own.publish(payloads(1), NOW + 5 * HOUR)
    a.own.publish(payloads(1, 1), NOW)
    a.feeds.store.fail_next = True
    with pytest.raises(OSError, match="No space"):
        a.own.mend(NOW)
    assert [entry.payload for entry in a.own.mend(NOW)] == [ahead[0].payload]
    assert a.own.mend(NOW) == []


def test_a_clock_set_back_begins_a_new_feed_instead_of_going_unheard(pair):
    a, b = pair
    before = a.own.feed
    a.own.publish(payloads(1), NOW + 5 * HOUR)
    (entry,) = a.own.publish(payloads(1, 1), NOW)
    assert entry.feed != before
    assert give([entry], b).stored == [entry]

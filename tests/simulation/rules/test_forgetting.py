"""Old entries are forgotten, and never come back."""

from __future__ import annotations

import random

from rule_replicas import DAY, HOUR, NOW, exchange, give, payloads

from devstream_desktop.mesh.replica.own_feed import FUTURE_MS
from devstream_desktop.mesh.wire import Range


def test_expired_entries_never_come_back(pair):
    a, b = pair
    old = a.own.publish(payloads(3), NOW)
    later = NOW + 8 * DAY
    fresh = a.own.publish(payloads(1, 9), later)
    give(old + fresh, b, now=NOW + DAY)  # the fresh one is ahead of its time here
    assert b.prune(later) == 3
    for _ in range(2):
        assert give(old, b, later).settled == 3
        exchange(b, a, later)
        assert b.feeds.counts() == (1, 1)


def test_an_expired_entry_settles_all_before_it_unseen(pair):
    a, b = pair
    old = a.own.publish(payloads(5), NOW)
    assert give(old[3:4], b, NOW + 8 * DAY).expired == 1
    assert b.wants.want(a.catalogue.records(range(64)), NOW + 8 * DAY) == [Range(old[0].feed, 5, 5)]


def test_a_doubted_clock_forgets_nothing(pair):
    a, b = pair
    old = a.own.publish(payloads(3), NOW)
    give(old[:2], b)
    b.expiry.suspended = True
    wild = NOW + 40 * DAY
    assert b.prune(wild) == 0
    assert len(give(old[2:], b, wild).stored) == 1


def test_pruning_goes_in_chunks_and_leaves_a_tip(pair):
    a, _ = pair
    entries = a.own.publish(payloads(25), NOW)
    later = NOW + 8 * DAY
    counts = []
    while count := a.prune(later, limit=10):
        counts.append(count)
    assert counts == [10, 10, 5]
    (state,) = a.feeds.states()
    assert (state.floor, state.tip.hash, state.runs) == (25, entries[-1].hash, [])
    assert a.own.publish(payloads(1), later)[0].prev == entries[-1].hash


def test_a_feed_of_which_nothing_is_left_is_forgotten_in_time(pair):
    a, b = pair
    give(a.own.publish(payloads(3), NOW), b)
    while b.prune(NOW + 8 * DAY):
        pass
    assert b.feeds.counts() == (1, 0)
    assert b.prune(NOW + 61 * DAY) == 0
    assert b.feeds.counts() == (0, 0)
    assert b.feeds.store.feeds() == []
    assert b.feeds.digest.buckets() == bytes(len(b.feeds.digest.buckets()))
    assert a.prune(NOW + 61 * DAY) == 3
    assert a.prune(NOW + 61 * DAY) == 0
    assert a.feeds.counts() == (1, 0), "the own feed goes on"


def test_one_entry_far_ahead_does_not_hold_back_those_before_it(pair):
    a, b = pair
    near = a.own.publish(payloads(1), NOW + FUTURE_MS + HOUR)
    far = a.own.publish(payloads(1, 1), NOW + 9 * DAY)
    assert give(near + far, b).future == 2
    records = a.catalogue.records(range(64))
    assert b.wants.want(records, NOW + HOUR) == [Range(near[0].feed, 1, 1)]
    assert b.wants.want(records, NOW + 9 * DAY) == [Range(near[0].feed, 1, 2)]


def test_an_expired_entry_of_another_branch_settles_nothing_newer(pair, memory_log, make_replica):
    a, b = pair
    old = a.own.publish(payloads(5), NOW)
    copy = memory_log(bytes([1]) * 32, random.Random(5))
    copy.known_epoch = a.feeds.store.epoch
    fresh = make_replica(copy, 7 * DAY).own.publish(payloads(2, 9), NOW + 6 * DAY)
    assert len(give(fresh, b, NOW + 6 * DAY).stored) == 2
    assert give(old[4:], b, NOW + 8 * DAY).expired == 0
    assert b.feeds.frozen() == [old[0].feed]

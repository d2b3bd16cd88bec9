"""Feeds with two meanings for a number, and authors who were rolled back."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_replicas import DAY, NOW, exchange, forged, give, payloads, resigned, spoilt

from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.wire import BATCH_BYTES, Pair
from devstream_desktop.stream.entry import (
    contradict,
    encode_body,
    parse_entry,
)


def test_what_peers_hold_of_a_rolled_back_feed_is_said_again(pair, memory_log, make_replica):
    a, b = pair
    lost = a.own.publish(payloads(3), NOW)
    give(lost, b)
    image = memory_log(bytes([1]) * 32, random.Random(5))
    image.known_epoch = a.feeds.store.epoch
    a = make_replica(image, 7 * DAY)
    (again,) = a.own.publish(payloads(1, 9), NOW + 1000)
    give([again], b)
    a.rules.absorb_proofs(b.catalogue.proofs(b.feeds.frozen()), NOW + 2000)
    (claim,) = a.own.claims(b.feeds.frozen(), "peer")
    three, two, one = b.catalogue.serve([claim], BATCH_BYTES)
    outcome = give([three, spoilt(two), one], a, NOW + 3000)  # the chain vouches here too
    assert [entry.payload for entry in outcome.stored] == [entry.payload for entry in lost]
    assert {entry.feed for entry in outcome.stored} == {a.own.feed}
    assert give(b.catalogue.serve([claim], BATCH_BYTES), a, NOW + 4000).stored == []
    assert b.own.claims(b.feeds.frozen(), "peer") == [], "only the author asks"


@pytest.mark.parametrize("change", ["payload", "clock", "chain"])
def test_a_number_used_twice_freezes_the_feed_and_the_proof_travels(
    pair, memory_log, make_replica, change
):
    a, b = pair
    c = make_replica(memory_log(bytes([9]) * 32, random.Random(9)), 7 * DAY)
    one, two, three = a.own.publish(payloads(3), NOW)
    rival = {
        "payload": resigned(a, two, payload=b"\x01"),
        "clock": resigned(a, two, hlc=one.hlc - 1),
        "chain": resigned(a, two, prev=bytes(16), hlc=two.hlc),
    }[change]
    give([one, two], b)
    give([rival], b)
    assert b.feeds.frozen() == [one.feed]
    assert give([three], b).frozen == 1
    assert c.wants.unproven(b.feeds.frozen()) == [one.feed]
    assert c.rules.absorb_proofs(b.catalogue.proofs(b.feeds.frozen()), NOW).bad == 0
    assert c.feeds.frozen() == [one.feed]
    assert b.feeds.digest.summary() == c.feeds.digest.summary()


@pytest.mark.parametrize("change", ["clock", "chain"])
@pytest.mark.parametrize("held", ["before", "after"])
def test_neighbours_that_no_honest_device_wrote_freeze_the_feed(pair, change, held):
    a, b = pair
    one, two, _ = a.own.publish(payloads(3), NOW)
    rival = (
        resigned(a, two, hlc=one.hlc - 1) if change == "clock" else resigned(a, two, prev=bytes(16))
    )
    first, second = (one, rival) if held == "before" else (rival, one)
    give([first], b)
    assert give([second], b).stored == []
    assert b.feeds.frozen() == [one.feed]


def test_a_forged_proof_freezes_nothing(pair):
    a, b = pair
    one, two = a.own.publish(payloads(2), NOW)
    for other in (forged(one, payload=b"\x01"), two, one):
        outcome = b.rules.absorb_proofs([Pair(signed(one), signed(other))], NOW)
        assert outcome.bad == 1
    assert b.feeds.frozen() == []


def test_the_author_of_a_frozen_feed_says_everything_again(pair):
    a, b = pair
    one, two = a.own.publish(payloads(2), NOW)
    give([one], b)
    give([resigned(a, one, payload=b"\x01")], b)
    outcome = a.rules.absorb_proofs(b.catalogue.proofs(b.feeds.frozen()), NOW)
    assert [entry.payload for entry in outcome.stored] == [one.payload, two.payload]
    assert {entry.feed for entry in outcome.stored} == {a.own.feed}
    assert a.own.feed != one.feed
    assert len(exchange(b, a).stored) == 2


def test_a_peer_that_knows_more_of_our_feed_makes_us_begin_another(pair, memory_log, make_replica):
    a, b = pair
    entries = a.own.publish(payloads(3), NOW)
    give(entries, b)
    old = memory_log(bytes([1]) * 32, random.Random(5))
    old.known_epoch = a.feeds.store.epoch
    a = make_replica(old, 7 * DAY)
    assert a.own.feed == entries[0].feed
    outcome = exchange(a, b)
    assert len(outcome.stored) == 3
    assert a.own.feed != entries[0].feed
    assert a.own.publish(payloads(1), NOW)[0].seq == 1


@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9), st.integers(1, 9))
def test_contradiction_is_mutual_and_honest_chains_have_none(seq, other_seq, hlc, other_hlc):
    def entry(n, clock, payload):
        return parse_entry(
            encode_body(
                feed=bytes(40), seq=n, hlc=clock, prev=b"p" * 16 if n > 1 else b"", payload=payload
            ),
            bytes(64),
        )

    one, other = entry(seq, hlc, b"\x01"), entry(other_seq, other_hlc, b"\x02")
    assert contradict(one, other) == contradict(other, one)
    ordered = (seq < other_seq) == (hlc < other_hlc) and seq != other_seq and hlc != other_hlc
    assert contradict(one, other) == (not ordered or abs(seq - other_seq) == 1)
    assert not contradict(one, one)

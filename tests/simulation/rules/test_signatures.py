"""Signatures and chains: what is genuine, and how few checks tell."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nodes import fake_sign
from rule_replicas import DAY, NOW, forged, give, payloads, spoilt

from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.replica.chain import MAX_BAD, genuine
from devstream_desktop.mesh.wire import SignedEntry
from devstream_desktop.stream.entry import (
    MalformedEntryError,
    device_id,
    encode_body,
    parse_entry,
    preamble,
)


def test_own_entries_are_numbered_chained_and_stamped(pair):
    a, _ = pair
    first, second = a.own.publish(payloads(2), NOW)
    (third,) = a.own.publish(payloads(1, 2), NOW - 1000)
    assert [entry.seq for entry in (first, second, third)] == [1, 2, 3]
    assert (first.prev, second.prev, third.prev) == (b"", first.hash, second.hash)
    assert first.hlc < second.hlc < third.hlc
    assert first.device == device_id(bytes([1]) * 32)


def test_too_large_a_payload_appends_nothing(pair):
    a, _ = pair
    with pytest.raises(MalformedEntryError):
        a.own.publish([payloads(1)[0], b"\xc5\x13\x88" + bytes(5000)], NOW)
    assert a.feeds.counts() == (0, 0)
    assert a.own.publish(payloads(1), NOW)[0].seq == 1


def test_a_run_costs_one_signature_check_and_news_one_each(pair):
    a, b = pair
    entries = a.own.publish(payloads(50), NOW)
    checked = []
    verify = b.signatures._verify
    b.signatures._verify = lambda *given: checked.append(1) or verify(*given)
    assert len(give(entries[:40], b).stored) == 40
    assert len(checked) == 1
    for entry in entries[40:]:
        give([entry], b)
    assert len(checked) == 11
    assert b.signatures.check(100) == 0
    assert len(checked) == 11 + 39
    assert all(arrival.verified for _, arrival in b.feeds.store.rows)


def test_what_came_newest_first_is_checked_later_each_once(pair):
    a, b = pair
    entries = a.own.publish(payloads(30), NOW)
    for last in (30, 20, 10):
        give(entries[last - 10 : last], b)
    checked = []
    verify = b.signatures._verify
    b.signatures._verify = lambda *given: checked.append(1) or verify(*given)
    for done in (7, 14, 21, 28, 29, 29):
        assert b.signatures.check(7) == 0
        assert len(checked) == done
    assert all(arrival.verified for _, arrival in b.feeds.store.rows)


def test_a_spoilt_signature_inside_a_run_does_not_harm_but_is_told(pair):
    a, b = pair
    entries = a.own.publish(payloads(5), NOW)
    outcome = give([*entries[:2], spoilt(entries[2]), *entries[3:]], b)
    assert (len(outcome.stored), outcome.bad) == (5, 0)
    assert b.signatures.check(100) == 1


def test_below_a_held_entry_the_chain_is_proof_enough(pair):
    a, b = pair
    entries = a.own.publish(payloads(5), NOW)
    give(entries[4:], b)
    outcome = give([spoilt(entry) for entry in entries[:4]], b)
    assert (len(outcome.stored), outcome.bad) == (4, 0)


def test_a_forged_entry_is_bad_wherever_it_stands(pair):
    a, b = pair
    entries = a.own.publish(payloads(3), NOW)
    lie = forged(entries[1], payload=b"\x01")
    outcome = give([entries[0], lie, entries[2]], b)
    assert outcome.bad == 1
    assert [entry.seq for entry in outcome.stored] == [1, 3]
    assert give([lie], b).bad == 1
    assert give([entries[1]], b).stored == [entries[1]]
    assert give([lie], b).bad == 1
    assert b.feeds.frozen() == []


def test_a_batch_of_lies_costs_few_checks(pair):
    a, b = pair
    entries = [spoilt(entry) for entry in a.own.publish(payloads(100), NOW)]
    checked = []
    b.signatures._verify = lambda *given: bool(checked.append(1))
    assert give(entries, b).bad == 100
    assert len(checked) == MAX_BAD


def test_another_teams_signature_is_no_signature(pair):
    a, b = pair
    (entry,) = a.own.publish(payloads(1), NOW)
    elsewhere = parse_entry(entry.body, fake_sign(a.own.key)(preamble("other") + entry.body))
    assert give([elsewhere], b).bad == 1


def test_garbage_is_counted_and_takes_nothing_with_it(pair):
    a, b = pair
    (entry,) = a.own.publish(payloads(1), NOW)
    outcome = b.rules.ingest([SignedEntry(b"\xff", bytes(64)), signed(entry)], "peer", NOW)
    assert (outcome.bad, outcome.stored) == (1, [entry])


def test_what_only_a_refused_entry_vouched_for_needs_its_own_signature(
    memory_log, make_replica, pair
):
    a, _ = pair
    one, two = a.own.publish(payloads(2), NOW)
    b = make_replica(
        memory_log(bytes([9]) * 32, random.Random(9)),
        7 * DAY,
        lambda entry: "no" if entry.seq == 2 else None,
    )
    outcome = give([spoilt(one), two], b)
    assert (outcome.refused, outcome.bad, outcome.stored) == (1, 1, [])
    assert give([one], b).stored == [one]


@given(st.integers(1, 30), st.data())
def test_whatever_is_spoilt_nothing_false_is_genuine(count, data):
    key, entries, prev = b"k" * 32, [], b""
    for seq in range(1, count + 1):
        body = encode_body(feed=key + bytes(8), seq=seq, hlc=seq, prev=prev, payload=b"\x01")
        entries.append(parse_entry(body, bytes(64)))
        prev = entries[-1].hash
    spoilt_ones = data.draw(st.sets(st.integers(0, count - 1)))
    lies = data.draw(st.sets(st.integers(0, count - 1)))
    missing = data.draw(st.sets(st.integers(0, count - 1)))
    run = [
        forged(e, payload=b"\x02") if n in lies else e
        for n, e in enumerate(entries)
        if n not in missing
    ]
    truth = {entry.hash for entry in entries}
    sound = {entry.hash for n, entry in enumerate(entries) if n not in spoilt_ones}
    found, bad = genuine(run, lambda entry: None, lambda entry: entry.hash in sound)
    assert all(entry.hash in truth for entry, _ in found)
    assert len(found) + bad == len(run)
    if not lies and not spoilt_ones:
        assert [entry for entry, _ in found] == run

"""The rules one by one, on two replicas with logs in memory."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nodes import fake_sign

from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.replica.chain import MAX_BAD, contradict, genuine
from devstream_desktop.mesh.replica.own_feed import FUTURE_MS
from devstream_desktop.mesh.replica.wants import NEWEST_FIRST
from devstream_desktop.mesh.wire import BATCH_BYTES, Pair, Range, Record, SignedEntry
from devstream_desktop.stream.entry import (
    MalformedEntryError,
    device_id,
    encode_body,
    hlc_time,
    parse_entry,
    preamble,
)

HOUR = 3_600_000
DAY = 24 * HOUR
NOW = 1_700_000_000_000


@pytest.fixture
def pair(memory_log, make_replica):
    """Two replicas, each with its log, that keep seven days."""
    logs = [memory_log(bytes([n]) * 32, random.Random(n)) for n in (1, 2)]
    return [make_replica(log, 7 * DAY) for log in logs]


def payloads(count, start=0):
    return [b"\xcd" + n.to_bytes(2, "big") for n in range(start, start + count)]


def give(entries, to, now=NOW, sender="peer"):
    return to.rules.ingest([signed(entry) for entry in entries], sender, now)


def exchange(to, source, now=NOW, size=BATCH_BYTES):
    records = source.catalogue.records(to.feeds.digest.differing(source.feeds.digest.buckets()))
    return give(
        source.catalogue.serve(to.wants.want(records, now) + to.wants.doubts(records), size),
        to,
        now,
    )


def forged(entry, **changes):
    """`entry` with a body changed and the signature kept."""
    parts = {
        "feed": entry.feed,
        "seq": entry.seq,
        "hlc": entry.hlc,
        "prev": entry.prev,
        "payload": entry.payload,
    } | changes
    return parse_entry(encode_body(**parts), entry.signature)


def resigned(replica, entry, **changes):
    """What the author could have signed instead."""
    body = forged(entry, **changes).body
    return parse_entry(body, replica.signatures.sign(body))


def spoilt(entry):
    return msgspec.structs.replace(entry, signature=bytes(64))


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

"""Missing entries of real replicas, by reason: expired and on its way is not missing."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import pytest

from devstream_desktop.control.messages.status import MissingStatus, Why
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.ranges import distinct
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.replica.shortfall import Shortfall
from devstream_desktop.mesh.status import CatchUp, missing_of
from devstream_desktop.mesh.wire import Pair, Range
from devstream_desktop.stream.entry import (
    SIGNATURE_BYTES,
    device_id,
    encode_body,
    parse_entry,
    preamble,
)
from devstream_desktop.stream.event import encode_event, fact_key, make_event
from devstream_desktop.stream.words import Kind

DAY = 86_400_000
NOW = 1_700_000_000_000


def signer(key: bytes):
    return lambda message: hashlib.blake2b(message, key=key, digest_size=SIGNATURE_BYTES).digest()


@pytest.fixture
def make(tmp_path):
    logs = []

    def make(number: int, *, refusal=lambda _: None) -> Replica:
        key = bytes([number]) * 32
        folder = tmp_path / str(len(logs))
        folder.mkdir()
        logs.append(History(folder / "history.sqlite", FeedMirror(folder / "feed.json"), key, "t"))
        return Replica(
            store=logs[-1],
            identity=Identity(
                device_id(key),
                "t",
                signer(key),
                lambda key, message, sig: signer(key)(message) == sig,
            ),
            authors=SimpleNamespace(
                is_author=lambda _: True, ended=lambda _: None, refusal=refusal
            ),
            retention_ms=7 * DAY,
        )

    yield make
    for log in logs:
        log.close()


def publish(replica: Replica, count: int, now: int = NOW):
    events = [
        make_event(
            kind=Kind.DUTY,
            state="on",
            service="team",
            subject="duty/a",
            key=fact_key("t", str(now), str(n)),
            time=now,
        )
        for n in range(count)
    ]
    return replica.own.publish([encode_event(event) for event in events], now)


def give(entries, to: Replica, now: int = NOW):
    return to.rules.ingest([signed(entry) for entry in entries], "peer", now)


def compare(to: Replica, source: Replica, now: int = NOW):
    return to.wants.want(
        source.catalogue.records(to.feeds.digest.differing(source.feeds.digest.buckets())), now
    )


def test_a_hole_is_a_gap_and_a_whole_feed_is_none(make) -> None:
    a, b = make(1), make(2)
    entries = publish(a, 9)
    give([*entries[:3], *entries[6:]], b)
    assert b.shortfall(NOW) == Shortfall(gaps=(Range(entries[0].feed, 4, 6),))
    give(entries, b)
    assert b.shortfall(NOW) == Shortfall()


def test_what_expired_before_one_came_is_not_missing(make) -> None:
    old, new = make(1), make(2)
    publish(old, 5, NOW - 8 * DAY)
    entries = publish(old, 5)
    give(entries, new)
    assert new.shortfall(NOW).gaps == (), "nobody told yet whether the first five have expired"
    while old.prune(NOW):
        pass
    compare(new, old)
    assert new.shortfall(NOW).gaps == ()


def test_the_beginning_of_a_feed_is_missing_once_a_peer_says_that_it_never_expired(make) -> None:
    a, b, c = make(1), make(2), make(3)
    entries = publish(a, 5)
    for replica in (b, c):
        give(entries[3:], replica)
    assert compare(b, c) == []
    publish(c, 1)
    b.wants.want(c.catalogue.records(range(256)), NOW)
    assert b.shortfall(NOW).gaps == (Range(entries[0].feed, 1, 3),)


def test_a_future_clock_is_held_back_until_its_time(make) -> None:
    a, b = make(1), make(2)
    first = publish(a, 2)
    ahead = publish(a, 2, NOW + 3_600_000)
    give(first + ahead, b)
    ((feed, until),) = b.shortfall(NOW).held_back
    assert (feed, until) == (first[0].feed, NOW + 3_600_000 - 600_000)
    assert b.shortfall(until) == Shortfall()
    give(ahead, b, until + 1)
    assert b.feeds.counts() == (1, 4)


def test_refused_numbers_are_told_apart_from_lost_ones(make) -> None:
    a = make(1)
    entries = publish(a, 6)
    b = make(2, refusal=lambda entry: "no" if entry.seq == 3 else None)
    give([entry for entry in entries if entry.seq != 5], b)
    assert b.shortfall(NOW) == Shortfall(
        gaps=(Range(entries[0].feed, 5, 5),), refused=(Range(entries[0].feed, 3, 3),)
    )


def test_a_frozen_feed_is_told_and_has_no_gaps(make) -> None:
    a, b = make(1), make(2)
    entries = publish(a, 4)
    give([entries[0], entries[3]], b)
    one = entries[1]
    body = encode_body(
        feed=one.feed,
        seq=one.seq,
        hlc=one.hlc,
        prev=one.prev,
        payload=publish(make(1), 1, NOW + 1)[0].payload,
    )
    other = parse_entry(body, signer(bytes([1]) * 32)(preamble("t") + body))
    b.rules.absorb_proofs([Pair(signed(one), signed(other))], NOW)
    assert b.shortfall(NOW) == Shortfall(frozen=(one.feed,))


def test_gaps_are_lost_only_when_a_neighbour_is_level() -> None:
    feed = bytes(range(32)) + bytes(8)
    author = device_id(bytes(range(32)))
    shortfall = Shortfall(
        gaps=(Range(feed, 1, 2), Range(feed, 5, 5)),
        refused=(Range(feed, 7, 7),),
        held_back=((feed, 9),),
        frozen=(feed,),
    )
    told = missing_of(shortfall, level=True)
    assert told[0] == MissingStatus(device=author, why=Why.NOBODY, count=3)
    assert [(one.why, one.count, one.until) for one in told[1:]] == [
        (Why.REFUSED, 1, 0),
        (Why.FUTURE, 0, 9),
        (Why.FROZEN, 0, 0),
    ]
    assert missing_of(shortfall, level=False) == told[1:]


def test_a_catch_up_only_goes_on() -> None:
    progress = CatchUp()
    totals = [(missing, progress.note(missing)) for missing in (0, 100, 60, 90, 10, 0, 5)]
    assert totals == [(0, 0), (100, 100), (60, 100), (90, 130), (10, 130), (0, 0), (5, 5)]


def test_what_two_peers_offer_counts_once() -> None:
    assert distinct([Range(b"a", 1, 100), Range(b"a", 50, 120), Range(b"b", 1, 1)]) == 121

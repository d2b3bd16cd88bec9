"""Messages: what is encoded decodes to itself, and nothing else gets through."""

from __future__ import annotations

import os
import zlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from replicas import entry, key_of, replica

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.replica.feed import FeedState

FEED = bytes(range(40))
signed = st.builds(wire.SignedEntry, st.binary(max_size=300), st.binary(min_size=64, max_size=64))
number = st.integers(0, (1 << 63) - 1)
feed = st.binary(min_size=40, max_size=40)
record = st.builds(
    wire.Record,
    feed,
    number,
    number,
    st.binary(max_size=16),
    number,
    st.lists(st.tuples(number, number), max_size=20),
)
REQUESTS = st.one_of(
    st.builds(wire.Push, st.lists(signed, max_size=20), number),
    st.builds(wire.Digest, st.binary(min_size=512, max_size=512)),
    st.builds(wire.Offer, st.lists(record, max_size=20), st.lists(feed, max_size=5)),
    st.builds(
        wire.Fetch,
        st.lists(st.builds(wire.Range, feed, number, number), max_size=20),
        st.integers(1, wire.BATCH_BYTES),
    ),
    st.builds(
        wire.Proof,
        st.lists(st.builds(wire.Pair, signed, signed), max_size=3),
        st.lists(feed, max_size=3),
    ),
    st.builds(wire.AskNode, st.text(max_size=20), st.binary(max_size=3000)),
    st.builds(wire.AskPolicy, number, st.lists(st.binary(max_size=3000), max_size=3)),
)


@given(REQUESTS)
def test_a_request_decodes_to_itself(request_):
    frame = wire.encode(request_)
    assert wire.decode_request(frame) == request_
    assert frame[0] == (len(msgspec.msgpack.encode(request_)) > wire.COMPRESS_FROM)


@given(st.binary(max_size=400))
def test_any_bytes_are_a_message_or_malformed(frame):
    for decode in (wire.decode_request, wire.decode_reply):
        try:
            decode(frame)
        except wire.MalformedMessageError:
            continue


@given(REQUESTS, st.integers(0, 2000), st.integers(1, 255))
def test_a_damaged_frame_is_a_message_or_malformed(request_, at, mask):
    frame = bytearray(wire.encode(request_))
    frame[at % len(frame)] ^= mask
    try:
        wire.decode_request(bytes(frame))
    except wire.MalformedMessageError:
        return


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\x02" + msgspec.msgpack.encode([7]),
        b"\x00" + msgspec.msgpack.encode([99]),
        b"\x00" + msgspec.msgpack.encode([6, [[b"short", 1, 2]], 100]),
        b"\x00" + msgspec.msgpack.encode([6, [[FEED, 1, 2]], wire.BATCH_BYTES + 1]),
        b"\x00" + msgspec.msgpack.encode([6, [[FEED, -1, 2]], 100]),
        b"\x01" + zlib.compress(msgspec.msgpack.encode([7]))[:-3],
        b"\x01" + zlib.compress(bytes(wire.EXPANDED_BYTES + 1)),
        b"\x00" + bytes(wire.MESSAGE_BYTES),
        b"\x00" + msgspec.msgpack.encode([7, msgspec.Raw(b"\x91" * 17 + b"\xc0")]),
        b"\x01"
        + zlib.compress(
            msgspec.msgpack.encode([5, [[FEED, 0, 9, b"", 0, [[2, 3]] * 200]] * 1000, []])
        ),
    ],
    ids=["empty", "flag", "tag", "feed", "size", "negative", "cut", "bomb", "long", "deep", "many"],
)
def test_what_breaks_a_bound_is_malformed(frame):
    with pytest.raises(wire.MalformedMessageError):
        wire.decode_request(frame)


def test_a_field_from_the_future_is_ignored():
    assert wire.decode_request(b"\x00" + msgspec.msgpack.encode([7, "news"])) == wire.AskPeers()


def test_a_full_batch_fits_the_receive_limit_even_when_it_does_not_compress():
    batch = [
        wire.SignedEntry(os.urandom(4096), os.urandom(64))
        for _ in range(wire.BATCH_BYTES // 4160 + 1)
    ]
    assert len(wire.encode(wire.Push(batch, 0))) < wire.MESSAGE_BYTES // 2


def test_a_full_answer_of_records_fits_too():
    records = [
        wire.Record(os.urandom(40), 1 << 40, 1 << 41, os.urandom(16), 1 << 62, [])
        for _ in range(wire.MAX_RECORDS)
    ]
    assert len(wire.encode(wire.Offer(records, []))) < wire.MESSAGE_BYTES


@pytest.mark.parametrize("gaps", [0, 1, 30, wire.MAX_GAPS])
@pytest.mark.parametrize("step", [2, 1 << 40])
def test_records_with_any_number_of_gaps_fit_a_message_that_is_understood(gaps, step):
    held = replica()
    head = msgspec.structs.replace(entry(key_of(2)), hlc=(1 << 63) - 1)
    for _ in range(wire.MAX_RECORDS + 9):
        state = FeedState(
            os.urandom(40), runs=[(n * step + 1, n * step + step - 1) for n in range(gaps + 1)]
        )
        state.head_entry = head
        held.feeds.keep(state)
    page = held.catalogue.page(range(wire.BUCKETS))
    assert len(page.records) == (wire.MAX_RECORDS if gaps < 2 else len(page.records)) > 80
    assert {len(record.gaps) for record in page.records} == {gaps}
    assert page.end is not None
    offer = wire.Offer(page.records, [os.urandom(40) for _ in range(256)])
    assert len(wire.encode(offer)) < wire.MESSAGE_BYTES
    assert wire.decode_request(wire.encode(offer)) == offer

"""The envelope: what is signed, what is refused, and the clock."""

from __future__ import annotations

import contextlib
import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.stream.bounds import MAX_DEPTH
from devstream_desktop.stream.entry import (
    FEED_BYTES,
    HASH_BYTES,
    MAX_BODY,
    MAX_HLC,
    MAX_SEQ,
    MalformedEntryError,
    body_hash,
    device_id,
    encode_body,
    hlc_time,
    next_hlc,
    parse_entry,
    preamble,
    public_key,
)
from devstream_desktop.stream.event import InvalidEventError, encode_event, make_event
from devstream_desktop.stream.words import Kind

FEED = bytes(range(FEED_BYTES))
SIGNATURE = bytes(64)


@given(
    st.integers(2, 1 << 40),
    st.integers(1, MAX_HLC),
    st.binary(min_size=HASH_BYTES, max_size=HASH_BYTES),
)
def test_what_is_encoded_is_parsed(seq: int, hlc: int, prev: bytes) -> None:
    body = encode_body(feed=FEED, seq=seq, hlc=hlc, prev=prev, payload=b"\x93\x01\x02\x03")
    entry = parse_entry(body, SIGNATURE)
    assert (entry.feed, entry.seq, entry.hlc, entry.prev, entry.payload) == (
        FEED,
        seq,
        hlc,
        prev,
        b"\x93\x01\x02\x03",
    )
    assert entry.body == body
    assert entry.hash == body_hash(body)


@given(st.binary(max_size=400))
def test_no_bytes_surprise_the_parser(data: bytes) -> None:
    with contextlib.suppress(MalformedEntryError):
        parse_entry(data, SIGNATURE)


def test_every_cut_of_a_body_is_malformed() -> None:
    body = encode_body(feed=FEED, seq=1, hlc=5, prev=b"", payload=b"\x91\xa3abc")
    for length in range(len(body)):
        with pytest.raises(MalformedEntryError):
            parse_entry(body[:length], SIGNATURE)


@pytest.mark.parametrize(
    "fields",
    [
        {"seq": 0},
        {"seq": MAX_SEQ + 1, "prev": bytes(HASH_BYTES)},
        {"hlc": 0},
        {"hlc": MAX_HLC + 1},
        {"feed": b"short"},
        {"seq": 2, "prev": b""},
        {"seq": 1, "prev": bytes(HASH_BYTES)},
    ],
)
def test_out_of_range_is_malformed(fields: dict[str, object]) -> None:
    values = {"feed": FEED, "seq": 1, "hlc": 5, "prev": b"", "payload": b"\x90"} | fields
    body = encode_body(**values)  # type: ignore[arg-type]
    with pytest.raises(MalformedEntryError):
        parse_entry(body, SIGNATURE)


def test_an_entry_is_at_most_4_kib() -> None:
    with pytest.raises(MalformedEntryError, match="over the limit"):
        encode_body(feed=FEED, seq=1, hlc=5, prev=b"", payload=b"\xc5\x10\x00" + bytes(MAX_BODY))


def test_a_device_id_is_its_key() -> None:
    key = os.urandom(32)
    assert public_key(device_id(key)) == key
    assert len(device_id(key)) == 52


@pytest.mark.parametrize("text", ["", "short", "A" * 52, "1" * 52, "a" * 51 + "b"])
def test_what_is_no_device_id_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - base32 has its own messages
        public_key(text)


def test_a_signature_means_nothing_in_another_team() -> None:
    assert preamble("a") != preamble("b")


@given(st.integers(0, MAX_HLC - 1), st.integers(0, 1 << 46))
def test_the_clock_only_goes_on_and_is_not_behind_the_wall(last: int, now: int) -> None:
    stamp = next_hlc(last, now)
    assert stamp > last
    assert hlc_time(stamp) >= now


@pytest.mark.parametrize("version", [1, 2, 1 << 40])
def test_a_payload_of_any_version_nests_so_deep_and_no_deeper(version: int) -> None:
    def body(levels: int) -> bytes:
        return msgspec.msgpack.encode(
            [version, FEED, 1, 5, b"", msgspec.Raw(b"\x91" * levels + b"\xc0")]
        )

    # The entry is a container itself.
    parse_entry(body(MAX_DEPTH - 1), SIGNATURE)
    for levels in (MAX_DEPTH, 500, 977, 2000, 3900):
        with pytest.raises(MalformedEntryError):
            parse_entry(body(levels), SIGNATURE)


def test_an_entry_hands_on_the_event_it_was_judged_by() -> None:
    event = make_event(
        kind=Kind.DUTY,
        state="on",
        service="duty",
        subject="duty/ana",
        key="0" * 32,
        time=1,
        actor="ana",
    )
    body = encode_body(feed=FEED, seq=1, hlc=5, prev=b"", payload=encode_event(event))
    entry = parse_entry(body, SIGNATURE)
    assert entry.event == event
    assert entry.event is entry.event


def test_a_payload_that_is_no_event_is_still_an_entry() -> None:
    entry = parse_entry(
        encode_body(feed=FEED, seq=1, hlc=5, prev=b"", payload=b"\x91\xa3abc"), SIGNATURE
    )
    with pytest.raises(InvalidEventError):
        _ = entry.event

"""The replying end of nng's protocol: whole requests however the stream is cut, in bounds."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.mesh.transport.framing import GREETING, Deframer, FramingError, framed_reply

LIMIT = 100
ASKING = b"\0SP\0\0\x30\0\0"

numbers = st.builds(
    lambda hops, last: (
        b"".join(hop.to_bytes(4, "big") for hop in hops) + (last | 1 << 31).to_bytes(4, "big")
    ),
    st.lists(st.integers(0, (1 << 31) - 1), max_size=8),
    st.integers(0, (1 << 31) - 1),
)
wholes = st.lists(st.tuples(numbers, st.binary(max_size=LIMIT - 36)), max_size=8)


def taken(stream: bytes, cuts: list[int]) -> list[tuple[bytes, bytes]]:
    deframer, found = Deframer(LIMIT), []
    places = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        deframer.feed(stream[start:end])
        while deframer.greeted() and (request := deframer.next_request()) is not None:
            found.append(request)
    return found


@given(wholes, st.lists(st.integers(0, 10_000), max_size=10))
def test_requests_come_out_as_they_went_in_however_the_stream_is_cut(requests, cuts) -> None:
    stream = ASKING + b"".join(framed_reply(number, content) for number, content in requests)
    assert taken(stream, cuts) == requests


@given(st.binary(max_size=400), st.booleans())
def test_any_bytes_are_requests_or_an_error_and_never_kept_beyond_the_limit(
    stream, greeted
) -> None:
    deframer = Deframer(LIMIT)
    with contextlib.suppress(FramingError):
        for start in range(0, len(stream), 7):
            deframer.feed((ASKING if greeted and not start else b"") + stream[start : start + 7])
            while deframer.greeted() and deframer.next_request() is not None:
                pass
            assert len(deframer._buffer) <= LIMIT + 16


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (GREETING, "requests"),
        (b"GET / HTTP/1.1\r\n\r\n", "requests"),
        (ASKING + (LIMIT + 1).to_bytes(8, "big"), "more than 100 bytes"),
        (ASKING + b"\xff" * 8, "more than 100 bytes"),
        (ASKING + bytes(8), "no request"),
        (ASKING + (3).to_bytes(8, "big") + b"\x80\0\0", "no request"),
        (ASKING + (44).to_bytes(8, "big") + bytes(44), "no request"),
    ],
)
def test_what_is_no_request_is_an_error(stream, words) -> None:
    with pytest.raises(FramingError, match=words):
        taken(stream, [])

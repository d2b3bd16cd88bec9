"""Bounds before decoding.

Against a naive recursive reader of msgpack and against the standard library's JSON.
"""

from __future__ import annotations

import contextlib
import json
import struct

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from devstream_desktop.stream.bounds import (
    MAX_DEPTH,
    MAX_JSON_DEPTH,
    UnboundedError,
    check_json,
    check_msgpack,
)

ITEMS = 40
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(1 << 63), (1 << 64) - 1),
    st.floats(),
    st.text(),
    st.binary(),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=30,
)
LENGTHS = {0xC4: ">B", 0xC5: ">H", 0xC6: ">I", 0xD9: ">B", 0xDA: ">H", 0xDB: ">I"}
EXTENSIONS = {0xC7: ">B", 0xC8: ">H", 0xC9: ">I"}
COUNTS = {0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}
FIXED = {0xC0: 0, 0xC2: 0, 0xC3: 0, 0xCA: 4, 0xCB: 8, 0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
FIXED |= {0xD0: 1, 0xD1: 2, 0xD2: 4, 0xD3: 8, 0xD4: 2, 0xD5: 3, 0xD6: 5, 0xD7: 9, 0xD8: 17}


class NoValueError(Exception):
    """The bytes are no msgpack value."""


def read(data: bytes, at: int = 0, around: int = 0) -> tuple[int, int, int]:
    """Give the end of the value at `at`, its depth and its count of values, by the book."""
    if around > 300 or at >= len(data):
        raise NoValueError
    first = data[at]
    at += 1
    depth, items = around, 1
    each = 2 if first < 0x90 or first in (0xDE, 0xDF) else 1
    if 0x80 <= first < 0xA0:
        count = first & 0x0F
    elif first in COUNTS:
        (count,), at = number(COUNTS[first], data, at)
    else:
        count = -1
    if count >= 0:
        depth += 1
        for _ in range(count * each):
            at, deeper, more = read(data, at, around + 1)
            depth, items = max(depth, deeper), items + more
        return at, depth, items
    if first < 0x80 or first >= 0xE0:
        length = 0
    elif first < 0xC0:
        length = first & 0x1F
    elif first in FIXED:
        length = FIXED[first]
    elif first in LENGTHS:
        (length,), at = number(LENGTHS[first], data, at)
    elif first in EXTENSIONS:
        (length,), at = number(EXTENSIONS[first], data, at)
        length += 1
    else:
        raise NoValueError
    if at + length > len(data):
        raise NoValueError
    return at + length, depth, items


def number(form: str, data: bytes, at: int) -> tuple[tuple[int, ...], int]:
    size = struct.calcsize(form)
    if at + size > len(data):
        raise NoValueError
    return struct.unpack(form, data[at : at + size]), at + size


def passes(data: bytes, items: int = ITEMS) -> bool:
    try:
        check_msgpack(data, items)
    except UnboundedError:
        return False
    return True


@given(VALUES)
def test_a_value_passes_when_it_is_within_the_bounds(value: object) -> None:
    data = msgspec.msgpack.encode(value)
    _, depth, items = read(data)
    assert passes(data) == (depth <= MAX_DEPTH and items <= ITEMS)


@given(
    st.binary(max_size=60)
    | st.lists(
        st.sampled_from(b"\x81\x91\x92\x01\xdc\xdd\xde\xdf\xc4\xc7\xa1\x00"), max_size=60
    ).map(bytes)
)
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xc6\xff\xff\xff\xff")
@example(b"\x91" * 16 + b"\xc0")
@example(b"\x91" * 17 + b"\xc0")
@example(b"\x91" * 4000)
def test_any_bytes_that_pass_can_be_decoded_safely(data: bytes) -> None:
    passed = passes(data)
    if passed:
        for wanted in (object, msgspec.Raw):
            with contextlib.suppress(ValueError):
                msgspec.msgpack.decode(data, type=wanted)
    with contextlib.suppress(NoValueError):
        end, depth, items = read(data)
        if passed:
            assert depth <= MAX_DEPTH
            assert items <= max(ITEMS, len(data))
        elif end == len(data):
            assert depth > MAX_DEPTH or items > ITEMS


@pytest.mark.parametrize(
    "opening",
    [b"\x91", b"\x81\x01", b"\xdc\0\1", b"\xdd\0\0\0\1", b"\xde\0\1\x01", b"\xdf\0\0\0\1\x01"],
)
def test_one_container_too_many_inside_another_does_not_pass(opening: bytes) -> None:
    assert passes(opening * MAX_DEPTH + b"\xc0", 1000)
    assert not passes(opening * (MAX_DEPTH + 1) + b"\xc0", 1000)


@pytest.mark.parametrize(
    "head", [b"\xdc\xff\xff", b"\xdd\xff\xff\xff\xff", b"\xde\xff\xff", b"\xdf\xff\xff\xff\xff"]
)
def test_a_container_that_declares_more_than_there_is_does_not_pass(head: bytes) -> None:
    assert not passes(head + b"\x01" * 100)


def test_more_values_than_allowed_do_not_pass() -> None:
    assert passes(msgspec.msgpack.encode([0] * (ITEMS - 1)))
    assert not passes(msgspec.msgpack.encode([0] * ITEMS))
    assert not passes(msgspec.msgpack.encode([[0] * 10] * 5))


def depth_of(value: object) -> int:
    inner = (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    )
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


@given(
    st.recursive(
        st.none() | st.text('[]{}"\\é\0,:'),
        lambda inner: st.lists(inner) | st.dictionaries(st.text('{["'), inner),
    ),
    st.integers(0, 5),
)
def test_json_passes_when_it_is_not_too_deep(value: object, most: int) -> None:
    for data in (
        json.dumps(value).encode(),
        json.dumps(value, indent=1, ensure_ascii=False).encode(),
    ):
        if depth_of(value) <= most:
            check_json(data, most)
        else:
            with pytest.raises(UnboundedError):
                check_json(data, most)


@pytest.mark.parametrize(
    "text", [b"[" * 5000, b'{"a":' * 5000, b"[" * 5000 + b"]" * 5000, b'["[",' * 5000, b"[{" * 2000]
)
def test_json_that_nests_too_deeply_does_not_pass(text: bytes) -> None:
    with pytest.raises(UnboundedError):
        check_json(text)


def test_brackets_in_texts_do_not_count() -> None:
    check_json(json.dumps({"text": "[" * 5000, 'key"{' * 50: ["\\" * 99 + "[" * 99]}).encode())
    check_json(b"[" * MAX_JSON_DEPTH + b"]" * MAX_JSON_DEPTH)


@given(st.binary(max_size=200) | st.lists(st.sampled_from(b'[]{}",:\\1'), max_size=300).map(bytes))
def test_any_bytes_that_pass_never_end_the_json_decoder(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        check_json(data, MAX_DEPTH)
        msgspec.json.decode(data)

"""Hostile inputs made of genuine ones.

Bits flipped, parts cut and spliced, lengths grown, nested, made no text, or any bytes at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

MOST = 1 << 16
"""Bytes of an input: what a decoder does with more is the bound's to say, and tested there."""
OPENINGS = (
    b"\x91",
    b"\x81\xa1k",
    b"\xdc\0\1",
    b"\xdd\0\0\0\1",
    b"\xdf\0\0\0\1\1",
    b"[",
    b'{"a":',
    b"<a>",
    b"\x30\x80",
)
"""Openings of a container: msgpack, JSON, XML and DER."""
LEVELS = (1, 14, 15, 16, 17, 60, 64, 65, 200, 900, 977, 999, 1500, 5000)
ODD = (
    *(
        b"\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
    ),
    *(
        b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\xd3\x80\0\0\0\0\0\0\0",
        b"\xcb\x7f\xf8\0\0\0\0\0\0",
        b"\xcb\x7f\xf0\0\0\0\0\0\0",
    ),
    *(
        b"\xc0",
        b"\xc1",
        b"\xc2",
        b"\x80",
        b"\x90",
        b"\xa0",
        b"\xc4\0",
        b"\xd6\xff\xff\xff\xff\xff",
        b"\xc7\x0c\xff" + b"\xff" * 12,
    ),
    *(
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc3\x28",
        b"\xe2\x80\xae",
        b"\0",
        b"\\ud800",
        b"\\u0000",
        b"\x1b[2J",
        b"\r\n",
    ),
    *(
        b"null",
        b"true",
        b"-1",
        b"1e999",
        b"-0.0",
        b"NaN",
        b"Infinity",
        b"9" * 19,
        b"9" * 400,
        b"9" * 5000,
        b"1e-400",
    ),
    *(
        b'""',
        b"[]",
        b"{}",
        b'"',
        b"\\",
        b"0001-01-01T00:00:00Z",
        b"9999-12-31T23:59:59-23:59",
        b"10000-01-01",
        b"1970-01-01T00:00:00",
    ),
    *(
        b"\x84\xff\xff\xff\xff",
        b"\x17\x0d000000000000Z",
        b"\x18\x0f99991231235959Z",
        b"\x02\x01\xff",
        b"\x06\x00",
        b"\x05\x00",
    ),
)


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """An input that is no seed any more, but not far from one."""
    if rng.random() < 0.03:
        return rng.randbytes(rng.randint(0, 300))
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        rng.choice(_CHANGES)(rng, data, seeds)
    return bytes(data[:MOST])


def _flip(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    for _ in range(rng.randint(1, 4)):
        if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.randrange(256)


def _cut(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = rng.randint(0, len(data))
    del data[at : at + (rng.randint(1, 8) if rng.random() < 0.7 else len(data))]


def _splice(rng: random.Random, data: bytearray, seeds: Sequence[bytes]) -> None:
    other = rng.choice(seeds)
    start, at = rng.randint(0, len(other)), rng.randint(0, len(data))
    data[at : at + rng.choice((0, 0, 1, 9))] = other[start : start + rng.choice((1, 4, 30, 300))]


def _odd(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    odd, at = rng.choice(ODD), rng.randint(0, len(data))
    data[at : at + rng.choice((0, 1, len(odd)))] = odd


def _value(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """Another value in the place of one of JSON."""
    starts = [
        place for mark in b":,[" if (place := data.find(mark, rng.randint(0, len(data)))) >= 0
    ]
    if starts:
        at = rng.choice(starts) + 1
        end = min(
            (place for mark in b",}]" if (place := data.find(mark, at)) >= 0), default=len(data)
        )
        data[at:end] = rng.choice(ODD)


def _nest(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = rng.choice(OPENINGS) * rng.choice(LEVELS)


def _grow(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    at = rng.randint(0, len(data))
    data[at:at] = data[at : at + rng.randint(1, 40)] * rng.choice((1, 2, 30, 300))


_CHANGES: tuple[Callable[[random.Random, bytearray, Sequence[bytes]], None], ...] = (
    *(_flip, _flip, _set, _cut, _splice, _splice, _odd, _odd, _value, _value, _nest, _grow),
)

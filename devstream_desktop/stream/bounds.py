"""Bounds of foreign msgpack and JSON, looked at before anything is decoded.

A decoder recurses once for each container inside another, so whoever nests enough of them ends it;
and a few bytes can declare millions of values. Here headers are counted in one pass, without
recursion and without building a value.

Formats: https://github.com/msgpack/msgpack/blob/master/spec.md and RFC 8259.
"""

from __future__ import annotations

import re
from itertools import accumulate

MAX_DEPTH = 16
"""Containers inside one another, the outermost included. devstream itself writes seven at most."""
MAX_JSON_DEPTH = 64
"""The same for answers and webhooks of services, which nest deeper."""


class UnboundedError(ValueError):
    """Bytes that nest too deeply, hold too much or end early. The message says which."""


def _widths() -> tuple[int, ...]:
    """Bytes of a whole value by its first byte. 0 where a length or count follows or is in it."""
    widths = [1] * 0x80 + [0] * 0x20 + [1 + size for size in range(0x20)] + [0] * 0x20 + [1] * 0x20
    fixed = {0xC0: 1, 0xC2: 1, 0xC3: 1, 0xCA: 5, 0xCB: 9, 0xCC: 2, 0xCD: 3, 0xCE: 5, 0xCF: 9}
    fixed |= {0xD0: 2, 0xD1: 3, 0xD2: 5, 0xD3: 9, 0xD4: 3, 0xD5: 4, 0xD6: 6, 0xD7: 10, 0xD8: 18}
    for first, width in fixed.items():
        widths[first] = width
    return tuple(widths)


_WIDTH = _widths()
_SIZED = {
    0xC4: (1, 0),
    0xC5: (2, 0),
    0xC6: (4, 0),
    0xC7: (1, 1),
    0xC8: (2, 1),
    0xC9: (4, 1),
    0xD9: (1, 0),
    0xDA: (2, 0),
    0xDB: (4, 0),
}
"""Binary, extension and text: bytes of the length, and bytes after it beside the content."""
_COUNTED = {0xDC: (2, 1), 0xDD: (4, 1), 0xDE: (2, 2), 0xDF: (4, 2)}
"""Arrays and maps: how many bytes their count has, and how many values it stands for."""
_OPENING = frozenset({*range(0x80, 0xA0), *_COUNTED})
_NOT_OPENING = bytes(byte for byte in range(256) if byte not in _OPENING)
# One that has no end is taken to the end: to look for it from each of its quotes costs the square
# of their number.
_JSON_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKET = bytes(byte for byte in range(256) if byte not in b"[]{}")
_STEP = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")
"""One deeper, and (as a signed byte) one less deep."""


def check_msgpack(data: bytes, items: int) -> None:
    """Pass one msgpack value that can be decoded safely.

    It is at most `MAX_DEPTH` deep and has at most `items` values in all.

    Raises:
        UnboundedError: it is none, or breaks a bound. Bytes that pass may still be no msgpack.
    """
    # Most of what comes is small and nests little. Bytes that could open a container are then so
    # few that they cannot nest too deeply.
    if len(data) <= items and len(data.translate(None, _NOT_OPENING)) <= MAX_DEPTH:
        return
    try:
        _walk(data, items)
    except IndexError:
        raise UnboundedError("cut short") from None


def _walk(data: bytes, items: int) -> None:
    end, at, left, total = len(data), 0, 1, 1
    around: list[int] = []
    """Values that each open container still waits for, the outermost first."""
    while left or around:
        # This container is full: go on with the one around it.
        if not left:
            left = around.pop()
            continue
        left -= 1
        first = data[at]
        width = _WIDTH[first]
        if width:
            at += width
            continue
        if first in _SIZED:
            size, more = _SIZED[first]
            at += 1 + size
            at += more + int.from_bytes(data[at - size : at], "big")
            continue
        # A short map or array has its count in the first byte; a map counts pairs.
        if first < 0xA0:
            count = (first & 0x0F) * (2 if first < 0x90 else 1)
            at += 1
        elif first in _COUNTED:
            size, each = _COUNTED[first]
            at += 1 + size
            count = int.from_bytes(data[at - size : at], "big") * each
        else:
            raise UnboundedError("a byte that begins no value")
        total += count
        # Each value takes a byte at least, so a larger count is a lie.
        if count > end - at or total > items:
            raise UnboundedError("more values than there may be")
        around.append(left)
        if len(around) > MAX_DEPTH:
            raise UnboundedError(f"nested more than {MAX_DEPTH} deep")
        left = count
    if at != end:
        raise UnboundedError("cut short, or followed by something")


def check_json(data: bytes, depth: int = MAX_JSON_DEPTH) -> None:
    """Pass JSON that can be decoded safely: at most `depth` deep.

    Raises:
        UnboundedError: it nests more deeply. Bytes that pass may still be no JSON.

    """
    if data.count(b"[") + data.count(b"{") <= depth:
        return
    # Brackets inside texts open nothing.
    steps = _JSON_STRING.sub(b"", data).translate(_STEP, _NOT_BRACKET)
    if max(accumulate(memoryview(steps).cast("b")), default=0) > depth:
        raise UnboundedError(f"nested more than {depth} deep")

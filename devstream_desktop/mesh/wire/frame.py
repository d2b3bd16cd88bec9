"""Frames: one flag byte (0 plain, 1 zlib) and a message in msgpack."""

from __future__ import annotations

import zlib
from typing import TypeVar

import msgspec

from devstream_desktop.mesh.wire.messages import Reply, Request
from devstream_desktop.mesh.wire.values import MESSAGE_BYTES
from devstream_desktop.stream.bounds import check_msgpack

EXPANDED_BYTES = 1024 * 1024
"""The most bytes that a compressed message may grow to."""
MAX_VALUES = 150_000
"""The most values in one message.

Some more than an honest node sends (`fitting`). To look at them and decode them takes 30 ms, and
some 10 MB.
"""
COMPRESS_FROM = 1024
"""Smaller messages cost more to compress than to send."""

_PLAIN, _ZLIB = 0, 1
_M = TypeVar("_M")
_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


class MalformedMessageError(ValueError):
    """Bytes that are no message. Their sender is broken or hostile."""


def encode(message: Request | Reply) -> bytes:
    """Return the frame of a message."""
    packed = _encoder.encode(message)
    if len(packed) <= COMPRESS_FROM:
        return bytes((_PLAIN,)) + packed
    return bytes((_ZLIB,)) + zlib.compress(packed, 1)


def decode_request(frame: bytes) -> Request:
    """Decode the request in a frame.

    Raises:
        MalformedMessageError: it is none, or grows too large.

    """
    return _decode(_requests, frame)


def decode_reply(frame: bytes) -> Reply:
    """Decode the reply in a frame.

    Raises:
        MalformedMessageError: it is none, or grows too large.

    """
    return _decode(_replies, frame)


def _decode(decoder: msgspec.msgpack.Decoder[_M], frame: bytes) -> _M:
    try:
        content = _expand(frame)
        # Before it is decoded: nesting and counts of foreign bytes are bounded.
        check_msgpack(content, MAX_VALUES)
        return decoder.decode(content)
    except ValueError as error:
        raise MalformedMessageError(str(error)) from None


def _expand(frame: bytes) -> bytes:
    if not frame or len(frame) > MESSAGE_BYTES:
        raise MalformedMessageError("wrong size")
    if frame[0] == _PLAIN:
        return frame[1:]
    if frame[0] != _ZLIB:
        raise MalformedMessageError("unknown flag")
    # Bounded while it expands, so that a small bomb stays small.
    stream = zlib.decompressobj()
    try:
        expanded = stream.decompress(frame[1:], EXPANDED_BYTES)
    except zlib.error as error:
        raise MalformedMessageError(str(error)) from None
    # Either cut off, or it goes on beyond the bound.
    if not stream.eof:
        raise MalformedMessageError("cut short, or larger than a message may be")
    return expanded

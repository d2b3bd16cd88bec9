"""The bytes between a node and whoever asks it: one version byte, then msgpack.

This is the half of whoever asks, who loads the messages of its own question alone. `server_wire` is
the node's.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar

import msgspec

from devstream_desktop.control.errors import ControlError, StartingError
from devstream_desktop.control.messages.base import Refused, Reply, Request
from devstream_desktop.stream.bounds import check_msgpack

PROTOCOL = 1
MAX_MESSAGE = 4 << 20
"""Bytes of one request or answer."""
MAX_VALUES = 1_000_000
"""Values in one of them."""

_encoder = msgspec.msgpack.Encoder()
_R = TypeVar("_R", bound=Reply)


class _Tagged(msgspec.Struct):
    """Any message."""

    tag: str = msgspec.field(name="is")


def encoded(message: Request[Reply] | Reply) -> bytes:
    """Return the bytes of a message: one version byte, then msgpack."""
    return bytes([PROTOCOL]) + _encoder.encode(message)


def encode_request(request: Request[Reply]) -> bytes:
    """Return the bytes of a request."""
    return encoded(request)


def decode_answer(data: bytes, request: Request[_R]) -> _R:
    """Return the answer to `request` in `data`.

    Raises:
        StartingError: the node is just starting.
        ControlError: it was refused, is something else, or another version runs the node.

    """
    if not data or data[0] != PROTOCOL:
        raise ControlError(
            "the node of this home runs another version of devstream; end it and start again"
        )
    content, kind = data[1:], request.reply_type()
    try:
        check_msgpack(content, MAX_VALUES)
        reply = _decoder(kind).decode(content)
    except ValueError as error:
        if (tag := _tag(content)) not in ("", kind.__name__, Refused.__name__):
            raise _another(tag, kind) from None
        raise ControlError(senseless(str(error))) from None
    return expect(reply, request)


def senseless(why: str) -> str:
    """Return the sentence for an answer that no node gives."""
    return f"the node's answer makes no sense ({why}); end it and start again"


@cache
def _decoder(kind: type[_R]) -> msgspec.msgpack.Decoder[_R | Refused]:
    wanted: Any = kind | Refused
    return msgspec.msgpack.Decoder(wanted)


def _tag(content: bytes) -> str:
    """Return what a message is; empty where it is none, or breaks a bound."""
    try:
        check_msgpack(content, MAX_VALUES)
        tag = msgspec.msgpack.decode(content, type=_Tagged).tag
    except ValueError:
        return ""
    # It is shown, and may be anything.
    return tag[:40] if tag.isascii() and tag.isidentifier() else ""


def expect(reply: Reply, request: Request[_R]) -> _R:
    """`reply` as the answer to `request`.

    Raises:
        StartingError: the node is just starting.
        ControlError: it was refused, or is something else.

    """
    # A refusal may answer any request.
    if isinstance(reply, Refused):
        raise StartingError(reply.reason) if reply.again else ControlError(reply.reason)
    kind = request.reply_type()
    if not isinstance(reply, kind):
        raise _another(type(reply).__name__, kind)
    return reply


def _another(given: str, kind: type[Reply]) -> ControlError:
    return ControlError(
        f"the node answered {given} where {kind.__name__} was asked; end it and start again"
    )

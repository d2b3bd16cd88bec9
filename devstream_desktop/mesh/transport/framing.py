"""The replying end of nng's request protocol over a stream.

As in the SP specifications for TCP and for request/reply (https://github.com/nanomsg/nanomsg,
rfc/sp-tcp-mapping-01.txt and rfc/sp-request-reply-01.txt), which nng's REQ sockets speak: each end
sends eight bytes first, then messages, each with its length before it. A request begins with four
bytes that number it, the highest bit set, after at most eight such words of relays in between; its
reply begins with the same.
"""

from __future__ import annotations

import struct

GREETING = b"\0SP\0\0\x31\0\0"
"""Of a REP socket."""
_ASKING = b"\0SP\0\0\x30\0\0"
"""Of a REQ socket."""
_LENGTH = struct.Struct(">Q")
_WORD = 4
_MOST_WORDS = 9


class FramingError(ValueError):
    """Foreign bytes that do not follow the protocol, or too many."""


class Deframer:
    """Takes a stream apart into requests.

    No message's length is believed before it is checked against `limit` bytes.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._greeted = False

    def feed(self, data: bytes) -> None:
        """Take more of the stream."""
        self._buffer += data

    def greeted(self) -> bool:
        """Return True once the other end has greeted as a REQ socket.

        Raises:
            FramingError: it has said something else.

        """
        if not self._greeted and len(self._buffer) >= len(_ASKING):
            if self._buffer[: len(_ASKING)] != _ASKING:
                raise FramingError("it does not speak the protocol of requests")
            del self._buffer[: len(_ASKING)]
            self._greeted = True
        return self._greeted

    def next_request(self) -> tuple[bytes, bytes] | None:
        """Return the next whole request: its number and its content.

        None where there is none yet.

        Raises:
            FramingError: a message is too large, or is no request.

        """
        if len(self._buffer) < _LENGTH.size:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        # Checked before a byte of it is waited for.
        if length > self._limit:
            raise FramingError(f"it sent a message of more than {self._limit} bytes")
        end = _LENGTH.size + length
        if len(self._buffer) < end:
            return None
        message = bytes(self._buffer[_LENGTH.size : end])
        del self._buffer[:end]
        return _split(message)


def framed_reply(number: bytes, content: bytes) -> bytes:
    """Return the frame of the reply to the request with this number."""
    return _LENGTH.pack(len(number) + len(content)) + number + content


def _split(message: bytes) -> tuple[bytes, bytes]:
    for end in range(_WORD, _WORD * _MOST_WORDS + 1, _WORD):
        if len(message) < end:
            break
        # The highest bit marks the request's own number; words before it are relays'.
        if message[end - _WORD] & 0x80:
            return message[:end], message[end:]
    raise FramingError("it sent what is no request")

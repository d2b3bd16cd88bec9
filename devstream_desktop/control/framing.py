"""The asking end of nng's request protocol on a local socket.

nng itself takes longer to load than a command has for all it does. The node's end is nng's.

Each side greets with eight bytes: 0, `SP`, 0, its protocol in two, and two zeros. A message is the
byte 1, its length in eight bytes, and its content: the request's number in four bytes, the highest
bit set, and the body. Numbers are big-endian.

Formats: sp-ipc-mapping-01, sp-request-reply-01, sp-protocol-ids-01
(https://github.com/nanomsg/nanomsg/tree/master/rfc).
"""

from __future__ import annotations

from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.wire import MAX_MESSAGE, senseless

GREETING = b"\0SP\0\0\x30\0\0"
_NODE_GREETING = b"\0SP\0\0\x31\0\0"
_MESSAGE = b"\x01"
_HEAD = 1 + 8
_NUMBER = 4
_REQUEST = 1 << 31


class Requests:
    """Framing of one connection's requests, and of the answers to them."""

    def __init__(self) -> None:
        self._came = bytearray()
        self._number = _REQUEST
        self.greeted = False
        """The other side is a node's."""

    def ask(self, message: bytes) -> bytes:
        """Return the bytes of a request; no answer to an earlier one is taken any more."""
        self._number = _REQUEST | (self._number + 1) % _REQUEST
        length = (_NUMBER + len(message)).to_bytes(8, "big")
        return b"".join((_MESSAGE, length, self._number.to_bytes(_NUMBER, "big"), message))

    def take(self, data: bytes) -> bytes | None:
        """Take the next bytes that came; return the answer once it is whole.

        Raises:
            ControlError: no node sends this, or it is more than `MAX_MESSAGE` bytes.

        """
        self._came += data
        if not self.greeted and not self._took_greeting():
            return None
        while len(self._came) >= _HEAD:
            length = int.from_bytes(self._came[1:_HEAD], "big")
            # Looked at before any of it is kept.
            if self._came[:1] != _MESSAGE or not _NUMBER <= length <= _NUMBER + MAX_MESSAGE:
                raise ControlError(senseless(f"a message of {length:,} bytes"))
            if len(self._came) < _HEAD + length:
                break
            content = bytes(self._came[_HEAD : _HEAD + length])
            del self._came[: _HEAD + length]
            # Another number is the late answer to a request that was given up.
            if int.from_bytes(content[:_NUMBER], "big") == self._number:
                return content[_NUMBER:]
        return None

    def _took_greeting(self) -> bool:
        start = bytes(self._came[: len(_NODE_GREETING)])
        if not _NODE_GREETING.startswith(start):
            raise ControlError(senseless(f"it began with {start.hex()}"))
        self.greeted = start == _NODE_GREETING
        if self.greeted:
            del self._came[: len(start)]
        return self.greeted

"""The services behind one port, chosen by the requested server name.

Each service has places and a pace of its own, so whoever crowds one holds up no other.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from devstream_desktop.door.crowd import Crowd
from devstream_desktop.door.descriptors import room_for
from devstream_desktop.door.strangers import Stranger, Strangers

if TYPE_CHECKING:
    from devstream_desktop.door.connection import Connection, Handler

QUIET = 1024
"""Connections without a whole ClientHello, about 10 KB each.

So many that an honest one has a second for its first bytes, however many come
(acceptor.ACCEPTS_A_SECOND).
"""
_SERVER_NAME, _HOST_NAME = b"\0\0", b"\0"
"""Type of the extension, and of the one name in it."""


class Service:
    """One use of a port.

    `context()` is asked for each handshake, so a new certificate counts at once. Context and
    handler belong together: who may speak to a handler, its context has verified.
    """

    def __init__(
        self,
        context: Callable[[], ssl.SSLContext],
        handler: Callable[[Connection], Handler],
        is_open: Callable[[], bool] = lambda: True,
    ) -> None:
        """While `is_open()` is false, its callers are hung up on."""
        self.context = context
        self.handler = handler
        self.is_open = is_open
        self.strangers = Strangers()


class Services:
    """All services of one port, and its strangers before their choice."""

    def __init__(self, usual: Service, named: Mapping[str, Service] | None = None) -> None:
        """`usual` is for all callers whose server name is not in `named`."""
        self.usual = usual
        self.quiet = Crowd(room_for(QUIET))
        """Strangers without a whole ClientHello."""
        self.all: set[Stranger] = set()
        """Every stranger of the port."""
        self._named = dict(named or {})

    def asked_for(self, hello: bytes) -> Service:
        """Choose the service that a ClientHello asks for."""
        # Without another service nothing has to be read.
        return self._named.get(server_name(hello), self.usual) if self._named else self.usual

    def end(self) -> None:
        """Cut off every stranger."""
        for stranger in list(self.all):
            stranger.end()
        for service in (self.usual, *self._named.values()):
            service.strangers.end()


def server_name(hello: bytes) -> str:
    """Read the server name in the record of a ClientHello; empty for none, or for nonsense.

    See RFC 8446, 4.1.2 and 4.2, and RFC 6066, 3. It only chooses the service: the handshake reads
    the record anew.
    """
    fields = _Fields(hello)
    try:
        # The heads of record and message, the version, and the random number.
        fields.take(5 + 4 + 2 + 32)
        for width in (1, 2, 1):  # the session, the ciphers, the compressions
            fields.sized(width)
        extensions = _Fields(fields.sized(2))
        while extensions.left():
            kind, content = extensions.take(2), extensions.sized(2)
            if kind == _SERVER_NAME:
                names = _Fields(_Fields(content).sized(2))
                # The first and only one; a name of another kind is none of a host.
                return names.sized(2).decode("ascii") if names.take(1) == _HOST_NAME else ""
    except ValueError:
        pass
    return ""


class _Fields:
    """The fields of a message, taken one after the other."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def left(self) -> bool:
        return self._at < len(self._content)

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._content):
            raise ValueError("the message is cut")
        taken = self._content[self._at : end]
        self._at = end
        return taken

    def sized(self, width: int) -> bytes:
        """Take a field whose length is in the `width` bytes before it."""
        return self.take(int.from_bytes(self.take(width), "big"))

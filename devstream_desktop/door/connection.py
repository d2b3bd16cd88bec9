"""One accepted TLS connection, over buffers (`ssl.MemoryBIO`).

Nothing is set up for a peer that never speaks TLS.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from typing import Protocol

from devstream_desktop.door.crowd import Guest, share_of
from devstream_desktop.door.service import Services

FIRST_S = 5.0
"""Time from TCP to a whole ClientHello.

An honest peer sends it at once.
"""
PROVEN_S = 10.0
"""Time from TCP to the handler's word."""
READ_BYTES = 65_536
FIRST_BYTES = 16_384 + 5
"""Bytes of the largest TLS record with its header.

A ClientHello has to fit one.
"""

SILENT = "it connected and said nothing"
NO_TLS = "what it sent is no TLS, so it is no devstream node"
CLOSED = "nobody can join here at this time"
CROWDED = "too many strangers at once, so the oldest went"

# X509_V_ERR_* of OpenSSL (https://docs.openssl.org/3.0/man3/X509_STORE_CTX_get_error/), and its
# names of errors.
_UNKNOWN_ISSUER = frozenset({2, 7, 18, 19, 20, 21})
_WORDS: dict[int | str, str] = {
    9: "its certificate is not valid yet: its clock or this one is wrong",
    10: "its certificate has expired, or this clock is ahead",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "it showed no certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "another team",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it takes this device's certificate for an expired one",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept this device's certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept this device's certificate",
}


class Handler(Protocol):
    """One connection's user. All is called on the loop."""

    def secured(self) -> None:
        """Hear that TLS is up and the certificate, where asked, verified."""

    def received(self, data: bytes) -> None:
        """Take decrypted bytes."""

    def ended(self, reason: str) -> None:
        """Hear, once, that it is over.

        `reason` is empty where the other side hung up or `close` was called.
        """

    def drained(self) -> None:
        """Hear that all was sent, after `Connection.full` was true."""


class Connection(asyncio.Protocol):
    """One accepted connection, from its first byte to its end."""

    def __init__(self, host: str, port: int, services: Services) -> None:
        self.host = host
        self.port = port
        """Of its end."""
        self.share = share_of(host)
        self._services = services
        self._service = services.usual
        """The one that it asked for, once its ClientHello is whole."""
        self._handler = self._service.handler(self)
        self._transport: asyncio.Transport
        self._first = bytearray()
        self._incoming: ssl.MemoryBIO
        self._outgoing: ssl.MemoryBIO
        self._tls: ssl.SSLObject | None = None
        self._secure = False
        self._paused = False
        self._over = False
        self._guest: Guest
        self._deadline: asyncio.TimerHandle
        self._since = time.monotonic()
        self.full = False
        """The other side does not read what it was sent."""

    @property
    def tls(self) -> ssl.SSLObject:
        """The TLS session, from `Handler.secured` on."""
        assert self._tls is not None  # noqa: S101 - a handler's mistake
        return self._tls

    def proven(self) -> None:
        """Note that it is no stranger any more.

        Nobody else's place depends on it, and no deadline.
        """
        self._no_stranger()

    def send(self, data: bytes) -> None:
        """Encrypt and send.

        To be held back by the handler while `full`.
        """
        if self._over or not self._secure:
            return
        try:
            self.tls.write(data)
        except ssl.SSLError:
            self.end()
            return
        self._flush()

    def pause(self) -> None:
        """Take no more from the other side."""
        self._paused = True
        self._transport.pause_reading()

    def resume(self) -> None:
        """Take more again."""
        if self._paused and not self._over:
            self._paused = False
            self._transport.resume_reading()
            self._read()

    def end(self, reason: str = "") -> None:
        """Cut it off.

        Bytes sent so far still leave where the other side takes them at once.
        """
        if self._over:
            return
        self._leave()
        if self._secure:
            # It wants the other side's close_notify, which is not waited for.
            with contextlib.suppress(ssl.SSLError):
                self.tls.unwrap()
            self._flush()
        # A side that reads nothing would otherwise keep its buffer here as long as it likes.
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()
        self._handler.ended(reason)

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # a TCP one
        self._services.all.add(self)
        self._guest = self._services.quiet.enter(self.share, lambda: self.end(CROWDED))
        self._deadline = asyncio.get_running_loop().call_later(FIRST_S, self.end, SILENT)

    def data_received(self, data: bytes) -> None:
        if self._over:
            return
        if self._tls is not None:
            self._incoming.write(data)
            self._read()
            return
        # Only a whole ClientHello is worth a TLS object: until then it is a few bytes.
        whole = _record(self._first)
        self._first += data
        if not _is_hello(self._first) or len(self._first) > FIRST_BYTES:
            self.end(NO_TLS)
        elif not whole and _record(self._first):
            self._greet()

    def _greet(self) -> None:
        self._services.quiet.leave(self._guest)
        service = self._services.asked_for(bytes(self._first))
        # Its handler with its context, once and for all: a caller is never heard by the handler of
        # one service after it was verified by the context of another.
        if service is not self._service:
            self._service, self._handler = service, service.handler(self)
        if not service.is_open():
            self.end(CLOSED)
            return
        strangers = service.strangers
        self._guest = strangers.greeting.enter(self.share, lambda: self.end(CROWDED))
        self._deadline.cancel()
        # From its beginning, so that a slow ClientHello buys no time.
        left = self._since + PROVEN_S - time.monotonic()
        self._deadline = asyncio.get_running_loop().call_later(left, self.end, SILENT)
        strangers.take_turn(self)

    def eof_received(self) -> bool:
        self.end(NO_TLS if self._first and self._tls is None else "")
        return False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the library's name
        if not self._over:
            self._leave()
            self._handler.ended("")

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        if not self._over:
            self._handler.drained()

    # TLS.

    def begin(self) -> None:
        """Begin the handshake: it is its turn."""
        if self._over:
            return
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = self._service.context()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._incoming.write(self._first)
        self._first.clear()
        self._read()

    def _read(self) -> None:
        try:
            if not self._secure:
                self.tls.do_handshake()
                self._secure = True
                self._handler.secured()
            while not self._paused and not self._over:
                data = self.tls.read(READ_BYTES)
                if not data:
                    self.end()
                    break
                self._handler.received(data)
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError as error:
            # The alert, so that the other side can say why.
            self._flush()
            self.end(_words(error) if not self._secure else "")
            return
        self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending and not self._transport.is_closing():
            self._transport.write(self._outgoing.read())

    def _leave(self) -> None:
        self._over = True
        self._no_stranger()

    def _no_stranger(self) -> None:
        self._deadline.cancel()
        self._services.all.discard(self)
        self._services.quiet.leave(self._guest)
        self._service.strangers.greeting.leave(self._guest)
        self._service.strangers.leave(self)


def _is_hello(first: bytes | bytearray) -> bool:
    """Return True for the first bytes of a TLS ClientHello.

    See RFC 8446, 5.1 and 4.
    """
    # A handshake record, of any TLS version, that begins with a ClientHello.
    expected = ((0, 22), (1, 3), (5, 1))
    right = all(len(first) <= at or first[at] == value for at, value in expected)
    return right and (len(first) < 5 or 4 <= int.from_bytes(first[3:5], "big") <= FIRST_BYTES - 5)


def _record(first: bytes | bytearray) -> bool:
    """Return True when the first record is complete."""
    return len(first) >= 5 and len(first) >= 5 + int.from_bytes(first[3:5], "big")


def _words(error: ssl.SSLError) -> str:
    """Return the reason for a failed handshake, for a person."""
    code = error.verify_code if isinstance(error, ssl.SSLCertVerificationError) else 0
    why = "another team" if code in _UNKNOWN_ISSUER else _WORDS.get(code or error.reason, "")
    return f"TLS failed: {why or 'it speaks another TLS, or is no devstream node'}"

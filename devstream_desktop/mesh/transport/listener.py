"""The port that peers dial: admission, requests, and a new certificate.

Peers dial with nng's REQ sockets (link.py). What answers them is no nng socket, because that
accepts without bounds: each stranger costs it up to 60 KB and a descriptor for as long as the
stranger likes, and their number has no limit. It speaks the same protocol (framing.py) behind a
port that strangers cannot crowd (acceptor.py).
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping

from devstream_desktop.address import join, split
from devstream_desktop.door.acceptor import Acceptor, listen
from devstream_desktop.door.connection import Connection
from devstream_desktop.door.service import Service, Services
from devstream_desktop.door.tls import server_context
from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh.membership import Gate
from devstream_desktop.mesh.transport.admission import judge
from devstream_desktop.mesh.transport.callers import Caller, Callers
from devstream_desktop.mesh.transport.framing import GREETING, Deframer, FramingError, framed_reply
from devstream_desktop.mesh.transport.link import Credentials, ListenError
from devstream_desktop.mesh.wire import MESSAGE_BYTES

PIPES_A_DEVICE = 2
"""The most connections of a device.

The link that works, and one that may take its place.
"""
PIPES_A_HOST, PIPES_IN_ALL = 64, 256
"""The most connections from one address, and in all.

One address may be a team behind one router. Each connection costs about 100 KB.
"""
REQUESTS_AT_ONCE = 4
"""The most requests of one caller at once.

It is not read from while so many are under way. An honest one has one on each lane (link.Lane).
"""

_log = logging.getLogger(__name__)


class Listener:
    """The one port of a node, and the mesh's service behind it.

    Args:
        handle: Answers a frame with a frame, or with None to cut the caller off.
        gate: The reason to refuse a device.
        callers: Knows who is connected.
        on_refused: Called with host, device and reason for each member that was not let in.
        on_stranger: Called with host and reason for each caller without the team's certificate.
        others: Other services of the port, by the server name that their callers ask for.

    """

    def __init__(
        self,
        *,
        handle: Callable[[Caller, bytes], Awaitable[bytes | None]],
        gate: Gate,
        callers: Callers,
        on_refused: Callable[[str, str, str], object],
        on_stranger: Callable[[str, str], object],
        others: Mapping[str, Service] | None = None,
    ) -> None:
        self.handle = handle
        self.callers = callers
        self.on_stranger = on_stranger
        self.on_refused = on_refused
        self._gate = gate
        self._others = others
        self._services: Services
        self._context: ssl.SSLContext
        self._authorities = ""
        self._acceptor: Acceptor | None = None
        self._numbers = itertools.count(1)
        self._answering: set[asyncio.Task[None]] = set()

    async def open(self, address: str, credentials: Credentials) -> str:
        """Listen on the IP literal `address`; returns the bound one.

        Raises:
            ListenError: it is taken, not one of ours, or the certificate is not usable.

        """
        await self.use(credentials)
        mesh = Service(lambda: self._context, lambda connection: _Pipe(self, connection))
        self._services = Services(mesh, self._others)
        return self._listen(address)

    async def move(self, address: str) -> str:
        """Listen on another address, and no longer on that of before; links stay.

        Returns the bound one.

        Raises:
            ListenError: it is taken; then nobody is listened for until another move.

        """
        # First, because one port cannot be listened on twice.
        if self._acceptor is not None:
            await self._acceptor.close()
            self._acceptor = None
        return self._listen(address)

    def _listen(self, address: str) -> str:
        try:
            socket = listen(*split(address))
        except OSError as error:
            why = error.strerror or str(error)
            advice = "Choose another address with --listen HOST:PORT"
            raise ListenError(f"cannot listen on {address}: {why}. {advice}") from error
        self._acceptor = Acceptor(socket, self._services)
        bound = socket.getsockname()
        return join(str(bound[0]), int(bound[1]))

    async def use(self, credentials: Credentials) -> None:
        """Show this certificate from now on.

        Links stay up, unless other authorities are believed from now on.

        Raises:
            ListenError: it is not usable; then nothing changed.

        """
        self._context = await asyncio.to_thread(_context, credentials)
        if credentials.ca_pem != self._authorities:
            self._authorities = credentials.ca_pem
            # Links outlive a certificate, but not the trust in it.
            self.callers.drop(lambda _: True)  # they dial again, and show a certificate again

    async def close(self) -> None:
        """Cut everybody off. The handlers must return by themselves."""
        if self._acceptor is not None:
            await self._acceptor.close()
        self.callers.drop(lambda _: True)
        if self._answering:
            await asyncio.wait(self._answering)

    def admit(self, pipe: _Pipe) -> str | None:
        """Let a peer of the team in; returns the reason where it may not.

        Whatever goes wrong keeps it out.
        """
        connection, device, reason = pipe.connection, "", None
        try:
            device, reason = judge(lambda: common_name(connection.tls), self._gate)
            reason = reason or self._too_many(device, connection.host)
        except Exception as error:  # noqa: BLE001 - as in `link.refusal`
            reason = f"it could not be accepted ({type(error).__name__}), so it stays out"
        if reason is not None:
            self.on_refused(connection.host, device, reason)
            return reason
        now = time.monotonic()
        number = next(self._numbers)
        pipe.caller = Caller(device, connection.host, connection.port, number, now, now)
        self.callers.add(pipe.caller, connection.end)
        return None

    def spawn(self, pipe: _Pipe, number: bytes, frame: bytes) -> None:
        """Answer one request beside everything else."""
        task = asyncio.create_task(pipe.answer(number, frame))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    def _too_many(self, device: str, host: str) -> str | None:
        callers = self.callers.all()
        if sum(caller.device == device for caller in callers) >= PIPES_A_DEVICE:
            return "it is connected more than once already"
        # One address, however many devices are behind it, leaves places to others.
        crowded = sum(caller.host == host for caller in callers) >= PIPES_A_HOST
        if crowded or len(callers) >= PIPES_IN_ALL:
            return "too many are connected"
        return None


class _Pipe:
    """One connection's requests and replies."""

    def __init__(self, listener: Listener, connection: Connection) -> None:
        self.connection = connection
        self.caller: Caller
        self._listener = listener
        self._stream = Deframer(MESSAGE_BYTES)
        self._admitted = False
        self._under_way = 0

    def secured(self) -> None:
        self.connection.send(GREETING)

    def received(self, data: bytes) -> None:
        self._stream.feed(data)
        try:
            # Before its greeting it may be anything that speaks TLS; only then the gate is asked.
            if not self._admitted:
                if not self._stream.greeted():
                    return
                if self._listener.admit(self) is not None:
                    self.connection.end()
                    return
                self._admitted = True
                self.connection.proven()
            self._next()
        except FramingError as error:
            self._cut(str(error))

    def drained(self) -> None:
        self.received(b"")

    def ended(self, reason: str) -> None:
        if self._admitted:
            self._listener.callers.remove(self.caller)
        elif reason:
            self._listener.on_stranger(self.connection.host, reason)

    async def answer(self, number: bytes, frame: bytes) -> None:
        """Answer one request, or cut the caller off."""
        reply = None
        try:
            reply = await self._listener.handle(self.caller, frame)
        # A full disk: nothing is acknowledged, so the peer sends it again later.
        except DevstreamError as error:
            _log.warning("the link with %s is cut: %s", self.caller.device[:8], error)
        except Exception:  # noqa: BLE001 - one bad request must not end the others
            _log.exception("a request of %s failed; the link is cut", self.caller.device[:8])
        self._under_way -= 1
        if reply is None:
            self.connection.end()
            return
        self.connection.send(framed_reply(number, reply))
        # Requests may wait in the stream, because this one held them back.
        self.received(b"")

    def _next(self) -> None:
        while self._under_way < REQUESTS_AT_ONCE and not self.connection.full:
            request = self._stream.next_request()
            if request is None:
                self.connection.resume()
                return
            self._under_way += 1
            self.caller.last, self.caller.asked = time.monotonic(), True
            self._listener.spawn(self, *request)
        # It has enough under way: what it sends meanwhile waits in its own buffers.
        self.connection.pause()

    def _cut(self, reason: str) -> None:
        if self._admitted:
            self._listener.on_refused(self.caller.host, self.caller.device, reason)
        self.connection.end()


def _context(credentials: Credentials) -> ssl.SSLContext:
    try:
        certificate, key = credentials.certificate_pem, credentials.key_pem
        return server_context(certificate, key, callers_ca_pem=credentials.ca_pem)
    except (OSError, ValueError, TypeError) as error:
        text = f"this device's certificate cannot be used ({error}): leave and join the team again"
        raise ListenError(text) from error


def common_name(tls: ssl.SSLObject) -> str:
    """Return the one name in a certificate's subject; empty for any other.

    No device's certificate has another field, or none.
    """
    subject = (tls.getpeercert() or {}).get("subject", ())
    single = len(subject) == 1 and len(subject[0]) == 1
    return str(subject[0][0][1]) if single and subject[0][0][0] == "commonName" else ""

"""A dialed link: the only file that knows nng, and handles its traps.

    receive size      unlimited by default: 1 MiB on every socket
    re-sending        a request is sent again for ever by default: off, so a broken link is an error
                      at once
    half-open links   never noticed by nng: every request has a time-out, after which the connection
                      is closed
    re-dialing        without back-off by default, and for ever: a lost link is dialed anew by our
                      own schedule
    handshakes        share a random generator and a store of keys that nothing guards: one at a
                      time, of an address that was just reached
    host names        a racing resolver: IP literals only
    server name       mandatory: a constant that every certificate carries; who it is, is read from
                      the certificate
    a peer's name     not in pynng's API: read with the C function in the pre-connect callback,
                      which fails closed
    callbacks         run on nng's threads under a lock: they only hand over to the loop
    cancelling        can be swallowed by an operation that has just finished: loops have flags, and
                      sockets are closed instead
    exit              with parked operations can abort the process: close contexts, await their
                      tasks, close sockets

Measured with pynng 0.9.0 (nng 1.11.0, Mbed TLS 3.6.3): docs/architecture.md, What nng needs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache

import pynng

from devstream_desktop.address import split
from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh.membership import Gate
from devstream_desktop.mesh.transport.admission import judge
from devstream_desktop.mesh.wire import MESSAGE_BYTES

SERVER_NAME = "peer.devstream.invalid"
"""The name that each certificate carries beside the device id.

It is sent in clear when dialing, so it is the same for everybody.
"""
HANDSHAKE_S = 4.0
"""Time for both certificates: so long may a silent peer keep the next dial waiting."""
_RECONNECT_MS = 3_600_000
"""A lost link is closed before nng dials it again."""


class LinkError(Exception):
    """A link cannot be had or has ended; the message says why."""


class ListenError(DevstreamError):
    """The address cannot be listened on; the message says why and what to do."""


@dataclass(frozen=True)
class Credentials:
    """The certificates and the key for TLS, all PEM.

    The team's CA (several while it changes), this device's P-256 leaf and its key.
    """

    ca_pem: str
    certificate_pem: str
    key_pem: str = field(repr=False)


class Lane(IntEnum):
    """The kinds of requests that may be under way at once.

    One of each.
    """

    TAIL = 0
    PUSH = 1
    OTHER = 2


def tls_config(credentials: Credentials, *, server: bool) -> pynng.TLSConfig:
    """Return a TLS configuration that always asks for a certificate.

    nng's own default for servers is not to.

    Raises:
        LinkError: the certificate or key is not usable.

    """
    try:
        return pynng.TLSConfig(
            pynng.TLSConfig.MODE_SERVER if server else pynng.TLSConfig.MODE_CLIENT,
            server_name=None if server else SERVER_NAME,
            ca_string=credentials.ca_pem,
            own_key_string=credentials.key_pem,
            own_cert_string=credentials.certificate_pem,
            auth_mode=pynng.TLSConfig.AUTH_MODE_REQUIRED,
        )
    except pynng.NNGException as error:
        text = f"this device's certificate cannot be used ({error}): leave and join the team again"
        raise LinkError(text) from error


def _peer_name(pipe: pynng.nng.Pipe) -> str:
    out = pynng.ffi.new("char **")
    pynng.check_err(pynng.lib.nng_pipe_get_string(pipe.pipe, b"tls-peer-cn", out))
    # No certificate, or one without a name.
    if out[0] == pynng.ffi.NULL:
        return ""
    try:
        return bytes(pynng.ffi.string(out[0])).decode("utf-8", "replace")
    finally:
        pynng.lib.nng_strfree(out[0])


def close_pipe(pipe: pynng.nng.Pipe) -> None:
    """Cut a connection."""
    with contextlib.suppress(pynng.NNGException):
        pipe.close()


async def close_socket(socket: pynng.Socket) -> None:
    """Close a socket whose contexts are closed."""
    with contextlib.suppress(pynng.NNGException):
        await asyncio.to_thread(socket.close)


def close_context(context: pynng.Context) -> None:
    """Close a context; what is parked in it ends."""
    with contextlib.suppress(pynng.NNGException, TypeError):
        context.close()


@lru_cache(maxsize=1)
def _turn(_loop: asyncio.AbstractEventLoop) -> asyncio.Lock:
    """Return the turn of a handshake, of all links of a loop.

    Mbed TLS is built without locks, and nng's threads would be in it at once.
    """
    return asyncio.Lock()


class Link:
    """One dialed connection.

    It lives once: when it is lost it stays lost, and another is dialed.
    """

    def __init__(self, address: str, gate: Gate) -> None:
        self.address = address
        self.device = ""
        self.refusal = ""
        """The reason why we turned the peer away."""
        self.lost = asyncio.Event()
        self._gate = gate
        self._up = asyncio.Event()
        self._socket: pynng.Req0 | None = None
        self._contexts: list[pynng.Context] = []
        self._locks = [asyncio.Lock() for _ in Lane]
        self._dialing: asyncio.Task[object] | None = None

    async def open(self, config: pynng.TLSConfig, seconds: float) -> str:
        """Dial and wait until both have shown their certificates; returns the peer's device id.

        The wait for the handshakes of other links comes on top.

        Raises:
            LinkError: that did not happen within `seconds`, or the gate refused the peer.

        """
        self._loop = asyncio.get_running_loop()
        # Before the turn: who sleeps or is gone keeps nobody waiting.
        await self._reach(seconds)
        async with _turn(self._loop):
            # Closed meanwhile.
            if self.lost.is_set():
                raise LinkError("given up")
            try:
                await self._shake_hands(config, min(seconds, HANDSHAKE_S))
            except BaseException:
                # Within the turn: the next handshake begins when this one has ended.
                await self.close()
                raise
        if self.refusal or not self._up.is_set():
            raise LinkError(self.refusal or "given up")
        return self.device

    async def _reach(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                _, writer = await asyncio.open_connection(*split(self.address))
        except TimeoutError:
            raise LinkError(f"{self.address} did not answer") from None
        except OSError as error:
            reason = error.strerror or error
            raise LinkError(f"{self.address} cannot be dialed: {reason}") from error
        writer.close()

    async def _shake_hands(self, config: pynng.TLSConfig, seconds: float) -> None:
        try:
            socket = self._socket = pynng.Req0(
                recv_max_size=MESSAGE_BYTES,
                reconnect_time_min=_RECONNECT_MS,
                reconnect_time_max=_RECONNECT_MS,
            )
            socket.tls_config = config
            # pynng has no option for it: a request must never be sent twice.
            pynng.check_err(pynng.lib.nng_socket_set_ms(socket.socket, b"req:resend-time", -1))
            socket.add_pre_pipe_connect_cb(self._arrived)
            socket.add_post_pipe_remove_cb(self._left)
            self._contexts = [socket.new_context() for _ in Lane]
            # Blocking, in a thread, for nng tells of a failure nowhere else. To close the socket
            # ends it.
            url = f"tls+tcp://{self.address}"
            self._dialing = asyncio.create_task(asyncio.to_thread(socket.dial, url, block=True))
            async with asyncio.timeout(seconds):
                await asyncio.shield(self._dialing)
                await self._first(self._up, self.lost)
        except TimeoutError:
            raise LinkError(f"{self.address} did not answer") from None
        except pynng.NNGException as error:
            raise LinkError(f"{self.address} cannot be dialed: {error}") from error

    async def call(self, frame: bytes, lane: Lane, seconds: float) -> bytes:
        """Ask and await the answer; after `seconds` without one the link is given up.

        Raises:
            LinkError: the link is or was lost.

        """
        async with self._locks[lane]:
            if self.lost.is_set():
                raise LinkError("the link was lost")
            context = self._contexts[lane]
            try:
                async with asyncio.timeout(seconds):
                    await context.asend(frame)
                    return bytes(await context.arecv())
            except TimeoutError:
                # nng never notices a half-open connection, so one late answer ends it.
                self._give_up()
                reason = "the peer sleeps or the network is gone"
                raise LinkError(f"no answer within {seconds:.0f} s: {reason}") from None
            except (pynng.NNGException, TypeError) as error:
                self._give_up()
                raise LinkError(f"the link was lost ({error})") from None

    def busy(self, lane: Lane) -> bool:
        """Return True while a request of this lane is under way."""
        return self._locks[lane].locked()

    async def rest(self, seconds: float) -> None:
        """Wait, but no longer than the link lives."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self.lost.wait()

    async def close(self) -> None:
        """End the link; requests under way end with LinkError."""
        self.lost.set()
        contexts, self._contexts = self._contexts, []
        socket, self._socket = self._socket, None
        for context in contexts:
            close_context(context)
        # Whoever is in a request has left it when its lock is free. A socket that is closed with
        # parked operations can abort the process.
        for lock in self._locks:
            async with lock:
                pass
        if socket is not None:
            await close_socket(socket)
        if self._dialing is not None:
            await asyncio.gather(self._dialing, return_exceptions=True)

    def _give_up(self) -> None:
        self.lost.set()
        for pipe in self._socket.pipes if self._socket is not None else ():
            close_pipe(pipe)

    @staticmethod
    async def _first(*events: asyncio.Event) -> None:
        waiting = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    def _arrived(self, pipe: pynng.nng.Pipe) -> None:
        # On a thread of nng, under its lock: an exception here would let the peer in.
        device, reason = judge(lambda: _peer_name(pipe), self._gate)
        if self.device or self.lost.is_set():
            reason = reason or "one connection is enough"
        if reason is not None:
            close_pipe(pipe)
        self._later(self._decided, device, reason)

    def _decided(self, device: str, reason: str | None) -> None:
        if self._up.is_set():
            return
        self.device = device
        if reason is not None:
            self.refusal = reason
            self.lost.set()
        self._up.set()

    def _left(self, _pipe: pynng.nng.Pipe) -> None:
        self._later(self.lost.set)

    def _later(self, function: Callable[..., None], *arguments: str | None) -> None:
        # The loop has ended.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

"""The only file that knows nng: links between nodes as requests and replies over mutual TLS, with nng's traps handled here.

    receive size      unlimited by default: 1 MiB on every socket
    re-sending        a request is sent again for ever by default: off, so a broken link is an error at once
    half-open links   never noticed by nng: every request has a time-out, after which the connection is closed
    re-dialing        without back-off by default: 1 to 60 s; and the mesh gives up a lost link and dials anew by its own schedule
    host names        a racing resolver: IP literals only
    server name       mandatory: a constant that every certificate carries; who it is, is read from the certificate
    a peer's name     not in pynng's API: read with the C function in the pre-connect callback, which fails closed
    callbacks         run on nng's threads under a lock: they only hand over to the loop
    cancelling        can be swallowed by an operation that has just finished: loops have flags, and sockets are closed instead
    exit              with parked operations can abort the process: close contexts, await their tasks, close sockets

Measured in field/replication.md 1 and field/security.md 3, with pynng 0.9.0 (nng 1.11.0, Mbed TLS 3.6.3).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum

import pynng

from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh.address import join, split
from devstream_desktop.mesh.wire import MESSAGE_BYTES

SERVER_NAME = "peer.devstream.invalid"
"""Sent in clear when dialing, so it is the same for everybody; each certificate carries it beside the device id."""
RECONNECT_MIN_MS, RECONNECT_MAX_MS = 1000, 60_000
SILENT_S = 90.0
"""A caller that asked nothing for this long is gone: a live one asks at least every 25 s."""
RELISTEN_TRIES = 20
"""A closed listener's port is free again after some milliseconds."""

_DEVICE = re.compile(r"[a-z2-7]{52}")
_log = logging.getLogger(__name__)
Gate = Callable[[str], str | None]


class LinkError(Exception):
    """A link cannot be had or has ended; the message says why."""


class ListenError(DevstreamError):
    """The address cannot be listened on; the message says why and what to do."""


@dataclass(frozen=True)
class Credentials:
    """What TLS needs, all PEM: the team's CA (several while it changes), this device's P-256 leaf and its key."""

    ca_pem: str
    certificate_pem: str
    key_pem: str = field(repr=False)


class Lane(IntEnum):
    """The requests of a link that may be under way at once: one of each."""

    TAIL = 0
    PUSH = 1
    OTHER = 2


@dataclass
class Caller:
    """A peer that dialed us."""

    device: str
    host: str
    pipe: int
    last: float
    """When it last asked something, `time.monotonic`."""


def tls_config(credentials: Credentials, *, server: bool) -> pynng.TLSConfig:
    """A configuration that always asks for the other's certificate (nng's own default for servers is not to).

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
        raise LinkError(f"this device's certificate cannot be used ({error}): leave and join the team again") from error


def _peer_name(pipe: pynng.nng.Pipe) -> str:
    out = pynng.ffi.new("char **")
    pynng.check_err(pynng.lib.nng_pipe_get_string(pipe.pipe, b"tls-peer-cn", out))
    if out[0] == pynng.ffi.NULL:
        return ""
    try:
        return bytes(pynng.ffi.string(out[0])).decode("utf-8", "replace")
    finally:
        pynng.lib.nng_strfree(out[0])


def _remote_host(pipe: pynng.nng.Pipe) -> str:
    try:
        return split(str(pipe.remote_address))[0]
    except (pynng.NNGException, ValueError):
        text = str(pipe.remote_address).rpartition(":")[0]  # IPv6 comes without brackets
        return text.removeprefix("::ffff:")


def _judge(pipe: pynng.nng.Pipe, gate: Gate) -> tuple[str, str | None]:
    """The device behind a connection, and why it is refused. On an nng thread; whatever goes wrong refuses."""
    device = ""
    try:
        device = _peer_name(pipe)
        if not _DEVICE.fullmatch(device):
            return device[:80], "its certificate does not name a device: it was not made by this team's issuer"
        return device, gate(device)
    except Exception as error:  # noqa: BLE001 - an exception that leaves an nng callback lets the peer in
        return device[:80], f"it could not be checked ({type(error).__name__}), so it stays out"


def _close_pipe(pipe: pynng.nng.Pipe) -> None:
    with contextlib.suppress(pynng.NNGException):
        pipe.close()


async def _close_socket(socket: pynng.Socket) -> None:
    with contextlib.suppress(pynng.NNGException):
        await asyncio.to_thread(socket.close)


def _close_context(context: pynng.Context) -> None:
    with contextlib.suppress(pynng.NNGException, TypeError):
        context.close()


class Listener:
    """The one socket that peers dial. `handle` answers a frame with a frame, or with None to cut the caller off.

    `gate` is asked on nng's threads. `on_refused(host, device, reason)` and `on_change()` run on the loop.
    """

    def __init__(
        self,
        *,
        handle: Callable[[Caller, bytes], Awaitable[bytes | None]],
        gate: Gate,
        on_refused: Callable[[str, str, str], None],
        on_change: Callable[[], None],
        contexts: int,
    ) -> None:
        self._handle = handle
        self._gate = gate
        self._on_refused = on_refused
        self._on_change = on_change
        self._count = contexts
        self._socket: pynng.Rep0 | None = None
        self._contexts: list[pynng.Context] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._callers: dict[int, Caller] = {}
        self._pipes: dict[int, pynng.nng.Pipe] = {}
        self._closing = False
        self._url = ""
        self._failed_before = 0

    async def open(self, address: str, credentials: Credentials) -> str:
        """Listen on the IP literal `address`; returns the bound one.

        Raises:
            ListenError: it is taken, not one of ours, or the certificate is not usable.

        """
        self._loop = asyncio.get_running_loop()
        host = split(address)[0]
        try:
            self._socket = pynng.Rep0(recv_max_size=MESSAGE_BYTES)
            self._socket.tls_config = tls_config(credentials, server=True)
            self._socket.add_pre_pipe_connect_cb(self._arrived)
            self._socket.add_post_pipe_remove_cb(self._left)
            listener = self._socket.listen(f"tls+tcp://{address}")
            port = pynng.ffi.new("int *")
            pynng.check_err(pynng.lib.nng_listener_get_int(listener.listener, b"tcp-bound-port", port))
        except (pynng.NNGException, LinkError) as error:
            if self._socket is not None:
                await _close_socket(self._socket)
            raise ListenError(f"cannot listen on {address}: {error}. Choose another address with --listen HOST:PORT") from error
        bound = join(host, int(port[0]))
        self._url = f"tls+tcp://{bound}"
        self._contexts = [self._socket.new_context() for _ in range(self._count)]
        self._tasks = [asyncio.create_task(self._serve(context)) for context in self._contexts]
        return bound

    async def relisten(self, credentials: Credentials) -> None:
        """Take up a new certificate: a running listener keeps the old one, so it is closed and opened; peers dial again by themselves.

        Raises:
            ListenError: the port was taken meanwhile.

        """
        if self._socket is None:
            return
        self._failed_before = self.failed_handshakes()
        for listener in self._socket.listeners:
            listener.close()
        self._socket.tls_config = tls_config(credentials, server=True)
        for _ in range(RELISTEN_TRIES):
            try:
                self._socket.listen(self._url)
            except pynng.AddressInUse:
                await asyncio.sleep(0.05)
            else:
                return
        raise ListenError(f"{self._url} was taken by another program while the certificate was renewed; restart the node")

    async def close(self) -> None:
        """Drained: no operation is parked when the socket goes. The handlers must return by themselves."""
        self._closing = True
        for context in self._contexts:
            _close_context(context)
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._socket is not None:
            await _close_socket(self._socket)
        self._callers.clear()
        self._pipes.clear()

    def callers(self) -> list[Caller]:
        """Who is connected now."""
        return list(self._callers.values())

    def drop(self, chosen: Callable[[Caller], bool]) -> None:
        """Cut off the callers for whom `chosen` is true."""
        for caller in self.callers():
            if chosen(caller) and (pipe := self._pipes.get(caller.pipe)) is not None:
                _close_pipe(pipe)

    def failed_handshakes(self) -> int:
        """How many connections failed in TLS: no certificate, another team's, an expired one. nng does not say whose."""
        if self._socket is None or not self._socket.listeners:
            return self._failed_before
        root = pynng.ffi.new("nng_stat **")
        if pynng.lib.nng_stats_get(root) != 0:
            return self._failed_before
        try:
            stat = pynng.lib.nng_stat_child(pynng.lib.nng_stat_find_listener(root[0], self._socket.listeners[0].listener))
            while stat != pynng.ffi.NULL:
                if pynng.ffi.string(pynng.lib.nng_stat_name(stat)) == b"auth":
                    return self._failed_before + int(pynng.lib.nng_stat_value(stat))
                stat = pynng.lib.nng_stat_next(stat)
        finally:
            pynng.lib.nng_stats_free(root[0])
        return self._failed_before

    def _arrived(self, pipe: pynng.nng.Pipe) -> None:
        device, reason = _judge(pipe, self._gate)
        host = ""
        try:
            host = _remote_host(pipe)
            if reason is None:
                number = pipe.id
                self._callers[number] = Caller(device, host, number, time.monotonic())
                self._pipes[number] = pipe
        except Exception:  # noqa: BLE001 - as in _judge
            reason = "its address could not be read, so it stays out"
        if reason is not None:
            _close_pipe(pipe)
            self._later(self._on_refused, host, device, reason)
        else:
            self._later(self._on_change)

    def _left(self, pipe: pynng.nng.Pipe) -> None:
        self._callers.pop(pipe.id, None)
        self._pipes.pop(pipe.id, None)
        self._later(self._on_change)

    def _later(self, function: Callable[..., None], *arguments: str) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, *arguments)

    async def _serve(self, context: pynng.Context) -> None:
        while not self._closing:
            try:
                message = await context.arecv_msg()
            except (pynng.Closed, TypeError):
                return
            except pynng.NNGException as error:
                _log.debug("receiving failed: %s", error)
                await asyncio.sleep(0.05)
                continue
            caller = self._callers.get(message.pipe.id) if message.pipe is not None else None
            reply = None
            if caller is not None:
                caller.last = time.monotonic()
                try:
                    reply = await self._handle(caller, message.bytes)
                except DevstreamError as error:  # a full disk: not acknowledged, so the peer sends it again later
                    _log.warning("the link with %s is cut: %s", caller.device[:8], error)
                except Exception:  # noqa: BLE001 - one bad request must not end a worker
                    _log.exception("a request of %s failed; the link is cut", caller.device[:8])
            if reply is None:
                if message.pipe is not None:
                    _close_pipe(message.pipe)
                continue
            with contextlib.suppress(pynng.NNGException, TypeError):
                await context.asend(reply)


class Link:
    """One dialed connection. It lives once: when it is lost it stays lost, and another is dialed."""

    def __init__(self, address: str, gate: Gate) -> None:
        self.address = address
        self.device = ""
        self.refusal = ""
        """Why we turned the peer away, when we did."""
        self.lost = asyncio.Event()
        self._gate = gate
        self._up = asyncio.Event()
        self._socket: pynng.Req0 | None = None
        self._contexts: list[pynng.Context] = []
        self._locks = [asyncio.Lock() for _ in Lane]

    async def open(self, config: pynng.TLSConfig, seconds: float) -> str:
        """Dial and wait until both have shown their certificates; returns the peer's device id.

        Raises:
            LinkError: that did not happen within `seconds`, or the gate refused the peer.

        """
        self._loop = asyncio.get_running_loop()
        try:
            socket = self._socket = pynng.Req0(
                recv_max_size=MESSAGE_BYTES, reconnect_time_min=RECONNECT_MIN_MS, reconnect_time_max=RECONNECT_MAX_MS
            )
            socket.tls_config = config
            pynng.check_err(pynng.lib.nng_socket_set_ms(socket.socket, b"req:resend-time", -1))
            socket.add_pre_pipe_connect_cb(self._arrived)
            socket.add_post_pipe_remove_cb(self._left)
            self._contexts = [socket.new_context() for _ in Lane]
            socket.dial(f"tls+tcp://{self.address}", block=False)
            await asyncio.wait_for(self._first(self._up, self.lost), seconds)
        except TimeoutError:
            raise LinkError(f"{self.address} did not answer") from None
        except pynng.NNGException as error:
            raise LinkError(f"{self.address} cannot be dialed: {error}") from error
        if self.refusal or not self._up.is_set():
            raise LinkError(self.refusal or "given up")
        return self.device

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
                self._give_up()
                raise LinkError(f"no answer within {seconds:.0f} s: the peer sleeps or the network is gone") from None
            except (pynng.NNGException, TypeError) as error:
                self._give_up()
                raise LinkError(f"the link was lost ({error})") from None

    async def close(self) -> None:
        """End the link; requests under way end with LinkError."""
        self.lost.set()
        contexts, self._contexts = self._contexts, []
        socket, self._socket = self._socket, None
        for context in contexts:
            _close_context(context)
        for lock in self._locks:  # whoever is in a request has left it when the lock is free
            async with lock:
                pass
        if socket is not None:
            await _close_socket(socket)

    def _give_up(self) -> None:
        self.lost.set()
        for pipe in self._socket.pipes if self._socket is not None else ():
            _close_pipe(pipe)

    @staticmethod
    async def _first(*events: asyncio.Event) -> None:
        waiting = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waiting:
                task.cancel()

    def _arrived(self, pipe: pynng.nng.Pipe) -> None:
        device, reason = _judge(pipe, self._gate)
        if self.device or self.lost.is_set():
            reason = reason or "one connection is enough"
        if reason is not None:
            _close_pipe(pipe)
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
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(function, *arguments)

"""The socket that peers dial: who may come in and how many, requests answered, and a new certificate taken up while it runs.

The traps of nng are listed in link.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pynng

from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh.address import join, split
from devstream_desktop.mesh.link import (
    Credentials,
    Gate,
    LinkError,
    ListenError,
    close_context,
    close_pipe,
    close_socket,
    judge,
    remote_address,
    tls_config,
)
from devstream_desktop.mesh.wire import MESSAGE_BYTES

SILENT_S = 30.0
"""A caller that asked nothing for this long is gone: a live one asks at least every 25 s. So a frozen one is noticed within 35 s."""
FIRST_WORD_S = 15.0
"""A caller that has not asked anything yet has this long: an honest one says HELLO at once."""
PIPES_A_DEVICE = 2
"""The link that works, and one that may take its place."""
PIPES_A_HOST, PIPES_IN_ALL = 64, 256
"""Connections from one address (a team behind one router) and in all; each costs about 100 KB."""
RELISTEN_TRIES = 20
"""A closed listener's port is free again after some milliseconds."""

_log = logging.getLogger(__name__)


@dataclass
class Caller:
    """A peer that dialed us."""

    device: str
    host: str
    port: int
    """Of its end."""
    pipe: int
    since: float
    """When it connected, `time.monotonic`."""
    last: float
    """When it last asked something, `time.monotonic`."""
    asked: bool = False

    def gone(self, now: float) -> bool:
        """Whether it has been silent for too long."""
        return now - self.last > (SILENT_S if self.asked else FIRST_WORD_S)


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
                await close_socket(self._socket)
                self._socket = None
            raise ListenError(f"cannot listen on {address}: {error}. Choose another address with --listen HOST:PORT") from error
        bound = join(host, int(port[0]))
        self._url = f"tls+tcp://{bound}"
        self._contexts = [self._socket.new_context() for _ in range(self._count)]
        self._tasks = [asyncio.create_task(self._serve(context)) for context in self._contexts]
        return bound

    async def relisten(self, credentials: Credentials) -> None:
        """Take up a new certificate: a running listener keeps the old one, so it is closed and opened; peers dial again by themselves.

        Raises:
            ListenError: the certificate is not usable (then nothing changed), or the port was taken meanwhile; `listen_again` tries anew.

        """
        if self._socket is None:
            return
        try:
            config = tls_config(credentials, server=True)
        except LinkError as error:
            raise ListenError(str(error)) from error
        self._failed_before = self.failed_handshakes()
        for listener in self._socket.listeners:
            listener.close()
        self._socket.tls_config = config
        await self.listen_again()

    async def listen_again(self) -> None:
        """Listen, when the port was lost.

        Raises:
            ListenError: another program has it.

        """
        for _ in range(RELISTEN_TRIES):
            if self._socket is None or self._socket.listeners or self._closing:
                return
            with contextlib.suppress(pynng.AddressInUse):
                self._socket.listen(self._url)
                return
            await asyncio.sleep(0.05)
        raise ListenError(f"{self._url} was taken by another program; end it, or restart this node with another --listen HOST:PORT")

    async def close(self) -> None:
        """Drained: no operation is parked when the socket goes. The handlers must return by themselves."""
        self._closing = True
        for context in self._contexts:
            close_context(context)
        if self._tasks:
            await asyncio.wait(self._tasks)
        if self._socket is not None:
            await close_socket(self._socket)
        self._callers.clear()
        self._pipes.clear()

    def callers(self) -> list[Caller]:
        """Who is connected now."""
        return list(self._callers.values())

    def drop(self, chosen: Callable[[Caller], bool]) -> None:
        """Cut off the callers for whom `chosen` is true."""
        for caller in self.callers():
            if chosen(caller) and (pipe := self._pipes.get(caller.pipe)) is not None:
                close_pipe(pipe)

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
        device, host, reason = "", "", None
        try:
            device, reason = judge(pipe, self._gate)
            host, port = remote_address(pipe)
            reason = reason or self._too_many(device, host)
            if reason is None:
                number, now = pipe.id, time.monotonic()
                self._callers[number] = Caller(device, host, port, number, now, now)
                self._pipes[number] = pipe
        except BaseException:  # noqa: BLE001 - as in `link.refusal`
            # One that is refused may have hung up already; why it is refused is the better word.
            reason = reason or "its address could not be read, so it stays out"
        if reason is not None:
            close_pipe(pipe)
            self._later(self._on_refused, host, device, reason)
        else:
            self._later(self._on_change)

    def _too_many(self, device: str, host: str) -> str | None:
        callers = self.callers()
        if sum(caller.device == device for caller in callers) >= PIPES_A_DEVICE:
            return "it is connected more than once already"
        if len(callers) >= PIPES_IN_ALL or sum(caller.host == host for caller in callers) >= PIPES_A_HOST:
            return "too many are connected"
        return None

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
                caller.last, caller.asked = time.monotonic(), True
                try:
                    reply = await self._handle(caller, message.bytes)
                except DevstreamError as error:  # a full disk: not acknowledged, so the peer sends it again later
                    _log.warning("the link with %s is cut: %s", caller.device[:8], error)
                except Exception:  # noqa: BLE001 - one bad request must not end a worker
                    _log.exception("a request of %s failed; the link is cut", caller.device[:8])
            if reply is None:
                if message.pipe is not None:
                    close_pipe(message.pipe)
                continue
            with contextlib.suppress(pynng.NNGException, TypeError):
                await context.asend(reply)

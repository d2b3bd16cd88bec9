"""HTTP server in the node's loop: uvicorn on our own socket, with the limits that it lacks.

Anybody can connect, so a connection is a stranger until a delivery over it proved its source
(receiver.py). The number of strangers is bounded: beyond it the oldest of the host and path with
the most gives way, and nobody waits outside.

Needs the extra `collector`; nothing imports this module before a receiver is asked for.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from devstream_desktop.door.crowd import Crowd, Guest, share_of
from devstream_desktop.door.descriptors import room_for
from devstream_desktop.errors import DevstreamError

MAX_HEADERS = 16 * 1024
QUIET, STRANGERS = 1024, 256
"""Connections before their first whole head, and after it without proof."""
AT_ONCE = 64
"""Connections accepted in one turn of the loop, which must go on."""
BACKLOG = 512
"""Connections that wait in the kernel. One more is tried again after a second by its sender."""
HEADER_SECONDS = 5.0
REST_SECONDS = 10.0
STOP_SECONDS = 3


class ListenError(DevstreamError):
    """The receiver cannot listen there; the message says why and what to do."""


class _PipeliningError(Exception):
    """A request came before the last one was answered.

    No sender of webhooks does that, and uvicorn would keep any number of them.
    """


class _Protocol(HttpToolsProtocol):
    """Ends connections that are too slow, too many, or without end.

    The parser itself waits and collects for ever. The rest of a refused body is read and dropped
    for a while, so that a sender that is still writing sees the answer.
    """

    quiet: Crowd
    strangers: Crowd
    _guest: Guest
    _deadline: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _in_headers = True
    _moved = False
    _under_way = False
    _quiet = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn names a wider one
        super().connection_made(transport)
        # A path may hold a secret. The option `access_log` only changes a logger, and a later setup
        # of logging would undo that.
        self.access_log = False
        self._host = share_of(self.client[0] if self.client else "")
        self._guest = self.quiet.enter(self._host, self._give_way)
        self._allow(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._allow(0)
        self.quiet.leave(self._guest)
        self.strangers.leave(self._guest)
        super().connection_lost(exc)

    def asks_for(self, path: str) -> None:
        """Count it with those that ask for the same: behind a proxy all come from one host."""
        self.strangers.move(self._guest, (self._host, path))

    def proven(self) -> None:
        """Note that it proved its source: it is no stranger any more."""
        self.strangers.leave(self._guest)

    def on_message_begin(self) -> None:
        if self._under_way:
            raise _PipeliningError
        self._under_way = True
        super().on_message_begin()
        self.scope["state"]["connection"] = self

    def data_received(self, data: bytes) -> None:
        self._moved = False
        super().data_received(data)
        if self._in_headers and not self._moved and not self.transport.is_closing():
            # A kept connection is idle by right, until the next request begins.
            if self._deadline is None:
                self._allow(HEADER_SECONDS)
            # httptools collects a header for as long as it does not end.
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADERS:
                self.send_400_response("Headers are too large.")

    def on_headers_complete(self) -> None:
        self._in_headers, self._moved, self._header_bytes = False, True, 0
        self._allow(0)
        # With a whole head it leaves the crowd of the silent and joins that of the unproven.
        if self._quiet:
            self._quiet = False
            self.quiet.leave(self._guest)
            self._guest = self.strangers.enter((self._host, ""), self._give_way)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_headers, self._moved = True, True
        self._allow(0)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._under_way = False
        super().on_response_complete()
        # The answer is out before the body is in: the rest has this long to come.
        if not self._in_headers:
            self._allow(REST_SECONDS)

    def _allow(self, seconds: float) -> None:
        """Start the deadline again; 0 stops it."""
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = self.loop.call_later(seconds, self._too_slow) if seconds else None

    def _too_slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def _give_way(self) -> None:
        self.transport.abort()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the node."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for one in sockets or ():
            # asyncio has one number for the kernel's queue and for one turn of the loop.
            one.listen(BACKLOG)


class HttpServer:
    """Serves an application until stopped."""

    def __init__(self, app: Starlette, host: str, port: int) -> None:
        """Bind at once.

        Raises:
            ListenError: the address is taken or not ours.

        """
        self._socket = _bind(host, port)

        class Protocol(_Protocol):
            quiet = Crowd(room_for(QUIET))
            strangers = Crowd(room_for(STRANGERS))

        config = uvicorn.Config(
            app,
            http=Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=AT_ONCE,
            timeout_keep_alive=15,
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        config.load()
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    @property
    def address(self) -> tuple[str, int]:
        """Address it listens on, with the real port for 0."""
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    async def start(self) -> None:
        """Begin to answer."""
        self._task = asyncio.create_task(
            self._server.serve(sockets=[self._socket]), name="intake-http"
        )

    async def stop(self) -> None:
        """Finish the requests that run, a few seconds at most, then close."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ListenError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another address"
        ) from None
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the name says it
    except OSError as error:
        listener.close()
        raise ListenError(
            f"cannot listen on {host}:{port}: {error.strerror or error}; choose another address"
        ) from None
    return listener

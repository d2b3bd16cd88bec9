"""A TLS port that strangers can reach, with limits for them.

A connection is a stranger until its handler says that it is proven. Before that it costs little and
not for long: its first bytes must be a ClientHello and come soon, the handshake is bounded in time
(connection.py), handshakes are bounded a second, and where there is no room the oldest stranger of
the host with the most gives way (strangers.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import sys
import time
from functools import partial

from devstream_desktop import machine
from devstream_desktop.address import plain
from devstream_desktop.door.connection import Connection
from devstream_desktop.door.service import Services

ACCEPTS_A_SECOND = 1000
"""Connections accepted a second.

More wait in the kernel; each costs about 0.1 ms.
"""
BACKLOG = 512
RETRY_S = 0.5
"""Pause after an accept failed, as when descriptors are exhausted."""
_FREEBIND = {
    socket.AF_INET: (socket.IPPROTO_IP, 15),
    socket.AF_INET6: (socket.IPPROTO_IPV6, 78),
}
"""IP_FREEBIND and IPV6_FREEBIND of linux/in.h and in6.h."""

_log = logging.getLogger(__name__)


class Acceptor:
    """Accepts connections on one socket, for all its services."""

    def __init__(self, listener: socket.socket, services: Services) -> None:
        """Take a listener that is bound and non-blocking; `close` closes it."""
        self.services = services
        self._listener = listener
        self._task = asyncio.create_task(self._accept(), name="acceptor")

    async def close(self) -> None:
        """Accept nobody any more, and cut off every stranger.

        Proven connections are left to their handlers.
        """
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self.services.end()
        self._listener.close()
        await asyncio.sleep(0)  # the loop closes sockets in its next turn

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        due, logged = time.monotonic(), False
        while True:
            try:
                accepted, address = await self._next()
            # It hung up already.
            except ConnectionError:
                await asyncio.sleep(0)
                continue
            except OSError as error:
                # Once, because this can go on for hours.
                if not logged:
                    _log.warning("nobody can be accepted: %s", machine.reason(error))
                logged = True
                await asyncio.sleep(RETRY_S)
                continue
            logged = False
            host, port = plain(str(address[0])), int(address[1])
            connection = Connection(host, port, self.services)
            try:
                # One turn of the loop each: everything else goes on meanwhile.
                await loop.connect_accepted_socket(partial(_same, connection), accepted)
            except Exception as error:  # noqa: BLE001 - whatever one brings, the next is met
                _log.debug("a connection could not be met: %r", error)
                accepted.close()
            now = time.monotonic()
            # After a quiet time a short burst is accepted at once.
            due = max(due, now - 0.1) + 1 / ACCEPTS_A_SECOND
            if due > now:
                await asyncio.sleep(due - now)

    async def _next(self) -> tuple[socket.socket, tuple[str, int]]:
        loop = asyncio.get_running_loop()
        while True:
            with contextlib.suppress(BlockingIOError, InterruptedError):
                return self._listener.accept()
            if sys.platform == "win32":
                # Its loop waits for no readiness.
                return await loop.sock_accept(self._listener)
            # Not sock_accept: cancelled in the moment of a caller, it loses the socket, open.
            ready = asyncio.Event()
            loop.add_reader(self._listener, ready.set)
            try:
                await ready.wait()
            finally:
                loop.remove_reader(self._listener)


def _same(connection: Connection) -> Connection:
    return connection


def listen(host: str, port: int) -> socket.socket:
    """Return a non-blocking TCP socket that listens on an IP literal.

    "::" takes callers by IPv4 as well, and is all of IPv4 where there is no IPv6. An address that
    this machine does not have yet, as a VPN's, is waited for where the system can (Linux).

    Raises:
        OSError: the address is taken, or not one of this machine's.

    """
    if host == "::" and not socket.has_dualstack_ipv6():
        host = "0.0.0.0"  # noqa: S104 - all interfaces is what was asked for
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        # A port of a minute ago counts as free; on Windows that would share it with a stranger.
        if sys.platform != "win32":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            only_six = int(host != "::")
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, only_six)
        if sys.platform == "linux":
            level, option = _FREEBIND[family]
            listener.setsockopt(level, option, 1)
        listener.bind(_place(host, port))
        listener.listen(BACKLOG)
        listener.setblocking(False)  # noqa: FBT003 - the library's name
    except OSError:
        listener.close()
        raise
    return listener


def _place(host: str, port: int) -> tuple[str | int, ...]:
    """Return an address as sockets take it: of a link-local one with its interface's number."""
    host, _, scope = host.partition("%")
    if not scope:
        return host, port
    return host, port, 0, int(scope) if scope.isdigit() else socket.if_nametoindex(scope)

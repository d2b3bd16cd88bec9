"""Connections that never say who they are: nng gives a TLS handshake all the time in the world, so it is bounded here.

A silent stranger costs a file descriptor and 34 KB; some hundred of them and nobody else comes in (docs/architecture.md, What
nng needs). nng shows them to nobody, so they are found as the operating system sees them: sockets at our port that belong to no
accepted connection. Shutting such a socket down ends the handshake inside nng, which then closes it. Whoever has shown a
certificate keeps the link.

Where sockets are no files (Windows) nothing is found, and descriptors are not scarce there.
"""

from __future__ import annotations

import concurrent.futures.thread  # noqa: F401 - at its first use, by asyncio.to_thread, there may be no descriptor left to load it
import contextlib
import ipaddress
import os
import socket
import stat
import sys
from collections.abc import Collection, Iterator

HANDSHAKE_S = 10.0
"""TCP, TLS and both certificates: longer than an honest peer tries (session.Timing.connect)."""
CROWD_S = 3.0
"""The same while there are many of them."""
CROWD = 64
"""So many at once are no team that comes back after a power cut."""
MOST_FILES = 65_536
"""Looked at where they cannot be listed; a limit may be a billion."""

if sys.platform != "win32":
    import resource

_FOLDER = "/dev/fd"

Address = tuple[str, int]


class Strangers:
    """Those at one port. Its calls read the process's file table: some milliseconds, so not on the loop."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._since: dict[Address, float] = {}

    def shed(self, known: Collection[Address], now: float) -> int:
        """Cut off whoever is in a handshake for too long; returns how many.

        Args:
            known: The remote addresses of accepted connections.
            now: Steady seconds.

        """
        met = {address: number for number, address in self._connected() if address not in known}
        self._since = {address: self._since.get(address, now) for address in met}
        patience = CROWD_S if len(met) >= CROWD else HANDSHAKE_S
        late = [address for address, since in self._since.items() if now - since >= patience]
        return sum(_shut(met[address], self._port, address) for address in late)

    def _connected(self) -> Iterator[tuple[int, Address]]:
        for number in _numbers():
            address = _remote(number, self._port)
            if address is not None:
                yield number, address


def _numbers() -> list[int]:
    """This process's open file descriptors."""
    if sys.platform == "win32":
        return []
    try:
        return [int(name) for name in os.listdir(_FOLDER)]  # noqa: PTH208 - names, not paths
    except OSError:  # not even one descriptor is left to read the folder with
        return list(range(min(soft_limit(), MOST_FILES)))


def soft_limit() -> int:
    """How many files this process may have open."""
    if sys.platform == "win32":
        return 0
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def raise_soft_limit(wanted: int = 4096) -> None:
    """Let this process have up to `wanted` files open, as far as its hard limit goes: macOS begins with 256."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        with contextlib.suppress(OSError, ValueError):  # macOS has a second limit that is not told
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _remote(number: int, port: int) -> Address | None:
    """Where the connection with this descriptor comes from, when it is one to `port`."""
    try:
        if not stat.S_ISSOCK(os.fstat(number).st_mode):
            return None
        borrowed = socket.socket(fileno=number)
    except OSError:
        return None
    try:
        if borrowed.type != socket.SOCK_STREAM or borrowed.family not in (socket.AF_INET, socket.AF_INET6):
            return None
        if borrowed.getsockname()[1] != port:
            return None
        host, remote = borrowed.getpeername()[:2]
        ip = ipaddress.ip_address(host.partition("%")[0])
        return str(getattr(ip, "ipv4_mapped", None) or ip), remote
    except OSError:  # the listening socket itself, or it was closed meanwhile
        return None
    finally:
        borrowed.detach()


def _shut(number: int, port: int, address: Address) -> bool:
    """Shut the connection down, when the descriptor is still the one from `address`."""
    if _remote(number, port) != address:
        return False
    with contextlib.suppress(OSError):
        borrowed = socket.socket(fileno=number)
        try:
            borrowed.shutdown(socket.SHUT_RDWR)
        finally:
            borrowed.detach()
        return True
    return False

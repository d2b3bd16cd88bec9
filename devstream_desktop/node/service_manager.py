"""Words to the service manager: ready, reloading, stopping, and alive.

The protocol is sd_notify(3): a datagram of lines to the socket that `NOTIFY_SOCKET` names. Without
one nothing is said. systemd's watchdog (`WatchdogSec=`) ends a node whose loop stands still.
"""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import MutableMapping

from devstream_desktop.stream.text import flat

STARTING_S = 10.0
"""Seconds between two requests for more time, while a node starts."""
_MORE = f"EXTEND_TIMEOUT_USEC={int(6 * STARTING_S * 1_000_000)}"
_STATUS = 300
"""Characters of a sentence that `systemctl status` shows."""


class ServiceManager:
    """The manager that started this process, if one did.

    `environment` loses the variables, which are for this process alone and not for deploys.
    """

    def __init__(self, environment: MutableMapping[str, str] = os.environ) -> None:
        path = environment.pop("NOTIFY_SOCKET", "")
        period = environment.pop("WATCHDOG_USEC", "")
        watched = environment.pop("WATCHDOG_PID", "")
        ours = watched in {"", str(os.getpid())}
        self._watchdog_s = int(period) / 1_000_000 if period.isascii() and period.isdigit() else 0.0
        if not ours:
            self._watchdog_s = 0.0
        self._ready = False
        self._socket: socket.socket | None = None
        # A path, or a name in Linux's abstract namespace.
        if path.startswith(("/", "@")):
            self._address = path.replace("@", "\0", 1) if path.startswith("@") else path
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            # A manager that does not read must not hold up the loop.
            self._socket.setblocking(False)  # noqa: FBT003 - the name says it

    def ready(self, status: str) -> None:
        """Say that the node answers; `status` is a sentence for `systemctl status`."""
        self._ready = True
        self._say("READY=1", _line(status))

    def reloading(self) -> None:
        """Say that the settings are read again; `ready` ends that."""
        self._say("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")

    def stopping(self) -> None:
        """Say that the node ends."""
        self._say("STOPPING=1", _line("ending"))

    async def run(self) -> None:
        """Say again and again that this loop turns, until cancelled."""
        while self._socket is not None:
            # To mend a large history takes longer than a service may take to start.
            self._say("WATCHDOG=1" if self._ready else _MORE)
            await asyncio.sleep(min(STARTING_S, self._watchdog_s / 2 or STARTING_S))

    def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _say(self, *lines: str) -> None:
        if self._socket is None:
            return
        try:
            self._socket.sendto("\n".join(lines).encode(), self._address)
        except OSError:
            # It reads nothing now, and there is nobody else to tell.
            return


def _line(status: str) -> str:
    return f"STATUS={flat(status, _STATUS)}"

"""One holder of a home at a time: its node, or a command that works on its files."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from devstream_desktop.control.errors import HomeTakenError, StartingError
from devstream_desktop.control.lock import COMMAND, NODE
from devstream_desktop.control.server import Handler, Server
from devstream_desktop.control.server_wire import AnyReply, AnyRequest
from devstream_desktop.home import Home

_PATIENCE_S = 60.0
"""Seconds to wait for another command that has the home."""
_RETRY_S = 0.1


@asynccontextmanager
async def held(home: Home) -> AsyncIterator[None]:
    """Hold a home: whoever asks it or would change it meanwhile is told to wait.

    Raises:
        HomeTakenError: a node runs for it.

    """

    async def busy(_: AnyRequest) -> AnyReply:
        raise StartingError("another devstream command works on this home; try again in a moment")

    server = await take(home, busy, what=COMMAND)
    try:
        yield
    finally:
        await server.stop()


async def take(
    home: Home,
    handler: Handler,
    *,
    what: str = NODE,
    given_up: Callable[[], bool] = lambda: False,
) -> Server:
    """Listen at a home's control socket, and so be its only writer.

    A command that works on the home is waited for, until `given_up`.

    Raises:
        HomeTakenError: a node runs for it.
        HomeError: the home cannot be used, or belongs to another user.
        ControlError: its lock cannot be opened.
    """
    home.create()
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        server = Server(home.control_url(), handler, what=what)
        try:
            server.start()
        except HomeTakenError as error:
            if not error.brief or given_up() or time.monotonic() > deadline:
                raise
            await asyncio.sleep(_RETRY_S)
        else:
            return server

"""The end of an acceptor leaves no caller's socket open, whenever it comes."""

from __future__ import annotations

import asyncio
import socket
from unittest.mock import Mock

import pytest

from devstream_desktop.door.acceptor import Acceptor, listen
from devstream_desktop.door.service import Service, Services


class Counted(socket.socket):
    """A listener that keeps whom it accepted."""

    def __init__(self, listener: socket.socket) -> None:
        super().__init__(listener.family, listener.type, fileno=listener.detach())
        self.settimeout(0)
        self.accepted: list[socket.socket] = []

    def accept(self):
        one, address = super().accept()
        self.accepted.append(one)
        return one, address


@pytest.mark.parametrize("turns", range(8))
async def test_a_caller_at_the_very_end_is_closed(turns: int) -> None:
    listener = Counted(listen("127.0.0.1", 0))
    acceptor = Acceptor(listener, Services(Service(Mock(), lambda _: Mock())))
    # It waits for callers by now.
    await asyncio.sleep(0.01)
    with socket.create_connection(listener.getsockname(), 5):
        for _ in range(turns):
            await asyncio.sleep(0)
        await acceptor.close()
        # Whom it met is closed by the loop's next turn.
        await asyncio.sleep(0)
        assert [one.fileno() for one in listener.accepted if one.fileno() >= 0] == []

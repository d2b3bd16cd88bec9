"""The desk's socket finds its node again, and drops whatever is none."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtNetwork import QLocalServer, QLocalSocket
from pytestqt.qtbot import QtBot

from devstream_desktop.control.framing import GREETING
from devstream_desktop.control.wire import MAX_MESSAGE
from devstream_desktop.desktop.client.request_socket import RequestSocket

NODE = b"\0SP\0\0\x31\0\0"
PATIENCE_MS = 60_000


class Listener:
    """Somebody at the socket of a node, as a test plays them."""

    def __init__(self, path: Path, qtbot: QtBot) -> None:
        self.path, self.qtbot = path, qtbot
        self.server = QLocalServer()
        assert self.server.listen(str(path))
        self.asked = b""

    def accept(self) -> QLocalSocket:
        """Take the next connection in, which greets."""
        self.qtbot.waitUntil(self.server.hasPendingConnections, timeout=PATIENCE_MS)
        peer = self.server.nextPendingConnection()
        assert self.read(peer, len(GREETING)) == GREETING
        return peer

    def read(self, peer: QLocalSocket, count: int) -> bytes:
        self.qtbot.waitUntil(lambda: peer.bytesAvailable() >= count, timeout=PATIENCE_MS)
        return bytes(peer.read(count).data())


@pytest.fixture
def listener(tmp_path: Path, qtbot: QtBot):
    made = Listener(tmp_path / "s", qtbot)
    yield made
    made.server.close()


@pytest.fixture
def socket(listener: Listener):
    made = RequestSocket(f"ipc://{listener.path}")
    made.open()
    yield made
    made.close()


def answer(request: bytes, body: bytes) -> bytes:
    """The frame of an answer to a request's frame."""
    content = request[9:13] + body
    return b"\x01" + len(content).to_bytes(8, "big") + content


def test_a_request_is_answered_byte_by_byte(qtbot: QtBot, socket, listener: Listener) -> None:
    assert not socket.send(b"too early")
    with qtbot.waitSignal(socket.opened, timeout=PATIENCE_MS):
        listener.accept().write(NODE)
    (peer,) = listener.server.findChildren(QLocalSocket)
    assert socket.send(b"ask")
    request = listener.read(peer, 16)
    assert request[13:] == b"ask"
    late = answer(b"\x01" * 16, b"an earlier one's")
    with qtbot.waitSignal(socket.received, timeout=PATIENCE_MS) as received:
        for byte in late + answer(request, b"done"):
            peer.write(bytes([byte]))
            peer.flush()
    assert received.args == [b"done"]


@pytest.mark.parametrize(
    "said",
    [b"SSH-2.0-x", NODE + b"\x01" + (MAX_MESSAGE + 5).to_bytes(8, "big"), NODE + b"\x02" * 9],
)
def test_whoever_is_no_node_is_dropped_and_dialled_again(
    qtbot: QtBot, socket, listener: Listener, said: bytes
) -> None:
    peer = listener.accept()
    with qtbot.waitSignal(peer.disconnected, timeout=PATIENCE_MS):
        peer.write(said)
    assert not socket.up
    with qtbot.waitSignal(socket.opened, timeout=PATIENCE_MS):
        listener.accept().write(NODE)


def test_a_connection_that_ends_is_told_and_made_again(
    qtbot: QtBot, socket, listener: Listener
) -> None:
    for _ in range(2):
        peer = listener.accept()
        with qtbot.waitSignal(socket.opened, timeout=PATIENCE_MS):
            peer.write(NODE)
        with qtbot.waitSignal(socket.closed, timeout=PATIENCE_MS):
            peer.abort()


def test_a_node_that_reads_nothing_holds_nobody(qtbot: QtBot, socket, listener: Listener) -> None:
    with qtbot.waitSignal(socket.opened, timeout=PATIENCE_MS):
        listener.accept().write(NODE)
    (peer,) = listener.server.findChildren(QLocalSocket)
    peer.setReadBufferSize(1)
    # More than a system keeps for a reader; it returns at once.
    assert socket.send(b"x" * MAX_MESSAGE)


def test_after_its_end_nothing_is_heard(qtbot: QtBot, socket, listener: Listener) -> None:
    with qtbot.waitSignal(socket.opened, timeout=PATIENCE_MS):
        listener.accept().write(NODE)
    (peer,) = listener.server.findChildren(QLocalSocket)
    with (
        qtbot.assertNotEmitted(socket.closed),
        qtbot.waitSignal(peer.disconnected, timeout=PATIENCE_MS),
    ):
        socket.close()
    assert not socket.send(b"ask")

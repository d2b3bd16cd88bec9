"""A client gets an answer or a sentence, whatever is at its node's socket."""

from __future__ import annotations

import asyncio
import resource
import socket
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import (
    ControlError,
    NodeStoppedError,
    NoNodeError,
    SilentError,
)
from devstream_desktop.control.framing import GREETING, Requests
from devstream_desktop.control.local_socket import LocalSocket
from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.status import Stop
from devstream_desktop.control.messages.stream import SetDuty
from devstream_desktop.control.server import Server
from devstream_desktop.control.server_wire import AnyReply, AnyRequest, encode_reply
from devstream_desktop.control.wire import MAX_MESSAGE, encode_request

NODE = b"\0SP\0\0\x31\0\0"
FIRST = b"\x80\0\0\x01"
DONE = encode_reply(Done(text="done"))
ADVICE = "node.log in its home"

Part = Callable[[socket.socket], object]


def frame(content: bytes) -> bytes:
    return b"\x01" + len(content).to_bytes(8, "big") + content


def answer(number: bytes = FIRST, message: bytes = DONE) -> bytes:
    return frame(number + message)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"ipc://{tmp_path / 'control'}"


@pytest.fixture
def liar(url: str) -> Iterator[Callable[[Part], None]]:
    """Start something at the socket that plays a part with its first client."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(url.removeprefix("ipc://"))
    listening.listen()
    threads: list[threading.Thread] = []

    def play(part: Part) -> None:
        connection, _ = listening.accept()
        # The client may leave while it is still spoken to.
        with connection, suppress(OSError):
            part(connection)

    def start(part: Part) -> None:
        threads.append(threading.Thread(target=play, args=(part,), daemon=True))
        threads[0].start()

    yield start
    listening.close()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()


def asked(connection: socket.socket) -> bytes:
    """Greet, and take the greeting and a request."""
    connection.sendall(NODE)
    return heard(connection, len(GREETING) + len(frame(FIRST + encode_request(Stop()))))


def heard(connection: socket.socket, length: int) -> bytes:
    return connection.recv(length, socket.MSG_WAITALL)


def until_it_leaves(connection: socket.socket) -> None:
    while connection.recv(1 << 16):
        pass


def impatient(url: str) -> LocalSocket:
    """Connect, however long that takes, and then wait for no answer."""
    connection = LocalSocket(url, 60.0)
    connection._timeout_s = 0.1
    return connection


def says(*parts: bytes) -> Part:
    """Answer the first request with these."""

    def play(connection: socket.socket) -> None:
        asked(connection)
        for part in parts:
            connection.sendall(part)
        until_it_leaves(connection)

    return play


def test_what_is_sent_is_what_nng_sends(liar, url: str) -> None:
    came: list[bytes] = []

    def part(connection: socket.socket) -> None:
        came.append(asked(connection))
        connection.sendall(answer())

    liar(part)
    with Client(url) as client:
        assert client.ask(Stop()).text == "done"
    assert came == [b"\0SP\0\0\x30\0\0" + frame(FIRST + encode_request(Stop()))]


async def test_a_real_node_is_asked_many_times_and_for_much(url: str) -> None:
    # As much as fits: the tag, the names of the fields, and this.
    long = "x" * (MAX_MESSAGE - 64)

    async def handle(request: AnyRequest) -> AnyReply:
        return Done(text=long if isinstance(request, Stop) else str(request))

    server = Server(url, handle)
    server.start()

    def talk() -> None:
        with Client(url) as client:
            for on in (True, False) * 20:
                assert client.ask(SetDuty(on=on)).text == str(SetDuty(on=on))
            assert client.ask(Stop()).text == long

    await asyncio.to_thread(talk)
    await server.stop()


def test_an_answer_may_come_byte_by_byte(liar, url: str) -> None:
    liar(says(*(bytes([byte]) for byte in answer())))
    with Client(url) as client:
        assert client.ask(Stop()).text == "done"


@pytest.mark.parametrize("size", [1, 3, 7, 8, 9, 16, 17, 18, 100])
def test_the_parts_of_a_stream_say_nothing(size: int) -> None:
    requests = Requests()
    requests.ask(b"")
    stream = NODE + answer()
    found = [requests.take(stream[at : at + size]) for at in range(0, len(stream), size)]
    assert found == [*[None] * (len(found) - 1), DONE]


@pytest.mark.parametrize(
    "greeting",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0SP\0\0\x30\0\0", b"\0SP\x01\0\x31\0\0", b"\xff"],
    ids=["another program", "another asker", "another version", "one byte"],
)
def test_somebody_else_at_the_socket_is_no_node(liar, url: str, greeting: bytes) -> None:
    def part(connection: socket.socket) -> None:
        connection.sendall(greeting)
        until_it_leaves(connection)

    liar(part)
    with pytest.raises(ControlError, match=r"makes no sense.*start again") as told:
        Client(url)
    assert not isinstance(told.value, NoNodeError)


@pytest.mark.parametrize(
    "said",
    [
        b"\x01" + (MAX_MESSAGE + 5).to_bytes(8, "big"),
        b"\x01" + b"\xff" * 8,
        b"\x01" + (3).to_bytes(8, "big") + b"abc",
        b"\x02" + answer()[1:],
        answer(message=b""),
        answer(message=b"\x01\xc1"),
    ],
    ids=["too long", "endless", "no number", "no message", "empty", "no msgpack"],
)
def test_what_is_no_answer_is_told(liar, url: str, said: bytes) -> None:
    liar(says(said))
    with Client(url) as client, pytest.raises(ControlError, match="start again"):
        client.ask(Stop())


def test_no_more_is_kept_than_an_answer_may_have(liar, url: str) -> None:
    def part(connection: socket.socket) -> None:
        asked(connection)
        connection.sendall(b"\x01" + (1 << 40).to_bytes(8, "big"))
        while True:
            connection.sendall(bytes(1 << 16))

    liar(part)
    tracemalloc.start()
    try:
        with Client(url) as client, pytest.raises(ControlError, match="makes no sense"):
            client.ask(Stop())
        assert tracemalloc.get_traced_memory()[1] < MAX_MESSAGE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("left", [0, 4, 8, 9, 13, -1])
def test_a_node_that_goes_in_the_middle_of_an_answer(liar, url: str, left: int) -> None:
    def part(connection: socket.socket) -> None:
        asked(connection)
        connection.sendall(answer()[:left])

    liar(part)
    with Client(url) as client, pytest.raises(NodeStoppedError, match="stopped while answering"):
        client.ask(Stop())


def test_a_node_that_goes_before_it_has_greeted(liar, url: str) -> None:
    liar(lambda connection: connection.sendall(NODE[:5]))
    with pytest.raises(NoNodeError, match="no node runs for this home") as told:
        Client(url)
    # Nothing was asked, so nothing can have been carried out.
    assert not isinstance(told.value, NodeStoppedError)


@pytest.mark.parametrize("greeting", [b"", NODE[:4]])
def test_silence_before_the_greeting(liar, url: str, greeting: bytes) -> None:
    def part(connection: socket.socket) -> None:
        connection.sendall(greeting)
        until_it_leaves(connection)

    liar(part)
    with pytest.raises(SilentError, match=ADVICE):
        Client(url, timeout_ms=100)


@pytest.mark.parametrize("begun", [b"", answer()[:6], answer()[:-1]])
def test_silence_after_the_request(liar, url: str, begun: bytes) -> None:
    liar(says(begun))
    connection = impatient(url)
    with pytest.raises(SilentError, match=ADVICE):
        connection.exchange(encode_request(Stop()))
    connection.close()


def test_bytes_that_trickle_end_nobody_s_patience_anew(liar, url: str) -> None:
    left = threading.Event()

    def part(connection: socket.socket) -> None:
        asked(connection)
        connection.sendall(b"\x01" + MAX_MESSAGE.to_bytes(8, "big"))
        for _ in range(150):
            if left.wait(0.02):
                return
            connection.sendall(b"x")

    liar(part)
    connection = impatient(url)
    with pytest.raises(SilentError, match=ADVICE):
        connection.exchange(encode_request(Stop()))
    left.set()
    connection.close()


def test_a_node_that_lets_nobody_in_is_silent(url: str) -> None:
    with socket.socket(socket.AF_UNIX) as hung, socket.socket(socket.AF_UNIX) as first:
        hung.bind(url.removeprefix("ipc://"))
        hung.listen(0)
        first.connect(url.removeprefix("ipc://"))
        with pytest.raises(SilentError, match=ADVICE):
            Client(url, timeout_ms=100)


def test_a_socket_that_nobody_listens_at_any_more(url: str) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(url.removeprefix("ipc://"))
    with pytest.raises(NoNodeError, match="devstream node"):
        Client(url)


def test_a_process_that_can_open_nothing_says_so(url: str) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(ControlError, match="cannot be asked from here") as told:
            Client(url)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    # Else the command would do it in the node's place.
    assert not isinstance(told.value, NoNodeError)


def test_the_late_answer_to_a_request_that_was_given_up_is_nobody_s(liar, url: str) -> None:
    second = FIRST[:3] + b"\x02"

    def part(connection: socket.socket) -> None:
        asked(connection)
        # Only the next request brings the answer to this one.
        heard(connection, len(frame(second + encode_request(Stop()))))
        connection.sendall(answer() + answer(second, encode_reply(Done(text="second"))))

    liar(part)
    connection = impatient(url)
    with pytest.raises(SilentError):
        connection.exchange(encode_request(Stop()))
    connection._timeout_s = 60.0
    assert connection.exchange(encode_request(Stop())) == encode_reply(Done(text="second"))
    connection.close()

"""A screen and a node speak over a real socket: answers, refusals, long polls, and clean ends."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from devstream_desktop.control import client as blocking
from devstream_desktop.control.client import Client
from devstream_desktop.control.errors import (
    ControlError,
    HomeTakenError,
    NoNodeError,
    StartingError,
)
from devstream_desktop.control.local_socket import LocalSocket
from devstream_desktop.control.messages.base import Done, Request
from devstream_desktop.control.messages.sources import AddSource, GitSource
from devstream_desktop.control.messages.status import GetStatus, Stop
from devstream_desktop.control.messages.stream import News, SetDuty, Wait
from devstream_desktop.control.nng_socket import NngSocket
from devstream_desktop.control.server import Server
from devstream_desktop.control.server_wire import (
    AnyReply,
    AnyRequest,
    decode_request,
    encode_reply,
)
from devstream_desktop.control.wire import MAX_MESSAGE, PROTOCOL, decode_answer, encode_request


class Mistaken(Request[News], frozen=True, tag="SetDuty", kw_only=True):
    """Expects another answer than a node gives to this tag."""

    on: bool


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"ipc://{tmp_path / 'control'}"


@pytest.fixture(params=[LocalSocket, NngSocket])
def each_connection(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(blocking, "connect", request.param)


async def handle(request: AnyRequest) -> AnyReply:
    match request:
        case SetDuty(on=True):
            return Done(text="on duty")
        case SetDuty():
            raise ControlError("you may not rest; ask ana")
        case Wait(wait_ms=wait_ms):
            await asyncio.sleep(wait_ms / 1000)
            return News(newest=7, status=1)
        case _:
            raise StartingError("just starting")


@pytest.mark.usefixtures("each_connection")
async def test_answers_and_refusals(url: str) -> None:
    server = Server(url, handle)
    server.start()

    def talk() -> None:
        with Client(url) as client:
            assert client.ask(SetDuty(on=True)).text == "on duty"
            with pytest.raises(ControlError, match="you may not rest; ask ana"):
                client.ask(SetDuty(on=False))
            with pytest.raises(ControlError, match="answered Done where News was asked"):
                client.ask(Mistaken(on=True))

    await asyncio.to_thread(talk)
    await server.stop()


@pytest.mark.parametrize(
    "text", ["\ud800", "x" * (MAX_MESSAGE + 1), 1 << 70], ids=["no text", "too long", "too large"]
)
async def test_an_answer_that_cannot_be_written_is_refused_and_the_next_is_given(
    url: str, text: object
) -> None:
    async def odd(request: AnyRequest) -> AnyReply:
        if isinstance(request, SetDuty):
            raise ControlError(str(text)) if request.on else ValueError("odd")
        return (
            News(newest=text if isinstance(text, int) else 0, status=0)
            if isinstance(request, Wait)
            else Done(text=text)
        )

    server = Server(url, odd)
    server.start()

    def talk() -> None:
        with Client(url, timeout_ms=5000) as client:
            for _ in range(33):  # one more than the server has places
                for request in (GetStatus(), SetDuty(on=True), SetDuty(on=False)):
                    with pytest.raises(
                        ControlError,
                        match=rf"cannot be written|failed at this|more than the|^{1 << 70}$",
                    ):
                        client.ask(request)
            for _ in range(33 * isinstance(text, int)):
                with pytest.raises(ControlError, match="cannot be written"):
                    client.ask(Wait(newest=0, status=0, wait_ms=0))

    await asyncio.to_thread(talk)
    await server.stop()


async def test_a_parked_poll_holds_nobody_up_and_ends_with_the_node(url: str) -> None:
    server = Server(url, handle)
    server.start()

    def poll() -> News:
        with Client(url) as client:
            return client.ask(Wait(newest=0, status=0, wait_ms=20_000))

    def quick() -> Done:
        with Client(url) as client:
            return client.ask(SetDuty(on=True))

    parked = asyncio.create_task(asyncio.to_thread(poll))
    assert (await asyncio.to_thread(quick)).text == "on duty"
    async with asyncio.timeout(5):
        await server.stop()
        with pytest.raises(NoNodeError):
            await parked


@pytest.mark.usefixtures("each_connection")
async def test_a_node_that_ended_between_two_questions_is_told_as_gone(url: str) -> None:
    server = Server(url, handle)
    server.start()
    client = await asyncio.to_thread(Client, url)
    assert (await asyncio.to_thread(client.ask, SetDuty(on=True))).text == "on duty"
    await server.stop()
    with pytest.raises(NoNodeError, match="stopped while answering"):
        await asyncio.to_thread(client.ask, SetDuty(on=True))
    client.close()


@pytest.mark.usefixtures("each_connection")
async def test_a_node_that_starts_is_asked_again_for_a_while(url: str) -> None:
    asked = 0

    async def starting(_: AnyRequest) -> AnyReply:
        nonlocal asked
        asked += 1
        if asked < 3:
            raise StartingError("just starting")
        return Done(text="now")

    server = Server(url, starting)
    server.start()

    def talk() -> str:
        with Client(url, starting_s=10) as client:
            return client.ask(Stop()).text

    assert await asyncio.to_thread(talk) == "now"
    await server.stop()


async def test_one_home_has_one_node(url: str) -> None:
    server = Server(url, handle)
    server.start()
    with pytest.raises(ControlError, match="another node has this home"):
        Server(url, handle).start()
    await server.stop()
    again = Server(url, handle)
    again.start()
    await again.stop()


async def test_a_node_whose_socket_was_removed_keeps_its_home(url: str) -> None:
    # As by a clean-up of the runtime folder, or another start that took the socket for a dead
    # node's.
    server = Server(url, handle)
    server.start()
    await asyncio.to_thread(Path(url.removeprefix("ipc://")).unlink)
    with pytest.raises(HomeTakenError):
        Server(url, handle).start()
    await server.stop()


@pytest.mark.usefixtures("each_connection")
def test_no_node_says_how_to_start_one(url: str) -> None:
    with pytest.raises(NoNodeError, match="devstream node"):
        Client(url)


@pytest.mark.parametrize(
    "request_",
    [
        GetStatus(),
        SetDuty(on=True),
        AddSource(source=GitSource(name="shop", url="/srv/shop.git"), secret=b"x"),
    ],
)
def test_requests_survive_the_wire(request_: AnyRequest) -> None:
    assert decode_request(encode_request(request_)) == request_


def test_another_version_is_told_as_such() -> None:
    other = bytes([PROTOCOL + 1])
    with pytest.raises(ControlError, match="another version"):
        decode_answer(other + encode_reply(Done())[1:], Stop())
    with pytest.raises(ControlError, match="another version"):
        decode_request(other + encode_request(GetStatus())[1:])
    with pytest.raises(ControlError, match="does not understand"):
        decode_request(bytes([PROTOCOL]) + msgspec.msgpack.encode({"is": "Explode"}))


@pytest.mark.usefixtures("each_connection")
@pytest.mark.process
async def test_a_node_that_dies_while_it_is_asked_is_noticed_at_once(tmp_path: Path) -> None:
    url = f"ipc://{tmp_path / 'control'}"
    steps = (
        f"socket = pynng.Rep0(listen={url!r}); print('ready', flush=True); socket.recv();"
        " print('asked', flush=True); socket.recv()"
    )
    program = f"import pynng; {steps}"
    node = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=asyncio.subprocess.PIPE
    )
    assert node.stdout is not None
    await node.stdout.readline()

    def ask() -> None:
        with Client(url) as client, pytest.raises(NoNodeError, match="stopped while answering"):
            client.ask(Wait(newest=0, status=0, wait_ms=20_000))

    asking = asyncio.create_task(asyncio.to_thread(ask))
    await node.stdout.readline()
    node.kill()
    await node.wait()
    async with asyncio.timeout(5):
        await asking


def read_answer(data: bytes) -> Done:
    return decode_answer(data, Stop())


@pytest.mark.parametrize("decode", [decode_request, read_answer])
def test_what_nests_deeply_is_neither_asked_nor_answered(decode: Callable[[bytes], object]) -> None:
    for levels in (16, 100, 900, 977, 2000):
        content = msgspec.msgpack.encode(
            {"is": "Done", "new": msgspec.Raw(b"\x91" * levels + b"\xc0")}
        )
        with pytest.raises(ControlError, match="nested"):
            decode(bytes([PROTOCOL]) + content)
    with pytest.raises(ControlError):
        decode(bytes([PROTOCOL]) + b"\x81\xa2is\xa2\xff\xfe")

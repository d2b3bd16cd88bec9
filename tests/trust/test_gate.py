"""The gate under attack: it fails closed, and reads no name but a device's.

What becomes of a revoked device is in test_revoked.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time

import pynng
import pytest
from forgery import Holder, leaf
from nacl.exceptions import CryptoError
from raw_member import event

from devstream_desktop.keys.errors import VaultError
from devstream_desktop.mesh.answers import MAX_BAD
from devstream_desktop.mesh.service import Timing
from devstream_desktop.mesh.transport import callers
from devstream_desktop.mesh.transport import listener as listening
from devstream_desktop.mesh.transport.admission import refusal
from devstream_desktop.mesh.transport.link import (
    SERVER_NAME,
    Credentials,
    Lane,
    Link,
    LinkError,
    tls_config,
)
from devstream_desktop.mesh.wire import (
    PROTOCOL,
    Hello,
    Push,
    Refused,
    SignedEntry,
    Tail,
    Welcome,
    decode_reply,
    encode,
)
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.words import Kind
from devstream_desktop.team.errors import PolicyError

pytestmark = pytest.mark.slow

INDEX = bytes(16)

RAISED = [
    ArithmeticError(), AttributeError("x"), AssertionError(), BufferError(), ConnectionError(),
    CryptoError(), EOFError(), KeyError("x"), LookupError(), MemoryError(),
    OSError(28, "No space left"), PolicyError("x"), RecursionError(), RuntimeError(),
    StopIteration(), UnicodeError(), VaultError("x"), sqlite3.OperationalError("locked"),
    pynng.Closed("x", 7), TimeoutError(),
    # Not of the sort that is usually caught; nng's callback in a dialer would take the peer in all
    # the same.
    asyncio.CancelledError(), SystemExit(1), KeyboardInterrupt(), GeneratorExit(),
]  # fmt: skip


def hello(team: str, device: str) -> bytes:
    return encode(Hello(PROTOCOL, team, device, INDEX, 0, time.time_ns() // 1_000_000, 0))


@pytest.mark.parametrize("error", RAISED, ids=lambda error: type(error).__name__)
def test_whatever_the_gate_raises_refuses(error: BaseException) -> None:
    def gate(_: str) -> str | None:
        raise error

    assert f"could not be checked ({type(error).__name__})" in (refusal(gate, "x" * 52) or "")


class Door:
    """A node whose gate raises what a test gives it, and a peer with a good certificate."""

    def __init__(self, team) -> None:
        self.raised: BaseException | None = None
        self.device = device_id(b"p" * 32)
        self._team = team
        self.node = None

    def gate(self, _: str) -> None:
        if self.raised is not None:
            raise self.raised

    async def lets_in(self) -> bool:
        """True when the peer gets a WELCOME."""
        link = Link(self.node.address, lambda _: None)
        try:
            await link.open(tls_config(self._team.credentials(self.device), server=False), 5)
            answer = await link.call(hello(self._team.id, self.device), Lane.OTHER, 2)
            return isinstance(decode_reply(answer), Welcome)
        except LinkError:
            return False
        finally:
            await link.close()


@pytest.fixture
async def door(make_node, team) -> Door:
    door = Door(team)
    door.node = await make_node(gate=door.gate)
    return door


@pytest.mark.parametrize(
    "error",
    [RuntimeError(), SystemExit(1), asyncio.CancelledError()],
    ids=lambda error: type(error).__name__,
)
async def test_what_the_gate_raises_lets_nobody_in(door, error):
    door.raised = error
    assert not await door.lets_in()
    assert door.node.live() == set()
    door.raised = None
    assert await door.lets_in(), "it was the error, and nothing else"


@pytest.mark.parametrize(
    ("owner", "step", "why"),
    [
        (listening, "judge", "it could not be accepted (ZeroDivisionError)"),
        (listening.Listener, "_too_many", "it could not be accepted (ZeroDivisionError)"),
        (listening, "common_name", "its certificate could not be read (ZeroDivisionError)"),
    ],
)
async def test_what_is_raised_while_somebody_is_let_in_lets_nobody_in(
    door, monkeypatch, owner, step, why
):
    with monkeypatch.context() as patch:
        patch.setattr(owner, step, lambda *_: 1 / 0)
        assert not await door.lets_in()
        await door.node.until(lambda: why in door.node.refusals())
    assert door.node.live() == set()
    assert await door.lets_in(), "it was the error, and nothing else"


@pytest.mark.parametrize(
    "name",
    [
        "a" * 52 + "b",
        "a" * 51,
        "A" * 52,
        "a" * 51 + "1",
        "a" * 51 + ",",
        "ä" * 26,
        f"{'a' * 50}\n",
        "x" * 64,
        " ",
    ],
)
async def test_only_a_device_id_is_a_name(make_node, team, name: str) -> None:
    node = await make_node()
    link = Link(node.address, lambda _: None)
    with contextlib.suppress(LinkError):
        made = leaf(Holder(team.key, team.certificate), name, names=(SERVER_NAME,))
        await link.open(
            tls_config(
                Credentials(team.credentials("x").ca_pem, made.pem, made.key_pem), server=False
            ),
            5,
        )
        await link.call(hello(team.id, name), Lane.OTHER, 2)
    await link.close()
    await node.until(lambda: "does not name a device" in node.refusals())
    assert node.live() == set()
    assert all(reason.isprintable() for reason in node.refusals().splitlines())


async def test_one_number_with_two_meanings_told_to_two_nodes_freezes_that_feed_on_all(
    make_node, raw
):
    """The device that lies has a good certificate.

    It tells one node one thing and another node another, under one number.
    """
    one = await make_node()
    other = await make_node()
    third = await make_node(peers=[one, other])
    await third.until(lambda: len(third.live()) == 2)
    liar = raw()
    name, feed = liar.device, liar.feed()
    for node, title in ((one, "deploy it"), (other, "do not")):
        await (await liar.dial(node.address)).push(
            feed.entry(event(Kind.CHANGE, "pushed", title=title), seq=1)
        )
    for node in (one, other, third):
        await node.until(lambda node=node: node.mesh.status().frozen == 1, seconds=20)
        assert [
            (item.device, item.why.value)
            for item in node.mesh.status().missing
            if item.why == "frozen"
        ] == [(name, "frozen")]
    await third.say("all else goes on")
    for node in (one, other):
        await node.until(lambda node=node: "all else goes on" in node.titles())


async def test_before_hello_nothing_is_answered(make_node, raw):
    node = await make_node()
    await node.say("for members who said who they are")
    member = raw()
    link = await member.dial(node.address, greet=False)
    for request in (Tail(INDEX, 0, 0, 1000, 0), Push([], 0), member.hello(team="another team")):
        assert isinstance(await link.ask(request), Refused)
    assert node.live() == set()


async def test_who_passes_on_wrong_signatures_is_cut_off(make_node, raw):
    said, node = await make_node(), await make_node()
    entries = await said.say(*"abcdef")
    link = await raw().dial(node.address)
    spoilt = [SignedEntry(entry.body, bytes(64)) for entry in entries]
    for one in spoilt[:MAX_BAD]:
        await link.push(one)
    with pytest.raises(LinkError):
        await link.push(spoilt[MAX_BAD])
    await node.until(lambda: "it sent entries with wrong signatures" in node.refusals())
    assert node.entries == []


async def test_one_address_has_so_many_links_and_no_more(make_node, raw, monkeypatch):
    monkeypatch.setattr(listening, "PIPES_A_HOST", 3)
    node = await make_node()
    # Each HELLO is answered, so all three count when the fourth comes.
    for _ in range(3):
        await raw().dial(node.address)
    late = await raw().dial(node.address, greet=False)
    await asyncio.wait_for(late.link.lost.wait(), 5)
    assert "too many are connected" in node.refusals()


async def test_no_link_outlives_the_next_look_at_its_certificate(make_node, raw):
    """A peer that never dials anew.

    After its time the link ends, and the handshake decides again.
    """
    node = await make_node(timing=Timing(life=0.5))
    link = await raw().dial(node.address)
    await asyncio.wait_for(link.link.lost.wait(), 10)


def test_who_says_nothing_is_let_go() -> None:
    caller = callers.Caller("d", "h", 1, 1, 0.0, 0.0)
    assert not caller.gone(callers.FIRST_WORD_S - 1)
    assert caller.gone(callers.FIRST_WORD_S + 1)
    caller.asked = True
    assert not caller.gone(callers.SILENT_S - 1)
    assert caller.gone(callers.SILENT_S + 1)

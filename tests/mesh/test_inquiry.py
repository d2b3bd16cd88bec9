"""Questions to one node: answered over a connection of their own, or said to be unreachable."""

from __future__ import annotations

import asyncio
import time

import pytest

from devstream_desktop.errors import DevstreamError
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.service import NotAnsweredError, UnreachableError
from devstream_desktop.mesh.timing import Timing


class SomethingError(DevstreamError):
    """An error of an answering node."""


async def answer(device: str, topic: str, body: bytes) -> bytes:
    if topic == "fail":
        raise SomethingError("it has no such thing")
    return b"|".join((device.encode(), topic.encode(), body))


@pytest.mark.parametrize("dialed_by", ["the asker", "the asked"])
async def test_a_node_is_asked_whichever_of_the_two_dialed(make_node, dialed_by):
    first = await make_node(on_ask=answer, timing=Timing())
    second = await make_node(peers=[first], on_ask=answer, timing=Timing())
    await asyncio.gather(first.until(first.live), second.until(second.live))
    asks, asked = (second, first) if dialed_by == "the asker" else (first, second)
    began = time.monotonic()
    said = await asks.mesh.ask(asked.device, "plan", b"of shop", 30)
    assert said == b"|".join((asks.device.encode(), b"plan", b"of shop"))
    assert time.monotonic() - began < Timing().tail_wait / 2
    answers = await asyncio.gather(
        *(asks.mesh.ask(asked.device, "plan", bytes([at]), 3) for at in range(10))
    )
    assert [one[-1] for one in answers] == list(range(10))
    await asks.say("a push")
    await asked.until(lambda: "a push" in asked.titles())
    assert asks.live() == {asked.device}, "its link is none the worse"


async def test_what_it_cannot_say_is_its_own_sentence(make_node):
    first = await make_node(on_ask=answer)
    second = await make_node(peers=[first])
    await second.until(second.live)
    with pytest.raises(NotAnsweredError, match="it has no such thing"):
        await second.mesh.ask(first.device, "fail", b"", 3)
    with pytest.raises(NotAnsweredError, match="answers no questions"):
        await first.mesh.ask(second.device, "plan", b"", 3)


async def test_a_node_that_is_away_is_said_in_time(make_node):
    first = await make_node(on_ask=answer)
    second = await make_node(peers=[first])
    await second.until(second.live)
    await first.mesh.stop()
    await second.until(lambda: not second.live())
    began = time.monotonic()
    with pytest.raises(UnreachableError):
        await second.mesh.ask(first.device, "plan", b"", 1.5)
    assert time.monotonic() - began < 15
    with pytest.raises(UnreachableError, match="no address"):
        await second.mesh.ask("somebody", "plan", b"", 1.5)


async def test_an_answer_of_another_node_is_none(make_node):
    first = await make_node(on_ask=answer)
    second = await make_node(peers=[first])
    await second.until(second.live)
    other = await make_node(on_ask=answer)
    second.mesh._overlay.learn(other.address, 0, first.device)
    for known in list(second.mesh._overlay.all()):
        if known.address == first.address:
            known.device = "elsewhere"
    second.mesh._core.accepted._peers.clear()
    with pytest.raises(UnreachableError, match="another node is there"):
        await second.mesh.ask(first.device, "plan", b"", 2)


async def test_who_is_barred_is_not_answered(make_node):
    first = await make_node(on_ask=answer)
    second = await make_node(peers=[first])
    await second.until(second.live)
    first.barred[second.device] = "revoked"
    with pytest.raises(UnreachableError):
        await second.mesh.ask(first.device, "plan", b"", 2)


async def test_a_question_has_a_size(make_node):
    first = await make_node(on_ask=answer)
    second = await make_node(peers=[first])
    await second.until(second.live)
    with pytest.raises(UnreachableError):
        await second.mesh.ask(first.device, "plan", bytes(wire.ASK_BYTES + 1), 2)

"""After a sleep or a move every link is in doubt, and everybody is tried again at once."""

from __future__ import annotations

import asyncio
import signal
import time

import pytest

from devstream_desktop.mesh.overlay import wake
from devstream_desktop.mesh.overlay.wake import Wake
from devstream_desktop.mesh.service import Timing
from devstream_desktop.mesh.session import CHECK_S

pytestmark = pytest.mark.slow

NOW = 1_700_000_000_000


def test_a_sleep_shows_in_either_clock_and_an_ordinary_second_in_neither():
    watch = Wake()
    assert not watch.slept(NOW, 100.0)
    assert not watch.slept(NOW + 1100, 101.1)
    assert watch.slept(NOW + 61_100, 102.1)  # the steady clock stood still
    assert watch.slept(NOW + 121_100, 162.1)  # it ran on
    assert not watch.slept(NOW + 122_200, 163.2)
    assert not watch.slept(NOW + 100_000, 164.2)  # a clock that is set back is no sleep


async def test_an_address_that_comes_or_goes_is_seen(monkeypatch):
    found = frozenset({"10.0.0.1"})
    monkeypatch.setattr(wake, "own_addresses", lambda: found)
    watch = Wake()
    assert not await watch.moved(0.0)
    assert not await watch.moved(10.0)
    found = frozenset({"10.0.0.1", "192.168.1.2"})
    assert not await watch.moved(10.5)
    assert await watch.moved(20.0)
    assert not await watch.moved(30.0)


@pytest.mark.process
async def test_a_peer_that_is_gone_after_a_sleep_is_noticed_in_seconds(make_node, start_process):
    process = await start_process()
    slept = 0
    patient = Timing()  # by its time-outs alone it would take 35 s
    node = await make_node(
        peers=[process.address], timing=patient, clock=lambda: time.time_ns() // 1_000_000 + slept
    )
    await node.until(node.live)
    process.send_signal(signal.SIGSTOP)
    slept = 60_000
    await node.until(lambda: not node.live(), seconds=8)
    process.send_signal(signal.SIGCONT)
    await node.until(node.live, seconds=10)


async def test_who_wakes_with_new_addresses_keeps_the_links_that_live(make_node, monkeypatch):
    first = await make_node()
    second = await make_node(peers=[first])
    await second.until(second.live)
    await second.until(lambda: second.mesh._upkeep._wake._addresses is not None)
    link = second.mesh._dialer.live()[0].link
    asked = asyncio.Event()
    call = link.call

    async def watched(frame, lane, seconds):
        reply = await call(frame, lane, seconds)
        if seconds == CHECK_S:
            asked.set()
        return reply

    monkeypatch.setattr(link, "call", watched)
    monkeypatch.setattr(wake, "own_addresses", lambda: frozenset({"192.0.2.7"}))
    await asyncio.wait_for(asked.wait(), 10)
    assert not link.lost.is_set()

"""A node as a real process: frozen like a sleeping laptop, and ended with requests parked."""

from __future__ import annotations

import asyncio
import signal

import pytest

from devstream_desktop.mesh.timing import Timing

pytestmark = pytest.mark.process


async def test_a_frozen_peer_is_noticed_and_used_again_when_it_wakes(make_node, start_process):
    process = await start_process()
    node = await make_node(peers=[process.address])
    await node.until(node.live)
    process.send_signal(signal.SIGSTOP)
    await node.until(lambda: not node.live(), seconds=node_patience(node))
    process.send_signal(signal.SIGCONT)
    await node.until(node.live)
    process.stdin.write(b"awake again\n")
    await node.until(lambda: "awake again" in node.titles())


def node_patience(node):
    return node.mesh._dialer._timing.tail + 1


async def test_a_process_that_is_killed_is_noticed_at_once(make_node, start_process):
    process = await start_process()
    node = await make_node(peers=[process.address], timing=Timing())
    await node.until(node.live)
    process.kill()
    await node.until(lambda: not node.live(), seconds=Timing().tail_wait / 2)


async def test_a_process_ends_cleanly_with_everything_parked(make_node, start_process):
    node = await make_node(timing=Timing())
    process = await start_process(node.address)
    await node.until(node.live)
    process.stdin.close()
    async with asyncio.timeout(Timing().tail_wait / 2):
        assert await process.wait() == 0

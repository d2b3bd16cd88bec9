"""A node as a real process: frozen like a sleeping laptop, and ended with requests parked."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import time
from pathlib import Path

import pytest
from nacl.signing import SigningKey

from devstream_desktop.stream.entry import device_id

PROGRAM = Path(__file__).parent.parent / "hosts" / "mesh_node.py"


@pytest.fixture
async def start_process(team, tmp_path):
    processes = []

    async def start(*peers):
        signing = SigningKey.generate()
        credentials = team.credentials(device_id(bytes(signing.verify_key)))
        home = tmp_path / f"process{len(processes)}"
        home.mkdir()
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(PROGRAM), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        processes.append(process)
        given = {
            "seed": bytes(signing).hex(),
            "team": team.id,
            "ca": credentials.ca_pem,
            "certificate": credentials.certificate_pem,
            "key": credentials.key_pem,
            "home": str(home),
            "listen": "127.0.0.1:0",
            "peers": list(peers),
        }
        process.stdin.write(json.dumps(given).encode() + b"\n")
        process.address = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().split()[1]
        return process

    yield start
    for process in processes:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_a_frozen_peer_is_noticed_and_used_again_when_it_wakes(make_node, start_process):
    process = await start_process()
    node = await make_node(peers=[process.address])
    await node.until(node.live)
    process.send_signal(signal.SIGSTOP)
    await node.until(lambda: not node.live(), seconds=node_patience(node))
    process.send_signal(signal.SIGCONT)
    await node.until(node.live, seconds=5)
    process.stdin.write(b"awake again\n")
    await node.until(lambda: "awake again" in node.titles())


def node_patience(node):
    return node.mesh._dialer._timing.tail + 1


async def test_a_process_that_is_killed_is_noticed_at_once(make_node, start_process):
    process = await start_process()
    node = await make_node(peers=[process.address])
    await node.until(node.live)
    process.kill()
    started = time.monotonic()
    await node.until(lambda: not node.live(), seconds=2)
    assert time.monotonic() - started < 1


async def test_a_process_ends_cleanly_with_everything_parked(make_node, start_process):
    node = await make_node()
    process = await start_process(node.address)
    await node.until(node.live)
    process.stdin.close()
    started = time.monotonic()
    assert await asyncio.wait_for(process.wait(), 5) == 0
    assert time.monotonic() - started < 2

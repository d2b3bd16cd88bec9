"""Peers that sleep, vanish without a word, move, or are unplugged.

How soon a node notices, and how soon it uses them again.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from cluster import Node, found, start, until
from network import Network

pytestmark = [pytest.mark.hosts, pytest.mark.process]
NOTICED_S = 35
USED_AGAIN_S = 5
UNPLUGGED_S = 10
AWAY_S = 55
"""So long that everybody's patience between two dials has grown."""
SLACK_S = 1.0
"""What looking costs here, with everything on one machine."""


@pytest.fixture
def nodes(network: Network, tmp_path: Path, runtime: Path):
    names = ("watcher", "sleeper", "lost", "mover", "unplugged")
    made = [
        Node(tmp_path, name, host)
        for name, host in zip(names, network.hosts(0, len(names)), strict=True)
    ]
    found(made)
    yield made
    for node in made:
        node.stop()


@pytest.mark.timeout(180)
def test_who_is_away_is_noticed_and_who_comes_back_is_used_at_once(nodes: list[Node]) -> None:
    watcher, sleeper, lost, mover, unplugged = nodes
    everybody = {node.name for node in nodes}
    start(nodes)
    until(
        "all are linked", lambda: all(node.live() == everybody - {node.name} for node in nodes), 30
    )

    sleeper.freeze()
    lost.host.blackhole()
    mover.host.take_address("10.77.0.99")
    unplugged.host.pull()
    gone = time.monotonic()
    noticed: dict[str, float] = {}
    plugged = 0.0
    while time.monotonic() - gone < AWAY_S:
        live = watcher.live()
        passed = time.monotonic() - gone
        for node in (sleeper, lost):
            if node.name not in live:
                noticed.setdefault(node.name, passed)
        if not plugged and passed > UNPLUGGED_S:
            unplugged.host.plug()
            plugged = passed
        time.sleep(0.2)
    assert noticed.keys() == {"sleeper", "lost"}
    assert max(noticed.values()) < NOTICED_S + SLACK_S, noticed

    sleeper.thaw()
    lost.host.clear()
    back = time.monotonic()
    used = {}
    while used.keys() != {"sleeper", "lost"} and time.monotonic() - back < 70:
        for name in watcher.live() & {"sleeper", "lost"}:
            used.setdefault(name, time.monotonic() - back)
        time.sleep(0.1)
    assert max(used.values()) < USED_AGAIN_S + SLACK_S, used
    for node in (mover, unplugged):
        until(
            f"{node.name} is linked",
            lambda node=node: node.name in watcher.live() and "watcher" in node.live(),
            NOTICED_S,
        )
    assert f"{mover.host.address}:7400" in {peer.address for peer in watcher.peers()} | {
        peer.address for peer in sleeper.peers()
    }

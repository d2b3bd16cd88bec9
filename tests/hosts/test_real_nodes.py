"""A team on three hosts.

Found, joined over the network, and after a move of every port found again by zeroconf alone.
"""

from __future__ import annotations

import pytest
from member import Member, until

pytestmark = [pytest.mark.hosts, pytest.mark.process]


def started(node: Member, port: int) -> None:
    """Start a node at a port; it says that it is there."""
    ready = node.start("--listen", f"0.0.0.0:{port}")
    assert f"mesh={node.host.address}:{port}" in ready


@pytest.fixture
def nodes(make_hosts, tmp_path, runtime):
    made = [
        Member(host, tmp_path, person)
        for host, person in zip(make_hosts(3), ("ana", "bob", "cy"), strict=True)
    ]
    yield made
    for node in made:
        node.stop()


def test_three_hosts_join_and_find_each_other_by_zeroconf_alone(nodes) -> None:
    ana, bob, cy = nodes
    ana.run("team", "create", "acme", "--person", "ana")
    started(ana, 7400)
    for node in (bob, cy):
        node.join(ana.run("team", "invite", "--pre-approved"))
    ana.stop()
    for node in nodes:
        # Every address that was ever told is wrong from now on.
        node.home.peers.unlink(missing_ok=True)
        started(node, 7500)
    everybody = {"ana", "bob", "cy"}
    for node in nodes:
        until("the others are found", lambda node=node: node.linked() == everybody - {node.person})
    key = ana.says("seen everywhere")
    for node in (bob, cy):
        until("the event is there", lambda node=node: node.hears(key))
    assert [node.stop() for node in nodes] == [0, 0, 0]

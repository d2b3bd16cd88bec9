"""Many short random histories by seed (world.py), judged by an independent witness (ledger.py).

`make soak` plays any number of them.
"""

from __future__ import annotations

import pytest
from play import play, play_all
from world import World

from devstream_desktop.mesh.replica.catalogue import signed

pytestmark = pytest.mark.process

SEEDS = 500
PARTS = 5


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_history_converges_and_loses_nothing(part):
    total = play_all(part * SEEDS, SEEDS)
    assert total["histories"] == SEEDS
    for danger in ("lost", "strayed", "frozen"):
        assert total[danger], (
            f"no history met the danger {danger!r}: the seeds prove less than they should"
        )
    assert total["lost"] < total["acknowledged"] / 10, (
        "the disks fail so often that little is proven about the rest"
    )


def test_the_same_seed_is_the_same_history():
    told = [[], []]
    for words in told:
        play(11, words.append)
    assert told[0] == told[1]


def quiet_world():
    world = next(world for world in map(World, range(100)) if world.count == 3)
    world.lossy, world.wild, world.policy, world.ledger.forgery = 0, False, False, False
    for node in world.nodes:
        node.skew = 0
    return world


def test_the_loss_of_an_events_only_holder_is_told_as_lost():
    world = quiet_world()
    first, second, _ = world.nodes
    first.publish([b"\xc4\x01a"], world.now)
    second.publish([b"\xc4\x01b"], world.now)
    world.reinstall(first)  # before anybody could hear of it
    world.heal()
    verdict = world.ledger.verdict(world.nodes, world.now)
    assert verdict.lost == [b"\xc4\x01a"]
    assert all(b"\xc4\x01b" in node.payloads() for node in world.nodes)


def test_an_event_that_somebody_holds_is_not_lost_with_its_author():
    world = quiet_world()
    first, second, _ = world.nodes
    first.publish([b"\xc4\x01a"], world.now)
    second.take([signed(arrival.entry) for _, arrival in first.log.rows], first.name, world.now)
    world.reinstall(first)
    world.heal()
    verdict = world.ledger.verdict(world.nodes, world.now)
    assert verdict.lost == []
    assert all(b"\xc4\x01a" in node.payloads() for node in world.nodes)

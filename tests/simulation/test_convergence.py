"""Many short random histories by seed (world.py), judged by an independent witness (ledger.py). `make soak` plays any number of them."""

from __future__ import annotations

import pytest
from play import play, play_all
from world import World

from devstream_desktop.mesh.holdings import signed

SEEDS = 1000
PARTS = 5


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_any_history_converges_and_loses_nothing(part):
    total = play_all(part * SEEDS, SEEDS)
    assert total["histories"] == SEEDS
    for danger in ("lost", "astray", "frozen"):
        assert total[danger], f"no history met the danger {danger!r}: the seeds prove less than they should"
    assert total["lost"] < total["acknowledged"] / 10, "the disks fail so often that little is proven about the rest"


@pytest.mark.parametrize(
    ("seed", "theme"),
    [
        pytest.param(298, "", id="a machine that starts 40 days ahead, cut off, forgets nothing"),
        pytest.param(26, "", id="what peers hold of a rolled-back author's feed is said again"),
        pytest.param(117, "clocks", id="a clock in doubt expires nothing that comes in before the first comparison"),
        pytest.param(49, "clocks", id="the own entries alone tell that the clock ran away"),
        pytest.param(565, "images", id="an expired entry of a copy's branch settles nothing that is newer"),
        pytest.param(740, "clocks", id="one entry far in the future does not hold back those before it"),
        pytest.param(584, "", id="an entry is not kept on the word of one that was refused"),
        pytest.param(724, "images", id="what is said again is known by the chain too"),
    ],
)
def test_histories_that_once_failed(seed, theme):
    assert play(seed, theme=theme).acknowledged


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

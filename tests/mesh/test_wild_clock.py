"""Nodes with wrong clocks: they forget nothing, and take part by their team's time."""

from __future__ import annotations

import asyncio
import time

import pytest

pytestmark = pytest.mark.slow

HOUR = 3_600_000
DAY = 24 * HOUR
HOUSE_S = 1.3
"""The housekeeper looks once a second."""


class Clock:
    def __init__(self, offset: int = 0) -> None:
        self.offset = offset

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset


async def test_what_comes_in_the_moment_after_a_step_settles_nothing(make_node):
    clock = Clock()
    ana, cy = await make_node(), await make_node()
    bob = await make_node(peers=[ana, cy], clock=clock)
    await ana.say("one", "two")
    await bob.until(lambda: bob.titles() == ["one", "two"])
    clock.offset = 40 * DAY
    await ana.say("three")
    await bob.until(lambda: len(bob.entries) == 3)
    assert bob.mesh.status().events == 3
    assert "ahead of the team's" in bob.mesh.status().pruning_suspended
    assert await bob.mesh.prune() == 0
    clock.offset = 0
    await ana.say("four")
    await bob.until(lambda: len(bob.entries) == 4)
    assert not bob.mesh.status().pruning_suspended


async def test_a_node_that_starts_with_a_wild_clock_keeps_all_and_takes_what_it_missed(make_node):
    ana = await make_node()
    bob = await make_node(peers=[ana], name="bob")
    await ana.say("one", "two")
    await bob.until(lambda: len(bob.entries) == 2)
    make_node.nodes.remove(bob)
    await bob.stop()
    clock = Clock()
    clock.offset = 40 * DAY
    alone = await make_node(clock=clock, name="bob", signing=bob.signing)
    await asyncio.sleep(HOUSE_S)
    assert alone.mesh.status().events == 2
    await ana.say("three")
    alone.mesh.add_peer(ana.address)
    await alone.until(lambda: alone.titles() == ["three"])
    await asyncio.sleep(HOUSE_S)
    assert alone.mesh.status().events == 3


async def test_what_has_expired_goes_soon_after_a_peer_has_confirmed_the_clock(make_node):
    clock = Clock()
    clock.offset = -2 * DAY
    ana = await make_node(clock=clock, retention_ms=DAY)
    await ana.say("old")
    clock.offset = 0
    await asyncio.sleep(HOUSE_S)
    assert ana.mesh.status().events == 1
    await make_node(peers=[ana], retention_ms=DAY)
    await ana.until(lambda: ana.mesh.status().events == 0)


def corrected(node) -> int:
    return node.mesh._core.watch.correction()


async def test_two_hours_ahead_and_two_hours_behind_take_part_at_once(make_node):
    ana, cy = await make_node(), await make_node()
    fast = await make_node(peers=[ana, cy], clock=Clock(2 * HOUR))
    slow = await make_node(peers=[ana, cy, fast], clock=Clock(-2 * HOUR))
    await ana.say("first")
    await fast.until(lambda: corrected(fast) and corrected(slow))
    await fast.say("from ahead")
    await slow.say("from behind")
    nodes = (ana, cy, fast, slow)
    for node in nodes:
        await node.until(
            lambda node=node: sorted(node.titles()) == ["first", "from ahead", "from behind"],
            seconds=5,
        )
        assert max(entry.hlc for entry in node.entries) >> 16 < time.time_ns() // 1_000_000 + 60_000
    said = {node: node.mesh.status().pruning_suspended for node in nodes}
    assert "2 hours ahead of the team's; the team's time is used meanwhile" in said[fast]
    assert "2 hours behind the team's; the team's time is used meanwhile" in said[slow]
    assert said[ana] == said[cy] == ""
    assert [node.mesh.status().missing for node in nodes] == [()] * 4


async def test_what_was_said_ahead_of_time_before_a_peer_was_heard_is_said_again(make_node):
    ana, cy = await make_node(), await make_node()
    fast = await make_node(clock=Clock(2 * HOUR))
    await fast.say("early")
    fast.mesh.add_peer(ana.address)
    fast.mesh.add_peer(cy.address)
    await ana.until(lambda: ana.titles() == ["early"], seconds=5)
    await cy.until(lambda: cy.titles() == ["early"], seconds=5)


async def test_what_was_held_back_comes_when_a_second_peer_tells_the_time(make_node):
    ana, cy = await make_node(), await make_node()
    await ana.say("one")
    slow = await make_node(peers=[ana], clock=Clock(-2 * HOUR))
    await slow.until(slow.live)
    (held,) = slow.mesh.status().missing
    assert held.until > time.time_ns() // 1_000_000 - HOUR
    assert slow.entries == [], "one peer alone moves nobody"
    slow.mesh.add_peer(cy.address)
    await slow.until(lambda: slow.titles() == ["one"], seconds=5)


async def test_a_clock_that_is_set_right_under_way_is_used_again_at_once(make_node):
    clock = Clock(2 * HOUR)
    ana, cy = await make_node(), await make_node()
    fast = await make_node(peers=[ana, cy], clock=clock)
    await fast.until(lambda: corrected(fast))
    await fast.say("one")
    clock.offset = 0
    await fast.say("two")
    await ana.until(lambda: ana.titles() == ["one", "two"], seconds=5)
    await fast.until(
        lambda: not fast.mesh.status().pruning_suspended and fast.live() == {ana.device, cy.device}
    )
    assert corrected(fast) == 0


async def test_a_clock_that_goes_wrong_under_way_is_heard_of_on_every_link(make_node):
    clock = Clock()
    ana, cy = await make_node(), await make_node()
    odd = await make_node(peers=[ana], clock=clock)
    cy.mesh.add_peer(odd.address)
    await odd.until(lambda: odd.live() == {ana.device, cy.device})
    clock.offset = -2 * HOUR
    await odd.until(lambda: corrected(odd), seconds=8)
    await ana.until(lambda: abs(ana.mesh._core.watch.offset(odd.device)) > HOUR)
    await cy.until(lambda: abs(cy.mesh._core.watch.offset(odd.device)) > HOUR)


async def test_forty_days_behind_with_one_peer_is_heard_nevertheless(make_node):
    ana = await make_node()
    bob = await make_node(peers=[ana], name="bob")
    await ana.say("one")
    await bob.until(lambda: bob.titles() == ["one"])
    make_node.nodes.remove(bob)
    await bob.stop()
    late = await make_node(name="bob", signing=bob.signing, clock=Clock(-40 * DAY))
    await late.say("offline")
    assert "behind the newest event here" in late.mesh.status().pruning_suspended
    late.mesh.add_peer(ana.address)
    await ana.until(lambda: ana.titles() == ["one", "offline"], seconds=5)
    await late.say("linked")
    await ana.until(lambda: ana.titles() == ["one", "offline", "linked"], seconds=5)

"""A clock forty days ahead, to which the whole history is older than anything is kept, makes a node forget nothing."""

from __future__ import annotations

import asyncio
import time

DAY = 86_400_000
HOUSE_S = 1.3
"""The housekeeper looks once a second."""


class Clock:
    offset = 0

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

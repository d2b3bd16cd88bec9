"""The policy says how long entries are kept.

It may change while a node runs.
"""

from __future__ import annotations

import time

DAY = 86_400_000


class Clock:
    offset = -10 * DAY

    def __call__(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset


async def test_a_longer_time_keeps_and_a_shorter_one_forgets_within_seconds(make_node):
    clock = Clock()
    ana = await make_node(clock=clock, retention_ms=8 * DAY)
    await ana.say("ten days old")
    clock.offset = 0
    await ana.say("new")
    ana.mesh.keep_for(30 * DAY)
    bob = await make_node(peers=[ana])  # who confirms the clock, without which nothing is forgotten
    await bob.until(lambda: bob.titles() == ["ten days old", "new"])
    await ana.until(lambda: ana.live() == {bob.device})
    assert await ana.mesh.prune() == 0
    assert ana.mesh.status().events == 2

    ana.mesh.keep_for(8 * DAY)
    await ana.until(lambda: ana.mesh.status().events == 1)
    assert bob.mesh.status().events == 2

"""A storm of one author: its newest line is soon everywhere, and the others follow."""

from __future__ import annotations

import pytest

from devstream_desktop.mesh import limits
from devstream_desktop.mesh.timing import Timing

pytestmark = pytest.mark.slow

PATIENT = Timing(tail_wait=25.0, repair=1000.0)
STORM = 1500
"""More than two full messages."""


@pytest.mark.parametrize("dialer", ["the desk", "the collector"])
async def test_what_came_in_a_wait_is_there_newest_first(
    make_node, monkeypatch, dialer: str
) -> None:
    monkeypatch.setattr(limits, "FEED_BURST", 50.0)
    desk, collector = await make_node(timing=PATIENT), await make_node(timing=PATIENT)
    one, other = (desk, collector) if dialer == "the desk" else (collector, desk)
    one.mesh.add_peer(other.address)
    await one.until(lambda: other.device in one.live())
    await collector.say(*(f"before {n}" for n in range(150)))
    await desk.until(lambda: len(desk.entries) == 150)
    await collector.say(*(f"storm {n}" for n in range(STORM)))
    assert len(desk.entries) == 150, "two seconds for a hundred too many"
    await desk.until(lambda: len(desk.entries) == 150 + STORM, 60.0)
    titles = desk.titles()
    assert titles.index(f"storm {STORM - 1}") < titles.index("storm 0")

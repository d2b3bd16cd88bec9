"""Catching up: from all neighbours at once, nothing twice, and from where it stopped."""

from __future__ import annotations

import time

import pytest

from devstream_desktop.mesh.replica.wants import NEWEST_FIRST
from devstream_desktop.mesh.transport.link import Lane

pytestmark = pytest.mark.slow

EVENTS = 4000
SMALL = 32_000
"""Bytes a FETCH, so that the second neighbour is there in time."""


class Served:
    """Counts what a node gives in answer to FETCH."""

    def __init__(self, node, monkeypatch) -> None:
        self.entries = 0
        serve = node.mesh._core.replica.catalogue.serve

        def counted(ranges, max_bytes):
            given = serve(ranges, min(max_bytes, SMALL))
            self.entries += len(given)
            return given

        monkeypatch.setattr(node.mesh._core.replica.catalogue, "serve", counted)


class Taken:
    """Counts what came to a node and was known already."""

    def __init__(self, node, monkeypatch) -> None:
        self.known = 0
        take = node.mesh._core.take

        def counted(batch, sender, **how):
            outcome = take(batch, sender, **how)
            self.known += outcome.known + outcome.settled
            return outcome

        monkeypatch.setattr(node.mesh._core, "take", counted)


@pytest.fixture
async def two_with_all(make_node):
    first = await make_node(
        clock=lambda: time.time_ns() // 1_000_000 - 120_000
    )  # said two minutes ago
    await first.say(*(f"commit {n}" for n in range(EVENTS)))
    second = await make_node(peers=[first])
    await second.until(lambda: len(second.entries) == EVENTS, seconds=30)
    return first, second


async def test_two_neighbours_give_disjoint_halves_newest_first(
    make_node, two_with_all, monkeypatch
):
    given = [Served(node, monkeypatch) for node in two_with_all]
    late = await make_node()
    taken = Taken(late, monkeypatch)
    for node in two_with_all:
        late.mesh.add_peer(node.address)
    await late.until(lambda: len(late.entries) == EVENTS, seconds=30)
    assert sum(served.entries for served in given) == EVENTS
    assert min(served.entries for served in given) > EVENTS / 6
    assert taken.known == 0
    order = [entry.seq for entry in late.entries]
    assert set(range(EVENTS - NEWEST_FIRST + 1, EVENTS + 1)) <= set(order[: EVENTS // 4])
    assert max(order[-EVENTS // 10 :]) < EVENTS / 2


async def test_it_goes_on_where_a_cut_ended_it(make_node, two_with_all, monkeypatch):
    first, second = two_with_all
    given = [Served(node, monkeypatch) for node in two_with_all]
    late = await make_node(peers=[first])
    await late.until(lambda: len(late.entries) > EVENTS / 4, seconds=30)
    make_node.nodes.remove(first)
    await first.stop()
    assert len(late.entries) < EVENTS
    late.mesh.add_peer(second.address)
    await late.until(lambda: len(late.entries) == EVENTS, seconds=30)
    lost_on_the_way = 2 * 1100  # both FETCHes that were under way
    assert sum(served.entries for served in given) <= EVENTS + lost_on_the_way
    assert given[1].entries < EVENTS


async def test_the_next_fetch_is_on_its_way_while_a_batch_is_stored(
    make_node, two_with_all, monkeypatch
):
    first, _ = two_with_all
    late = await make_node()
    take = late.mesh._core.take
    under_way: list[bool] = []

    def watched(batch, sender, **how):
        if len(batch) > 100:
            under_way.append(late.mesh._dialer.live()[0].link.busy(Lane.OTHER))
        return take(batch, sender, **how)

    monkeypatch.setattr(late.mesh._core, "take", watched)
    late.mesh.add_peer(first.address)
    await late.until(lambda: len(late.entries) == EVENTS, seconds=30)
    assert sum(under_way) >= len(under_way) / 2

"""Sites behind wide lines, with the product's relay, in virtual time.

A larger story: `make sites`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator

import pytest
import wide_line
from play_sites import tell
from sites import Desk, Sites, played

from devstream_desktop.mesh.carrier import site as site_module

HANDED_OVER_S = 5.0


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Each node says once that its broker is gone."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def run(story: Callable[[], Awaitable[object]]) -> None:
    with played() as runner:
        runner.run(story())


def test_everybody_has_everything_and_each_event_crosses_a_line_once() -> None:
    with played() as runner:
        story = runner.run(tell(1, sites=6, desks=10, seconds=3, hourly=20, carriers=2))
    assert story.faults() == []
    assert story.events >= 140
    assert story.caught_up < 60


async def _two_sites(carriers: int = 3, seed: int = 1) -> tuple[Sites, list[Desk], Desk]:
    """Begin with a site of carriers, lowest first, and a desk elsewhere."""
    world = Sites(seed, 2, carriers, carriers)
    for desk in world.sites[1].desks[1:]:
        desk.carries = False
    await world.begin()
    world.copies()
    return world, world.sites[0].carriers, world.sites[1].desks[0]


@pytest.mark.parametrize("seed", range(8))
def test_a_relay_that_dies_is_followed_within_five_seconds(seed: int) -> None:
    async def story() -> None:
        world, (lowest, second, third), far = await _two_sites(seed=seed)
        for _ in range(200):
            far.say()
            await asyncio.sleep(0.5)
        world.copies()
        await lowest.leave()
        gone = world.ms()

        def handed_over() -> bool:
            assert second.carrier is not None
            entries = second.carrier._entries
            return entries is not None and entries._duty.is_set() and entries._level.is_set()

        for _ in range(20):
            far.say()
            third.say()
        await world.until(handed_over, 60)
        # Less a look of this test, and the ways over the line for what lacks.
        assert world.ms() - gone < 1000 * HANDED_OVER_S
        assert second.relay == third.relay == second.device
        await world.until(world.complete, 60)
        copies = world.copies()[0]
        assert 40 <= copies.taken <= 40 + 2 * (2 * site_module.LATE_S + HANDED_OVER_S)
        # Each author its own: what came just before is in the log, as the new relay sees first.
        assert copies.sent == 20
        assert len(world.entries.messages) == len(world.born)
        # The lowest comes back: it looks first whether it has everything, and then relays.
        lowest.connect()
        await asyncio.sleep(2 * site_module.LATE_S - 2)
        assert second.relay == second.device
        await world.until(lambda: world.sites[0].relays == {lowest.device}, 60)
        assert world.copies()[0].taken == 0
        await world.end()

    run(story)


def test_a_new_relay_reads_before_it_sends_also_by_a_slow_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(wide_line, "WAY_S", 0.4)

    async def story() -> None:
        world, (lowest, _, _), far = await _two_sites()
        for _ in range(40):
            far.say()
            await asyncio.sleep(0.5)
        await world.until(world.complete, 60)
        world.copies()
        await lowest.leave()
        await asyncio.sleep(60)
        copies = world.copies()[0]
        assert copies.taken > 0
        assert copies.sent == 0
        await world.end()

    run(story)


def test_of_a_site_that_gossip_does_not_link_each_part_reads() -> None:
    async def story() -> None:
        world, (lowest, *others), far = await _two_sites()
        for other in others:
            lowest.part(other)
        others[0].link(others[1])
        for _ in range(20):
            far.say()
            await asyncio.sleep(0.5)
        others[0].say()
        lowest.say()
        await world.until(world.complete, 60)
        await world.end()

    run(story)


def test_a_relay_that_leaves_something_out_is_found_out() -> None:
    async def story() -> None:
        world, (lowest, _, _), far = await _two_sites()
        assert lowest.carrier is not None
        log = lowest.carrier._broker.entries

        async def nothing(first: int) -> list[object]:
            await asyncio.sleep(1)
            return []

        log.read = nothing  # type: ignore[assignment, method-assign]
        entries = lowest.carrier._entries
        assert entries is not None
        extent = await log.extent()

        async def nothing_new() -> object:
            return extent

        log.extent = nothing_new  # type: ignore[assignment, method-assign]
        entries.taken = lambda: ("1", [(1, 1000)])  # type: ignore[method-assign]
        for _ in range(20):
            far.say()
            await asyncio.sleep(1)
        assert not world.complete()
        await world.until(world.complete, 1.5 * site_module.SAMPLE_S + 60)
        assert world.sites[0].relays != {lowest.device}
        await world.end()

    run(story)


def test_a_desk_that_is_new_has_all_by_gossip_and_sends_none_of_it_again() -> None:
    async def story() -> None:
        world = Sites(3, 2, 3, 3)
        lowest, second, third = sorted(world.sites[0].desks, key=lambda desk: desk.device)
        for other in (second, third):
            lowest.part(other)
        lowest.carries = False
        second.link(third)
        await world.begin()
        for _ in range(300):
            world.rng.choice([second, third, *world.sites[1].desks]).say()
            await asyncio.sleep(0.1)
        await asyncio.sleep(5)
        world.copies()
        lowest.link(second)
        lowest.connect()
        await world.until(lambda: world.sites[0].relays == {lowest.device}, 120)
        await world.until(world.complete, 60)
        await asyncio.sleep(60)
        assert world.copies()[0].taken == 0
        assert len(world.entries.messages) == len(world.born) == 300
        await world.end()

    run(story)


def test_what_a_node_wrote_while_it_was_cut_off_it_sends_itself() -> None:
    async def story() -> None:
        world, (lowest, second, third), far = await _two_sites()
        for _ in range(5):
            third.say()
        await world.until(world.complete, 60)
        await third.leave()
        # Another history, as after a power cut; and its gossip only hears.
        third.kept.place.index = b"another"
        for other in (lowest, second):
            other.deaf_to.add(third)
        for _ in range(3):
            third.say()
        world.copies()
        third.connect()
        await world.until(lambda: far.log.lsn == len(world.born), 120)
        assert world.copies()[0].sent == 3
        assert len(world.entries.messages) == len(world.born) == 8
        await world.end()

    run(story)


def test_who_may_send_only_its_own_never_relays() -> None:
    async def story() -> None:
        world, (lowest, second, _), far = await _two_sites()
        await lowest.leave()
        lowest.connect()
        assert lowest.carrier is not None
        lowest.carrier._relay = False
        await asyncio.sleep(60)
        assert world.sites[0].relays == {second.device}
        far.say()
        lowest.say()
        await world.until(world.complete, 60)
        await world.end()

    run(story)

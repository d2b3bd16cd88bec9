"""Two collectors that see one happening before either heard of the other: one row all the same."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from test_properties import CHANGES, COMMITS, HARD, happen
from watched_world import HOOK, SCOPE, World

from devstream_collectors.kit.branches import Moved
from devstream_collectors.sources.git import change_event
from devstream_desktop.stream.log import Arrival

SEEDS = st.integers(0, 1 << 32)


def play(two: Callable[[Path], list[Any]], scenario) -> None:
    """Run a scenario with two collectors that hear nothing of each other by themselves."""
    with tempfile.TemporaryDirectory() as folder:
        nodes = two(Path(folder))
        for node in nodes:
            node.peers = []
        try:
            asyncio.run(scenario(nodes))
        finally:
            for node in nodes:
                node.close()


def exchange(nodes) -> None:
    """Let both hear what the other wrote."""
    one, other = nodes
    one.history.add([Arrival(entry) for entry in other.entries])
    other.history.add([Arrival(entry) for entry in one.entries])


def pass_time(nodes, world: World) -> None:
    for node in nodes:
        node.now += 60_000
    world.now = nodes[0].now


@HARD
@given(changes=st.lists(st.tuples(CHANGES, st.integers(1, 3)), min_size=1, max_size=10), seed=SEEDS)
def test_each_hears_of_it_or_one_alone_and_then_of_each_other(two, changes, seed) -> None:
    async def scenario(nodes) -> None:
        world, chance = World(nodes[0].now), random.Random(seed)
        for what, who in changes:
            pass_time(nodes, world)
            change = happen(world, what)
            for number in (0, 1):
                if change is not None and who & (1 << number):
                    body, kind = change.delivery.body, change.delivery.kind
                    await nodes[number].post(kind, body, HOOK, **change.delivery.headers)
                    nodes[1].now += chance.choice([0, 300, 5_000])
            if chance.random() < 0.7:
                exchange(nodes)
        exchange(nodes)
        for node in nodes:
            told = len(node.lines())
            assert told <= len(world.log)
            assert told == len(world.log) or any(who < 3 for _, who in changes)

    play(two, scenario)


ONE, TWO = "a" * 40, "b" * 40
"""Commits."""


# A branch that is made again at a commit where it was before it went.
@example(
    moves=[
        (ONE, False, False),
        (TWO, True, True),
        ("", False, False),
        (TWO, False, False),
        (ONE, False, False),
    ],
    seed=0,
)
@HARD
@given(
    moves=st.lists(
        st.tuples(st.sampled_from(COMMITS), st.booleans(), st.booleans()), min_size=1, max_size=10
    ),
    seed=SEEDS,
)
def test_one_knows_that_a_push_was_forced_and_the_other_does_not(two, moves, seed) -> None:
    """A forge's webhook may not say it; who asks git knows."""

    async def scenario(nodes) -> None:
        world, chance = World(nodes[0].now), random.Random(seed)
        for to, forced, said in moves:
            pass_time(nodes, world)
            before = world.branch
            was_forced = forced and bool(before) and bool(to)
            change = world.move(to)
            if change is None:
                continue
            body = change.delivery.body | {"forced": was_forced and said}
            await nodes[0].post("github", body, HOOK, x_github_event="push")
            nodes[1].now += chance.choice([0, 300, 5_000])
            moved, now = Moved("main", before, to), nodes[1].now
            seen = change_event(HOOK, SCOPE, moved, forced=was_forced, count=1, head=None, now=now)
            await nodes[1].see(seen)
            if chance.random() < 0.7:
                exchange(nodes)
        exchange(nodes)
        for node in nodes:
            assert len(node.rows()) == len(world.log)

    play(two, scenario)

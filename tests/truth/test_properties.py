"""Whatever the world does and however it is heard: the stream's last word is the world's state.

Random histories of a branch, a pipeline, a deployment, alerts and a ticket; each change is posted,
lost, doubled, redelivered much later or in another order, seen by a poll as well, by one collector
or two, with restarts between. The world's own log is the oracle.
"""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from watched_world import HOOK, Change, Delivery, World, state_of, thing_of

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.attention import Desk, Recent, decide
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.rules import Attention
from devstream_desktop.stream.words import Transition

COMMITS = ["a" * 40, "b" * 40, "c" * 40, ""]
HARD = settings(
    max_examples=int(os.environ.get("TRUTH_EXAMPLES", "20")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
CHANGES = st.one_of(
    st.tuples(st.just("move"), st.sampled_from(COMMITS)),
    st.tuples(st.just("run"), st.integers(1, 5), st.booleans()),
    st.tuples(st.just("deploy"), st.sampled_from(["in_progress", "success", "failure"])),
    st.tuples(st.just("alert"), st.sampled_from(["pod1", "pod2"])),
    st.tuples(st.just("ticket")),
    st.tuples(st.just("incident")),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("change"), CHANGES, st.integers(1, 2)),
        st.tuples(st.just("redeliver"), st.integers(0, 30)),
        st.tuples(st.just("restart")),
    ),
    min_size=1,
    max_size=14,
)
RED = (Transition.FAILED, Transition.NEW, Transition.REGRESSED)


def happen(world: World, what: Sequence[Any]) -> Change | None:
    """Let one thing change."""
    return getattr(world, what[0])(*what[1:])


async def post(node, delivery: Delivery):
    return await node.post(delivery.kind, delivery.body, HOOK, **delivery.headers)


def play(nodes_of: Callable[[Path], list], scenario) -> None:
    """Run a scenario with collectors in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        nodes = nodes_of(Path(folder))
        try:
            asyncio.run(scenario(nodes))
        finally:
            for node in nodes:
                node.close()


def last_words(node) -> dict[str, str]:
    """The state of each thing, as the newest line that is not outdated has it."""
    found: dict[str, str] = {}
    for line in node.lines():
        if line.transition is not Transition.OUTDATED and not line.superseded:
            found[thing_of(line.event)] = state_of(line.event)
    return found


def truth(world: World) -> dict[str, str]:
    """The state of each thing: of CI that of the newest run's last attempt."""
    found = {change.thing: change.state for change in world.log}
    # A step of a deployment says nothing against the result before it.
    results = [one.state for one in world.log if one.state in ("success", "failure")]
    if results:
        found["deployment"] = results[-1]
    runs = [change for change in world.log if change.thing == "CI"]
    if runs:

        def place(change: Change) -> tuple[int, int]:
            run = change.delivery.body["workflow_run"]
            return run["run_number"], run["run_attempt"]

        found["CI"] = max(runs, key=place).state
    return found


@HARD
@given(steps=STEPS)
def test_in_order_every_change_is_one_line_and_loud_while_it_is_true(one, steps) -> None:
    async def scenario(nodes) -> None:
        (node,) = nodes
        world, loud, desk = World(node.now), Counter(), Desk("ana", on_duty=True)
        for step in steps:
            node.pass_time(60_000)
            world.now = node.now
            if step[0] == "restart":
                node.restart()
            elif step[0] == "redeliver" and world.log:
                assert not await post(node, world.log[step[1] % len(world.log)].delivery)
            elif step[0] == "change" and (change := happen(world, step[1])):
                before = len(node.lines())
                for _ in range(step[2]):
                    await post(node, change.delivery)
                new = node.lines()[before:]
                assert len(new) == 1, change
                (line,) = new
                if decide(line, desk, Recent(), node.now).attention is not Attention.QUIET:
                    # (c) What pops up is so at this moment.
                    of_newest = truth(world)["CI"] if change.thing == "CI" else change.state
                    assert state_of(line.event) == of_newest
                    loud[change.thing] += line.transition in RED
        # (a) The last word is the world's, and (b) every change is one line.
        assert last_words(node) == truth(world)
        assert len(node.lines()) == len(world.log)
        # (d) Each time that something broke was loud once.
        for thing, broke in _breaks(world).items():
            assert loud[thing] == broke, thing

    play(one, scenario)


def _breaks(world: World) -> dict[str, int]:
    """The count of times CI and each alert went red.

    By the newest work.
    """
    found: dict[str, int] = {}
    red: dict[str, bool] = {}
    newest = (0, 0)
    for change in world.log:
        if change.thing == "CI":
            run = change.delivery.body["workflow_run"]
            place = (run["run_number"], run["run_attempt"])
            if place < newest:
                continue
            newest = place
        elif not change.thing.startswith(("alert", "incident")):
            continue
        if change.red and not red.get(change.thing):
            found[change.thing] = found.get(change.thing, 0) + 1
        red[change.thing] = change.red
    return found


@HARD
@given(
    changes=st.lists(CHANGES, min_size=1, max_size=10),
    seed=st.integers(0, 1 << 32),
    extra=st.integers(0, 4),
)
def test_in_any_order_the_last_word_is_the_worlds(one, changes, seed, extra) -> None:
    """Deliveries come days late, doubled and in any order."""

    async def scenario(nodes) -> None:
        (node,) = nodes
        world, chance = World(node.now), random.Random(seed)
        for what in changes:
            node.pass_time(chance.choice([1_000, 60_000, 3_600_000]))
            world.now = node.now
            happen(world, what)
        posts = [change.delivery for change in world.log]
        posts += chance.choices(posts, k=extra) if posts else []
        chance.shuffle(posts)
        for delivery in posts:
            node.pass_time(chance.choice([1_000, 86_400_000]))
            await post(node, delivery)
            if chance.random() < 0.2:
                node.restart()
        assert last_words(node) == truth(world)
        told = Counter(thing_of(line.event) for line in node.lines())
        happened = Counter(change.thing for change in world.log)
        # A branch that came back while its moves were on the way may be told of in fewer lines.
        branch = told.pop("main", 0)
        states = {change.state for change in world.log if change.thing == "main"}
        assert len(states) <= branch <= happened.pop("main", 0) or not states
        assert told == happened

    play(one, scenario)


A, B, *_ = COMMITS


@HARD
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("move"), st.sampled_from(COMMITS), st.booleans()),
            st.tuples(st.just("look")),
            st.tuples(st.just("restart")),
        ),
        min_size=1,
        max_size=14,
    ),
    late=st.sampled_from([0, 400]),
)
@example(
    [("move", A, False), ("look",), ("move", B, False), ("move", A, True), ("move", B, True)], 0
)
def test_a_branch_by_webhook_and_poll_is_one_line_a_change_that_either_saw(
    one, steps, late
) -> None:
    """Webhooks get lost; a poll sees only where the branch is when it looks.

    A delivery that comes in the very millisecond of its push is one that says no time.
    """

    async def scenario(nodes) -> None:
        (node,) = nodes
        unclear = False
        world = World(node.now)
        world.look()
        seen: list[str] = []
        for step in steps:
            node.pass_time(60_000)
            world.now = node.now
            if step[0] == "restart":
                node.restart()
            elif step[0] == "look":
                moved = world.look()
                if moved is not None:
                    await node.see(moved)
                    seen.append(world.branch)
                continue
            before = world.branch
            if step[0] == "move" and (change := world.move(step[1])) and step[2]:
                place = seen[-1] if seen else ""
                # Back from where nobody saw the branch; or without a time, when it may be a late
                # report of an earlier visit.
                unclear |= place == world.branch or (not late and place != before)
                node.pass_time(late)
                await post(node, change.delivery)
                seen.append(world.branch)
        node.pass_time()
        world.now = node.now
        moved = world.look()
        if moved is not None:
            await node.see(moved)
            seen.append(world.branch)
        # The oracle: what was seen, without what says the same again.
        expected = [state for at, state in enumerate(seen) if not at or seen[at - 1] != state]
        told = [state_of(line.event) for line in node.lines()]
        deletions = [line for line in node.lines() if line.event.state == "deleted"]
        if unclear:
            assert told[-1:] == seen[-1:]
            return
        if len(told) != len(expected):
            # A deletion of a branch that was made again unseen is a line of its own.
            assert len(deletions) > expected.count("")
            told = [state for at, state in enumerate(told) if not at or told[at - 1] != state]
        assert told == expected
        # Where a poll saw nothing new itself, it asks the stream (tests/intake/test_git_poll.py).
        assert told[-1:] == seen[-1:]

    play(one, scenario)


@HARD
@given(changes=st.lists(CHANGES, min_size=1, max_size=10), seed=st.integers(0, 1 << 32))
def test_two_collectors_give_the_rows_of_one(one, two, changes, seed) -> None:
    def lines(node) -> list[tuple[str, str, str]]:
        return [
            (line.event.key, state_of(line.event), line.transition.value) for line in node.lines()
        ]

    async def hear(nodes) -> None:
        world, chance = World(nodes[0].now), random.Random(seed)
        for what in changes:
            nodes[0].pass_time(60_000)
            world.now = nodes[0].now
            change = happen(world, what)
            if change is None:
                continue
            order, again = chance.sample(range(2), 2), chance.random() < 0.3
            for number in order[: len(nodes)]:
                await post(nodes[number % len(nodes)], change.delivery)
            if again:
                # One of the two hears it again much later.
                nodes[0].pass_time(3_600_000)
                await post(nodes[order[0] % len(nodes)], change.delivery)
        heard.append([lines(node) for node in nodes])

    heard: list[list[list[tuple[str, str, str]]]] = []
    play(one, hear)
    play(two, hear)
    ((alone,), (first, second)) = heard
    assert [key for key, *_ in first] == [key for key, *_ in second]
    assert first == second == alone


@HARD
@given(changes=st.lists(CHANGES, min_size=1, max_size=8), seed=st.integers(0, 1 << 32))
def test_any_order_of_arrival_at_a_desk_gives_the_same_rows(two, changes, seed) -> None:
    chance = random.Random(seed)

    async def scenario(nodes) -> None:
        world = World(nodes[0].now)
        for what in changes:
            nodes[0].pass_time(60_000)
            world.now = nodes[0].now
            if (change := happen(world, what)) is not None:
                for node in nodes:
                    await post(node, change.delivery)
        entries = [entry for node in nodes for entry in node.entries]
        seen = set()
        for number in range(3):
            folder = nodes[0].folder / f"desk{number}"
            folder.mkdir()
            history = History(
                folder / "history.sqlite", FeedMirror(folder / "feed.json"), b"d" * 32, "team"
            )
            for entry in chance.sample(entries, len(entries)):
                history.add([Arrival(entry)])
            with Reader(history.path) as reader:
                rows = reader.page(Query(), limit=500, superseded=True)
                seen.add(tuple((row.event.key, row.transition, row.superseded) for row in rows))
            history.close()
        assert len(seen) == 1

    play(two, scenario)

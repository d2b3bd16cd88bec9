"""Many reports in one turn say what each in a turn of its own says, and cost the stream less."""

from __future__ import annotations

import random

import pytest

from devstream_desktop.intake.publisher import MAX_PAST
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind

START = 1_800_000_000_000
SCOPE = "https://github.com/acme/shop"


def move(branch: str, before: int, after: int, minute: int) -> Event:
    """A push that led a branch from one commit to another."""
    commits = f"{before:040x}", f"{after:040x}"
    return make_event(
        kind=Kind.CHANGE,
        state="pushed",
        service="shop",
        subject=f"shop/{branch}",
        key=fact_key(SCOPE, Kind.CHANGE, branch, *commits),
        time=START + minute * 60_000,
        number=commits[1][-12:],
        previous=commits[0],
        revision=commits[1],
        scope=SCOPE,
        source="forge",
    )


def alert(state: str, minute: int) -> Event:
    """A step of an alert that comes and goes."""
    return make_event(
        kind=Kind.INCIDENT,
        state=state,
        service="shop",
        subject="shop/latency",
        key=fact_key(SCOPE, Kind.INCIDENT, "latency", state, str(minute)),
        time=START + minute * 60_000,
        number="1",
        scope=SCOPE,
        source="watch",
    )


def reports(seed: int) -> list[Event]:
    """Moves to and fro of two branches and an alert, some late and some twice."""
    chance = random.Random(seed)
    at = {"main": 1, "release": 1}
    told: list[Event] = []
    for minute in range(4 * MAX_PAST):
        branch = chance.choice(list(at))
        # Few commits, so that a branch often goes back to one.
        after = chance.randint(1, 5)
        told.append(move(branch, at[branch], after, minute))
        at[branch] = after
        if chance.random() < 0.2:
            told.append(alert(chance.choice(["firing", "resolved"]), minute))
    for _ in range(10):
        first, second = chance.randrange(len(told)), chance.randrange(len(told))
        told[first], told[second] = told[second], told[first]
    return told + chance.sample(told, 8)


@pytest.mark.parametrize("seed", [1, 9, 21])
async def test_one_turn_says_what_as_many_turns_say(new_node, seed):
    one, many = new_node(), new_node()
    one.now = many.now = START + 10_000_000
    told = reports(seed)
    await one.see(*told)
    for event in told:
        await many.see(event)
    assert [line.event for line in one.lines()] == [line.event for line in many.lines()]


async def test_a_turn_asks_the_stream_once_for_the_past_of_a_thing(new_node, monkeypatch):
    node = new_node()
    asked: list[Event] = []
    past = node.history.past
    monkeypatch.setattr(node.history, "past", lambda event: asked.append(event) or past(event))
    await node.see(*(move("main", number, number + 1, number) for number in range(1, 65)))
    assert len(node.lines()) == 64
    assert len(asked) == 1

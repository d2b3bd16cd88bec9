"""A deploy that a collector sees from an executor's own run is on that run's row alone."""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import decode
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.github.deploy import Deployment, Status, deployed
from devstream_desktop.deploy.answer import make_answer
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.event import Event

NOW = 1_760_000_000_000
SHA, OTHER = "4f" * 20, "5a" * 20
REQUEST = "ab" * 16
FEED = bytes(range(40))
EXECUTOR = device_id(FEED[:32])


def seen(state: str, status: int, sha: str = SHA, **payload: str) -> Event:
    """An event of GitHub for a deployment that an executor made."""
    written = {"devstream_request": REQUEST, "devstream_executor": EXECUTOR} | payload
    told = {"id": 7, "environment": "production", "sha": sha, "payload": written}
    found = decode(json.dumps(told).encode(), Deployment)
    place = Place(SourceInfo("hub"), NOW, "github.com/acme/shop", "shop")
    return deployed(found, Status(state=state, id=status, created_at=NOW), place)


@pytest.fixture
def began(history, new_feed, arrival) -> None:
    """The executor has said that it began to deploy the commit."""
    answer = make_answer(
        request=REQUEST,
        target="shop",
        environment="production",
        state="in_progress",
        executor=EXECUTOR,
        person="ana",
        ref="main",
        sha=SHA,
        title="Fix the login",
        time=NOW,
    )
    history.add([arrival(new_feed(FEED).entry(answer), "peer")])


async def news(history, *events: Event) -> list[Event]:
    published: list[Event] = []

    async def publish(new: list[Event]) -> None:
        published.extend(new)

    publisher = Publisher(publish, history)
    async with publisher.turn() as turn:
        return turn.news_of(events)


async def test_what_the_executor_tells_is_not_told_again(history, began):
    assert await news(history, seen("in_progress", 1), seen("success", 2)) == []


async def test_a_deploy_of_nobody_we_know_has_its_row(history):
    assert len(await news(history, seen("in_progress", 1), seen("success", 2))) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"sha": OTHER},
        {"devstream_request": "cd" * 16},
        {"devstream_executor": device_id(b"x" * 32)},
        {"devstream_executor": ""},
        {"devstream_request": ""},
    ],
)
async def test_a_payload_alone_hides_nothing(history, began, other):
    assert len(await news(history, seen("success", 2, **other))) == 1


async def test_what_has_a_row_of_its_own_goes_on_there(history, new_feed, arrival):
    (first,) = await news(history, seen("in_progress", 1))
    history.add([arrival(new_feed().entry(first), "peer")])
    answer = make_answer(
        request=REQUEST,
        target="shop",
        environment="production",
        state="in_progress",
        executor=EXECUTOR,
        person="ana",
        ref="main",
        sha=SHA,
        title="",
        time=NOW,
    )
    history.add([arrival(new_feed(FEED).entry(answer), "peer")])
    assert len(await news(history, seen("success", 2))) == 1

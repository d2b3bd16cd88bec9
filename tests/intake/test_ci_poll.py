"""Build servers asked over HTTP.

A whole feed by its own address, a token with a user's name, and what a sick server does.
"""

from __future__ import annotations

import base64
import json

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import cctray, jenkins
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.http_client import FetchError
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.store import Store


def feed(label: str, status: str) -> bytes:
    return (
        f'<Projects><Project name="shop" activity="Sleeping" '
        f'lastBuildStatus="{status}" lastBuildLabel="{label}" '
        f'lastBuildTime="2027-01-15T08:00:1{label}Z" webUrl="https://ci.example.org/job/shop/"/></Projects>'
    ).encode()


@pytest.fixture
async def poll(home, stream, clock):
    """`poll(collector, source)`: a poller of it."""
    store = Store(home.intake)
    await store.open()
    pollers: list[HttpPoller] = []

    def make(collector, info: SourceInfo) -> HttpPoller:
        health = Health(info.name, stream.publish, Notes(store))
        limiter = RateLimiter(info.name, health, Publisher(stream.publish), clock)
        pollers.append(
            HttpPoller(
                info, collector, 0, lambda: b"ana:token", Notes(store), health, limiter, clock
            )
        )
        return pollers[-1]

    yield make
    for poller in pollers:
        await poller.close()
    await store.close()


async def test_a_feed_through_good_and_bad_times(poll, replay, stream, clock):
    poller = poll(cctray, SourceInfo("tray", url=f"{replay.url}/guestAuth/cc.xml"))
    replay.tell("/guestAuth/cc.xml", feed("1", "Success"), etag='"1"')
    await poller.poll()
    assert [(event.state, event.quiet) for event in stream.events] == [("succeeded", True)]
    assert (await poller.poll()).asked == 0, "the same feed is a 304"
    for sick in ({"status": 500}, {"cut": True}, {"status": 200}):
        replay.tell("/guestAuth/cc.xml", b"<html>", **sick)
        with pytest.raises(FetchError):
            await poller.poll()
    clock.now += 30_000
    replay.tell("/guestAuth/cc.xml", feed("2", "Failure"), etag='"2"')
    await poller.poll()
    assert [(event.state, event.number, event.quiet) for event in stream.events[1:]] == [
        ("failed", "2", False)
    ]


async def test_jenkins_is_asked_with_a_users_token(poll, replay, stream, clock):
    poller = poll(jenkins, SourceInfo("ci", url=f"{replay.url}/jenkins"))
    build = {
        "number": 1,
        "url": f"{replay.url}/jenkins/job/shop/1/",
        "result": "SUCCESS",
        "timestamp": clock.now,
        "duration": 10,
    }
    replay.tell(
        "/jenkins/api/json",
        json.dumps({"jobs": [{"fullName": "shop", "lastBuild": {"number": 1}}]}).encode(),
    )
    replay.tell("/jenkins/job/shop/api/json", json.dumps({"builds": [build]}).encode())
    await poller.poll()
    assert [(event.service, event.state, event.url) for event in stream.events] == [
        ("shop", "succeeded", build["url"])
    ]
    proof = f"Basic {base64.b64encode(b'ana:token').decode()}"
    assert [asked.headers["authorization"] for asked in replay.asked] == [proof, proof]

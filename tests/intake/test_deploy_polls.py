"""The pollers of what ships, over real HTTP.

Heroku's pages by Range, Argo CD's list with the fields that are asked for.
"""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import argocd, heroku
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.store import Store

RELEASE = {
    "id": "33333333-0000-4000-8000-000000000001",
    "app": {"id": "a-1", "name": "acme-shop"},
    "user": {"email": "bo@example.org"},
    "status": "pending",
    "version": 42,
    "description": "Deploy 9a8b7c6d",
    "created_at": "2033-01-15T08:00:00Z",
}


@pytest.fixture
async def polling(replay, home, stream, clock):
    store = Store(home.intake)
    await store.open()
    made: list[HttpPoller] = []

    def polling(collector, **options: object) -> HttpPoller:
        health = Health("it", stream.publish, Notes(store))
        info, limiter = (
            SourceInfo("it", url=replay.url, options=options),
            RateLimiter("it", health, Publisher(stream.publish), clock),
        )
        made.append(
            HttpPoller(info, collector, 0, lambda: b"t0ken", Notes(store), health, limiter, clock)
        )
        return made[-1]

    yield polling
    for one in made:
        await one.close()
    await store.close()


async def test_heroku_is_asked_for_the_newest_by_range_and_a_release_is_told_as_it_goes(
    polling, replay, stream
):
    replay.tell("/apps/acme-shop/releases", b"[]", status=206)
    replay.tell("/apps/acme-shop/builds", b"[]", status=206)
    poller = polling(heroku, app=("acme-shop",))
    assert (await poller.poll()).errors == []
    assert [asked.headers["range"] for asked in replay.asked] == [
        "version ..; order=desc, max=10",
        "started_at ..; order=desc, max=10",
    ]
    assert {asked.headers["accept"] for asked in replay.asked} == {
        "application/vnd.heroku+json; version=3"
    }
    assert {asked.headers["authorization"] for asked in replay.asked} == {"Bearer t0ken"}
    for status in ("pending", "pending", "succeeded"):
        replay.tell(
            "/apps/acme-shop/releases",
            json.dumps([RELEASE | {"status": status}]).encode(),
            status=206,
        )
        await poller.poll()
    assert [(event.state, event.number, event.quiet) for event in stream.events] == [
        ("in_progress", "v42", False),
        ("success", "v42", False),
    ]


async def test_argo_cd_is_asked_for_fields_and_a_round_that_breaks_loses_nothing(
    polling, replay, stream
):
    path = "/api/v1/applications"
    operation = {
        "phase": "Running",
        "startedAt": "2033-01-15T08:00:00Z",
        "operation": {"initiatedBy": {"username": "bo"}},
    }
    app = {
        "metadata": {"name": "shop", "uid": "u-1"},
        "status": {"operationState": operation, "health": {"status": "Healthy"}},
    }
    replay.tell(path, b'{"metadata": {}, "items": null}')
    poller = polling(argocd, project="acme")
    await poller.poll()
    query = parse_qs(urlsplit(replay.paths[0]).query)
    assert query["projects"] == ["acme"]
    assert "items.metadata.name" in query["fields"][0].split(",")
    replay.tell(path, json.dumps({"items": [app]}).encode()[:-20], cut=True)
    with pytest.raises(Exception, match="cannot be reached"):
        await poller.poll()
    replay.tell(path, json.dumps({"items": [app]}).encode())
    await poller.poll()
    await poller.poll()
    assert [(event.state, event.service, event.actor) for event in stream.events] == [
        ("in_progress", "shop", "bo")
    ]

"""The forges' pollers over real HTTP.

What they ask arrives as they wrote it, with the proof that each forge takes.
"""

from __future__ import annotations

import json

import pytest

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import azuredevops, gitlab
from devstream_desktop.intake.health import Health
from devstream_desktop.intake.limiter import RateLimiter
from devstream_desktop.intake.notes import Notes
from devstream_desktop.intake.poll.http_poller import HttpPoller
from devstream_desktop.intake.publisher import Publisher
from devstream_desktop.intake.store import Store

A, B = "a" * 40, "b" * 40


@pytest.fixture
async def polling(replay, home, stream, clock):
    store = Store(home.intake)
    await store.open()
    made: list[HttpPoller] = []

    def polling(collector, token: bytes, path: str = "", **options: str) -> HttpPoller:
        health = Health("it", stream.publish, Notes(store))
        info = SourceInfo("it", url=replay.url + path, options=options)
        made.append(
            HttpPoller(
                info,
                collector,
                0,
                lambda: token,
                Notes(store),
                health,
                RateLimiter("it", health, Publisher(stream.publish), clock),
                clock,
            )
        )
        return made[-1]

    yield polling
    for one in made:
        await one.close()
    await store.close()


async def test_gitlab_is_asked_for_a_path_in_one_piece_and_a_broken_part_holds_no_other(
    polling, replay, stream, clock
):
    api = "/api/v4/projects/acme%2Fweb%2Fshop"
    project = {
        "path_with_namespace": "acme/web/shop",
        "web_url": "https://gitlab.example.org/acme/web/shop",
        "default_branch": "main",
    }
    replay.tell(api, json.dumps(project).encode(), etag='"1"')
    for path in ("/events", "/merge_requests", "/pipelines", "/deployments", "/issues"):
        replay.tell(api + path, b"[]", etag='"2"')
    poller = polling(gitlab, b"glpat", repository="acme/web/shop")
    done = await poller.poll()
    assert done.errors == []
    assert {asked.headers["authorization"] for asked in replay.asked} == {"Bearer glpat"}
    data = {
        "ref_type": "branch",
        "ref": "main",
        "commit_from": A,
        "commit_to": B,
        "commit_count": 2,
        "commit_title": "Retry",
    }
    push = {"created_at": "2033-01-15T08:00:00Z", "author": {"username": "ana"}, "push_data": data}
    replay.tell(f"{api}/events", json.dumps([push]).encode(), etag='"3"')
    replay.tell(f"{api}/deployments", status=403)
    replay.tell(f"{api}/pipelines", b'[{"id": 1', cut=True)
    done = await poller.poll()
    assert len(done.errors) == 2
    (event,) = stream.events
    assert (event.service, event.actor, event.revision, event.count) == ("shop", "ana", B, 2)
    replay.tell(f"{api}/deployments", b"[]")
    replay.tell(f"{api}/pipelines", b"[]")
    done = await poller.poll()
    assert (done.errors, done.events) == ([], 0)


async def test_azure_devops_takes_a_token_without_a_user_and_a_query_by_post(polling, replay):
    git = "/acme/Our%20Web/_apis/git/repositories/shop"
    replay.tell(
        git, b'{"name": "shop", "remoteUrl": "https://dev.azure.com/acme/Our%20Web/_git/shop"}'
    )
    for path in (
        f"{git}/pushes",
        f"{git}/pullrequests",
        "/acme/Our%20Web/_apis/build/builds",
        "/acme/Our%20Web/_apis/release/deployments",
    ):
        replay.tell(path, b'{"value": []}')
    replay.tell("/acme/Our%20Web/_apis/wit/wiql", b'{"workItems": []}')
    poller = polling(azuredevops, b":pat", "/acme", repository="Our Web/shop")
    assert (await poller.poll()).errors == []
    assert {asked.headers["authorization"] for asked in replay.asked} == {"Basic OnBhdA=="}
    (query,) = [asked for asked in replay.asked if asked.method == "POST"]
    assert "[System.TeamProject] = @project" in json.loads(query.body)["query"]

"""A deploy that a collector sees from an executor's own run is on that run's row alone."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from devstream_collectors.contract import Delivery, Response, SourceInfo
from devstream_collectors.kit.decoding import decode
from devstream_collectors.kit.place import Place
from devstream_collectors.sources import argocd, gitlab, jenkins
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


# Runs at GitLab, Jenkins and Argo CD, as their senders and servers tell them.

MARK = {"DEVSTREAM_REQUEST": REQUEST, "DEVSTREAM_EXECUTOR": EXECUTOR}
LAB = SourceInfo("lab", url="https://gitlab.example.com", options={"repository": "acme/shop"})
PROJECT = {
    "path_with_namespace": "acme/shop",
    "web_url": "https://gitlab.example.com/acme/shop",
    "default_branch": "main",
}


def iso(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat()


def sent(collector, body: object, at: int) -> list[Event]:
    made = collector.normalise(
        Delivery({}, json.dumps(body).encode(), at + 2000), SourceInfo("it", service="shop")
    )
    assert not made.dropped, made
    return list(made.events)


def gitlab_pipeline(
    status: str, mark: dict[str, str], at: int = NOW, sha: str = SHA
) -> list[Event]:
    """A pipeline as GitLab posts it."""
    about = {
        "id": 46,
        "ref": "main",
        "sha": sha,
        "source": "api",
        "status": status,
        "created_at": iso(at),
        "finished_at": iso(at + 1000) if status == "success" else None,
        "variables": [{"key": key, "value": value} for key, value in mark.items()],
    }
    body = {"object_kind": "pipeline", "object_attributes": about, "project": PROJECT}
    return sent(gitlab, body, at)


def jenkins_build(status: str, mark: dict[str, str], at: int = NOW, sha: str = SHA) -> list[Event]:
    """A build as Jenkins' Notification plugin posts it."""
    build = {
        "full_url": "https://ci.example.com/job/shop/7/",
        "number": 7,
        "phase": "COMPLETED" if status == "success" else "STARTED",
        "status": "SUCCESS" if status == "success" else None,
        "timestamp": at,
        "scm": {"commit": sha, "branch": "origin/main"} if sha else {},
        "parameters": mark,
    }
    return sent(jenkins, {"name": "shop", "build": build}, at)


def argo_sync(status: str, mark: dict[str, str], at: int = NOW, sha: str = SHA) -> list[Event]:
    """A sync as Argo CD's notifications post it."""
    phase = "Succeeded" if status == "success" else "Running"
    operation = {
        "phase": phase,
        "startedAt": iso(at),
        **({"finishedAt": iso(at + 1000)} if status == "success" else {}),
        "operation": {
            "info": [{"name": name, "value": value} for name, value in mark.items()],
            "initiatedBy": {"username": "deployer"},
            "sync": {"revision": sha},
        },
        "syncResult": {"revision": sha},
    }
    app = {
        "metadata": {"name": "shop", "uid": "u"},
        "status": {"health": {"status": "Healthy"}, "operationState": operation},
    }
    found = sent(argocd, {"app": app}, at)
    return [one for one in found if one.kind == "deploy"]


TOOLS = [gitlab_pipeline, jenkins_build, argo_sync]


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("state", ["running", "success"])
async def test_a_run_of_an_executors_has_one_row(history, began, tool, state):
    assert await news(history, *tool(state, MARK)) == []


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    "mark",
    [
        {},
        MARK | {"DEVSTREAM_REQUEST": "cd" * 16},
        MARK | {"DEVSTREAM_EXECUTOR": device_id(b"x" * 32)},
        {"DEVSTREAM_REQUEST": REQUEST},
    ],
)
async def test_a_result_of_others_is_told(history, began, tool, mark):
    assert len(await news(history, *tool("success", mark))) == 1


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_result_of_another_commit_is_told(history, began, tool):
    assert len(await news(history, *tool("success", MARK, sha=OTHER))) == 1


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_run_that_somebody_repeats_later_is_told(history, began, new_feed, arrival, tool):
    ended = make_answer(
        request=REQUEST,
        target="shop",
        environment="production",
        state="success",
        executor=EXECUTOR,
        person="ana",
        ref="main",
        sha=SHA,
        title="",
        time=NOW + 10_000,
    )
    history.add([arrival(new_feed(bytes(range(32)) + b"12345678").entry(ended), "peer")])
    assert await news(history, *tool("success", MARK, at=NOW + 5_000)) == []
    assert len(await news(history, *tool("success", MARK, at=NOW + 600_000))) == 1


async def test_a_build_told_before_its_executor_said_so_waits_for_its_end(history):
    assert await news(history, *gitlab_pipeline("running", MARK)) == []
    assert len(await news(history, *gitlab_pipeline("success", MARK))) == 1


async def test_a_job_without_a_checkout_is_its_executors(history, began):
    assert await news(history, *jenkins_build("success", MARK, sha="")) == []


class Lab:
    """GitLab's API, asked in rounds; `answers` by the end of the path."""

    def __init__(self) -> None:
        self.answers: dict[str, object] = {}
        self.cursor = b""
        self.paths: list[str] = []

    def round(self) -> list[Event]:
        events: list[Event] = []
        for begun in gitlab.requests(self.cursor, LAB, NOW):
            chain = [begun]
            while chain:
                request = chain.pop(0)
                path = request.path.partition("?")[0].partition("acme%2Fshop")[2].strip("/")
                self.paths.append(path)
                told = self.answers.get(path, PROJECT if not path else [])
                status = told if isinstance(told, int) else 200
                body = json.dumps(told).encode()
                polled = gitlab.parse(Response(request, status, {}, body, NOW), self.cursor, LAB)
                self.cursor = polled.cursor
                events += polled.events
                chain += polled.requests
        return events


@pytest.mark.parametrize("sees", [True, False], ids=["variables", "no variables"])
async def test_gitlabs_api_tells_the_pipeline_and_its_deployment_of_an_executor(
    history, began, sees
):
    lab = Lab()
    lab.round()
    pipeline = {
        "id": 46,
        "ref": "main",
        "sha": SHA,
        "source": "api",
        "status": "running",
        "updated_at": iso(NOW),
    }
    named = [{"key": key, "value": value} for key, value in MARK.items()]
    deployment = {
        "id": 9,
        "sha": SHA,
        "status": "running",
        "updated_at": iso(NOW),
        "environment": {"name": "production"},
        "deployable": {"pipeline": {"id": 46}},
    }
    lab.answers = {
        "pipelines": [pipeline],
        "pipelines/46": pipeline,
        "pipelines/46/variables": named if sees else 403,
        "deployments": [deployment],
        "deployments/9": deployment,
    }
    found = lab.round()
    assert [str(event.kind) for event in found] == ["build", "deploy"]
    assert len(await news(history, *found)) == (0 if sees else 2)
    # They are looked at once.
    lab.answers["pipelines/46"] = pipeline | {"status": "success"}
    lab.answers["pipelines"] = [pipeline | {"status": "success"}]
    lab.answers["deployments"] = [deployment | {"status": "success"}]
    lab.answers["deployments/9"] = deployment | {"status": "success"}
    found = lab.round()
    assert {event.state for event in found} == {"succeeded", "success"}
    assert len(await news(history, *found)) == (0 if sees else 2)
    assert lab.paths.count("pipelines/46/variables") == 1


async def test_a_gitlab_deployment_that_names_no_pipeline_is_told(history, began):
    """Commit, environment and time are an executor's, and may be a person's all the same."""
    body = {
        "object_kind": "deployment",
        "status": "running",
        "status_changed_at": iso(NOW),
        "deployment_id": 15,
        "deployable_id": 796,
        "deployable_url": "https://gitlab.example.com/acme/shop/-/jobs/796",
        "environment": "production",
        "ref": "main",
        "short_sha": SHA[:8],
        "commit_url": f"https://gitlab.example.com/acme/shop/-/commit/{SHA}",
        "project": PROJECT,
    }
    (told,) = sent(gitlab, body, NOW)
    assert (told.environment, told.revision, told.request) == ("production", SHA, "")
    assert await news(history, told) == [told]

"""K4: nothing is lost without a word, however much happens between two rounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from devstream_collectors.contract import PollCollector, Request, Response, SourceInfo
from devstream_collectors.sources import azuredevops, bitbucket, gitea, github, gitlab
from devstream_desktop.stream.event import Event

NOW = 1_800_000_000_000
A = "a" * 40


class Service:
    """A service that has its lists, the newest first, and gives them by pages."""

    def __init__(self, collector: PollCollector, source: SourceInfo) -> None:
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.single: dict[str, object] = {}
        self.wrap: dict[str, str] = {}
        self.all_wrapped = ""
        self.left_out: list[str] = []
        self._collector, self._source, self._cursor = collector, source, b""

    def round(self) -> list[Event]:
        """The events of one more round, all chains together as one."""
        told: list[Event] = []
        for first in self._collector.requests(self._cursor, self._source, NOW):
            waiting = [first]
            while waiting:
                request = waiting.pop(0)
                polled = self._collector.parse(self._answer(request), self._cursor, self._source)
                self._cursor = polled.cursor
                assert len(polled.cursor) < 64 * 1024
                told += polled.events
                self.left_out += [polled.left_out] if polled.left_out else []
                waiting = [*polled.requests, *waiting]
        return told

    def _answer(self, request: Request) -> Response:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body: object = self.single.get(url.path)
        if body is None and url.path not in self.lists and request.missing_ok:
            return Response(request, 404, {}, b"", NOW)
        if body is None:
            items = self.lists.get(url.path, [])
            if branch := query.get("branch") or query.get("ref"):
                items = [one for one in items if branch in (one.get("head_branch"), one.get("ref"))]
            if since := query.get("since"):
                items = [one for one in items if one["updated_at"] > since]
            if action := query.get("action"):
                items = [one for one in items if one["action_name"].startswith(action)]
            sizes = ("per_page", "limit", "pagelen", "$top")
            size = next((int(query[name]) for name in sizes if name in query), 20)
            page = int(query.get("page", 1))
            start = int(query.get("$skip") or query.get("start") or (page - 1) * size)
            body = items[start : start + size]
            if wrap := self.wrap.get(url.path, self.all_wrapped):
                body = {wrap: body}
        return Response(request, 200, {}, json.dumps(body).encode(), NOW)


REPO = "/repos/acme/shop"


@pytest.fixture
def hub() -> Service:
    source = SourceInfo("gh", url="https://api.github.com", options={"repository": "acme/shop"})
    service = Service(github, source)
    service.single[REPO] = {
        "name": "shop",
        "full_name": "acme/shop",
        "html_url": "https://github.com/acme/shop",
        "default_branch": "main",
    }
    service.wrap[f"{REPO}/actions/runs"] = "workflow_runs"
    return service


def run(number: int, branch: str = "main") -> dict[str, Any]:
    return {
        "id": number,
        "workflow_id": 1,
        "run_number": number,
        "name": "CI",
        "path": ".github/workflows/ci.yml",
        "head_branch": branch,
        "head_sha": A,
        "status": "completed",
        "conclusion": "success",
        "updated_at": "2027-01-15T08:00:00Z",
    }


def issue(number: int) -> dict[str, Any]:
    minute, second = divmod(number, 60)
    at = f"2027-01-15T07:{minute:02}:{second:02}Z"
    return {"number": number, "title": f"Issue {number}", "created_at": at}


def step(number: int) -> dict[str, Any]:
    at = "2027-01-15T08:00:00Z"
    return {"id": number, "event": "closed", "created_at": at, "issue": issue(number)}


def pull(number: int) -> dict[str, Any]:
    at = issue(number)["created_at"]
    return {
        "number": number,
        "merged_at": at,
        "updated_at": at,
        "merge_commit_sha": f"{number:040x}",
        "base": {"ref": "main"},
    }


def deployment(number: int) -> dict[str, Any]:
    return {"id": number, "environment": "production", "sha": A, "updated_at": f"u{number}"}


LISTS: dict[str, Callable[[int], dict[str, Any]]] = {
    "/actions/runs": run,
    "/issues": issue,
    "/issues/events": step,
    "/pulls": pull,
    "/deployments": deployment,
}


def fill(hub: Service, path: str, count: int) -> None:
    """Let so many things have happened."""
    made = [LISTS[path](number) for number in range(count, 0, -1)]
    hub.lists[REPO + path] = made
    for body in made:
        number = body.get("number") or body.get("id")
        if path == "/pulls":
            hub.single[f"{REPO}/pulls/{number}"] = body
        if path == "/deployments":
            hub.lists[f"{REPO}/deployments/{number}/statuses"] = [
                {"id": number, "state": "success", "created_at": "2027-01-15T08:00:00Z"}
            ]


@pytest.mark.parametrize("path", LISTS)
def test_k4_more_than_a_page_in_one_round_is_read_whole(hub, path) -> None:
    fill(hub, path, 5)
    hub.round()
    fill(hub, path, 100)
    told = hub.round()
    assert len({event.key for event in told}) == len(told) == 95
    assert hub.left_out == []
    assert hub.round() == []


@pytest.mark.parametrize("path", LISTS)
def test_k4_where_the_bound_is_reached_it_is_said(hub, path) -> None:
    fill(hub, path, 1)
    hub.round()
    fill(hub, path, 1_000)
    told = hub.round()
    assert len(told) >= 150
    assert len(hub.left_out) == 1


def test_k4_what_goes_on_elsewhere_hides_no_run_of_a_branch_that_counts(hub) -> None:
    runs = hub.lists[f"{REPO}/actions/runs"] = [run(1)]
    hub.round()
    hub.round()
    runs[:0] = [*(run(number, "dev") for number in range(500, 3, -1)), run(3), run(2)]
    assert [event.number for event in hub.round()] == ["2", "3"]


def test_k1_a_deployment_that_was_over_and_goes_on_is_asked_for_again(hub) -> None:
    fill(hub, "/deployments", 1)
    statuses = hub.lists[f"{REPO}/deployments/1/statuses"]
    statuses[0]["state"] = "failure"
    assert [event.state for event in hub.round()] == ["failure"]
    assert hub.round() == []
    for number, state in enumerate(("in_progress", "success"), 2):
        statuses.insert(
            0, {"id": number, "state": state, "created_at": f"2027-01-15T08:0{number}:00Z"}
        )
    hub.lists[f"{REPO}/deployments"][0]["updated_at"] = "later"
    assert [event.state for event in hub.round()] == ["in_progress", "success"]
    assert hub.round() == []


def time_of(number: int) -> str:
    minute, second = divmod(number, 60)
    return f"2027-01-15T07:{minute:02}:{second:02}Z"


LAB = "/api/v4/projects/acme%2Fshop"


def lab_merge(number: int) -> dict[str, Any]:
    at = time_of(number)
    return {
        "iid": number,
        "target_branch": "main",
        "merge_commit_sha": f"{number:040x}",
        "merged_at": at,
        "updated_at": at,
        "state": "merged",
    }


def lab_pipeline(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "ref": "main",
        "sha": A,
        "status": "success",
        "updated_at": time_of(number),
        "finished_at": time_of(number),
    }


def lab_deployment(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "status": "success",
        "sha": A,
        "updated_at": time_of(number),
        "environment": {"name": "production"},
    }


def lab_issue(number: int) -> dict[str, Any]:
    at = time_of(number)
    return {"iid": number, "title": f"Issue {number}", "created_at": at, "updated_at": at}


def lab_push(number: int) -> dict[str, Any]:
    return {
        "action_name": "pushed to",
        "created_at": time_of(number),
        "push_data": {
            "ref": "main",
            "ref_type": "branch",
            "action": "pushed",
            "commit_from": f"{number - 1:040x}",
            "commit_to": f"{number:040x}",
            "commit_count": 1,
        },
    }


LAB_LISTS = {
    "/merge_requests": lab_merge,
    "/pipelines": lab_pipeline,
    "/deployments": lab_deployment,
    "/issues": lab_issue,
    "/events": lab_push,
}
TEA = "/api/v1/repos/acme/shop"


def tea_pull(number: int) -> dict[str, Any]:
    at = time_of(number)
    return {
        "number": number,
        "merged": True,
        "merged_at": at,
        "updated_at": at,
        "merge_commit_sha": f"{number:040x}",
        "base": {"ref": "main"},
    }


def tea_run(number: int) -> dict[str, Any]:
    return run(number) | {"path": "ci.yml@refs/heads/main"}


def tea_issue(number: int) -> dict[str, Any]:
    return lab_issue(number) | {"number": number}


TEA_LISTS = {"/pulls": tea_pull, "/actions/runs": tea_run, "/issues": tea_issue}


@pytest.mark.parametrize(
    ("collector", "base", "path", "make"),
    [
        *((gitlab, LAB, path, make) for path, make in LAB_LISTS.items()),
        *((gitea, TEA, path, make) for path, make in TEA_LISTS.items()),
    ],
    ids=lambda value: value if isinstance(value, str) and value.startswith("/") else "",
)
def test_k4_other_forges_are_read_whole_too(collector, base, path, make) -> None:
    options = {"repository": "acme/shop"}
    service = Service(collector, SourceInfo("it", url="https://git.example.org", options=options))
    service.single[base] = {
        "name": "shop",
        "full_name": "acme/shop",
        "path_with_namespace": "acme/shop",
        "web_url": "https://git.example.org/acme/shop",
        "html_url": "https://git.example.org/acme/shop",
        "default_branch": "main",
    }
    service.single[f"{base}/branches/main"] = {"name": "main", "commit": {"id": A}}
    service.wrap[f"{base}/actions/runs"] = "workflow_runs"

    def fill(count: int) -> None:
        made = [make(number) for number in range(count, 0, -1)]
        service.lists[base + path] = made
        for body in made if path == "/pipelines" else ():
            service.single[f"{base}{path}/{body['id']}"] = body

    fill(5)
    service.round()
    service.round()
    fill(100)
    told = service.round()
    assert len({event.key for event in told}) == len(told) == 95
    assert service.left_out == []
    assert service.round() == []
    fill(1_000)
    service.round()
    assert len(service.left_out) == 1


def azure_pull(number: int) -> dict[str, Any]:
    return {
        "pullRequestId": number,
        "status": "completed",
        "targetRefName": "refs/heads/main",
        "closedDate": time_of(number),
        "lastMergeCommit": {"commitId": f"{number:040x}"},
    }


def bucket_pull(number: int) -> dict[str, Any]:
    return {
        "id": number,
        "state": "MERGED",
        "destination": {"branch": {"name": "main"}},
        "merge_commit": {"hash": f"{number:040x}"},
        "updated_on": time_of(number),
    }


def bucket_issue(number: int) -> dict[str, Any]:
    at = time_of(number)
    return {"id": number, "title": f"Issue {number}", "created_on": at, "updated_on": at}


AZURE = SourceInfo("az", url="https://tfs.example.org/acme", options={"repository": "shop/shop"})
BUCKET = SourceInfo("bb", url="https://api.bitbucket.org", options={"repository": "acme/shop"})


@pytest.mark.parametrize(
    ("collector", "source", "wrap", "path", "make"),
    [
        (azuredevops, AZURE, "value", "/pullrequests", azure_pull),
        (bitbucket, BUCKET, "values", "/pullrequests", bucket_pull),
        (bitbucket, BUCKET, "values", "/issues", bucket_issue),
    ],
    ids=["azure pulls", "bitbucket pulls", "bitbucket issues"],
)
def test_k4_wrapped_pages_are_read_whole_too(collector, source, wrap, path, make) -> None:
    service = Service(collector, source)
    service.all_wrapped = wrap
    asked: list[str] = []
    answer = service._answer

    def listed(request: Request) -> Response:
        where = urlsplit(request.path).path
        asked.append(where)
        if where.endswith(path):
            service.lists[where] = made
        return answer(request)

    service._answer = listed  # type: ignore[method-assign]
    for count, expected in ((5, None), (5, 0), (100, 95)):
        made = [make(number) for number in range(count, 0, -1)]
        told = [event for event in service.round() if event.number]
        if expected is not None:
            assert len({event.key for event in told}) == expected
    assert service.left_out == []

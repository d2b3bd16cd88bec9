"""K4 and K1 at GitHub: what its lists hide, and what goes on after its end.

How every poller reads its pages is in `tests/intake/test_paging.py`.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from devstream_collectors.contract import Request, Response, SourceInfo
from devstream_collectors.sources import github
from devstream_desktop.stream.event import Event

NOW = 1_800_000_000_000
A = "a" * 40
REPO = "/repos/acme/shop"
SOURCE = SourceInfo("gh", url="https://api.github.com", options={"repository": "acme/shop"})


class Hub:
    """GitHub with its lists, the newest first."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Any]] = []
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self._cursor = b""

    def round(self) -> list[Event]:
        """The events of one more round, all chains together as one."""
        told: list[Event] = []
        for first in github.requests(self._cursor, SOURCE, NOW):
            waiting = [first]
            while waiting:
                request = waiting.pop(0)
                polled = github.parse(self._answer(request), self._cursor, SOURCE)
                self._cursor = polled.cursor
                told += polled.events
                waiting = [*polled.requests, *waiting]
        return told

    def _answer(self, request: Request) -> Response:
        url = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        body: object = self.lists.get(url.path, [])[: int(query.get("per_page", 30))]
        if url.path == REPO:
            body = {"name": "shop", "full_name": "acme/shop", "default_branch": "main"}
        elif url.path == f"{REPO}/actions/runs":
            wanted = query.get("branch")
            found = [one for one in self.runs if wanted in (None, one["head_branch"])]
            body = {"workflow_runs": found[:30], "total_count": len(found)}
        elif url.path.endswith("/check-runs") or "/git/commits/" in url.path:
            body = {}
        return Response(request, 200, {}, json.dumps(body).encode(), NOW)


@pytest.fixture
def hub() -> Hub:
    return Hub()


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


def status(number: int, state: str) -> dict[str, Any]:
    return {"id": number, "state": state, "created_at": f"2027-01-15T08:0{number}:00Z"}


def test_k4_what_goes_on_elsewhere_hides_no_run_of_a_branch_that_counts(hub) -> None:
    hub.runs = [run(1)]
    hub.round()
    hub.round()
    hub.runs[:0] = [*(run(number, "dev") for number in range(500, 3, -1)), run(3), run(2)]
    assert [event.number for event in hub.round()] == ["2", "3"]


def test_k1_a_deployment_that_was_over_and_goes_on_is_asked_for_again(hub) -> None:
    deployment = {"id": 1, "environment": "production", "sha": A, "updated_at": "u1"}
    statuses = [status(1, "failure")]
    hub.lists = {
        f"{REPO}/deployments": [deployment],
        f"{REPO}/deployments/1/statuses": statuses,
    }
    assert [event.state for event in hub.round()] == ["failure"]
    assert hub.round() == []
    statuses[:0] = [status(3, "success"), status(2, "in_progress")]
    deployment["updated_at"] = "later"
    assert [event.state for event in hub.round()] == ["in_progress", "success"]
    assert hub.round() == []


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["in_progress", "failure", "inactive"], ["in_progress", "failure"]),
        (["in_progress", "success", "inactive"], ["in_progress", "success"]),
        (["in_progress", "inactive"], ["in_progress", "cancelled"]),
        (["queued", "inactive"], []),
    ],
)
def test_k8_a_deployment_that_becomes_inactive_keeps_its_outcome(hub, states, told) -> None:
    deployment = {"id": 1, "environment": "production", "sha": A, "updated_at": "u1"}
    statuses: list[dict[str, Any]] = []
    hub.lists = {
        f"{REPO}/deployments": [deployment],
        f"{REPO}/deployments/1/statuses": statuses,
    }
    hub.round()
    found: list[str] = []
    for number, state in enumerate(states, 1):
        statuses.insert(0, status(number, state))
        deployment["updated_at"] = f"u{number}"
        found += [event.state for event in hub.round()]
    assert found == told
    assert hub.round() == []

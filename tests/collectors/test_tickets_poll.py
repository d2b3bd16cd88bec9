"""Jira, Linear and Redmine asked through their APIs: the same steps as by webhook, with the same keys."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from devstream_collectors.contract import Delivery, Request, Response, SourceInfo
from devstream_collectors.kit.decoding import iso
from devstream_collectors.sources import jira, linear, redmine

RECEIVED = 1_800_000_000_000
MODULES = {"jira": jira, "linear": linear, "redmine": redmine}
JIRA = SourceInfo("qa", url="https://acme.atlassian.net", options={"jql": "project = SHOP"})
LINEAR = SourceInfo("qa", url="https://api.linear.app", options={"team": ("SHOP",)})
REDMINE = SourceInfo("qa", url="https://redmine.example.org", options={"project": "shop"})


class Api:
    """A tracker that is asked round by round; `answer` gives the body for a request, or None for 404."""

    def __init__(self, kind: str, source: SourceInfo) -> None:
        self.module, self.source = MODULES[kind], source
        self.cursor, self.asked, self.dropped = b"", list[Request](), dict[str, int]()

    def round(self, answer, now: int = RECEIVED):
        told = []
        cursor, waiting = self.cursor, list(self.module.requests(self.cursor, self.source, now))
        for _ in range(60):
            if not waiting:
                break
            request = waiting.pop(0)
            self.asked.append(request)
            body = answer(request)
            response = Response(request, 404 if body is None else 200, {}, json.dumps(body).encode(), now)
            polled = self.module.parse(response, cursor, self.source)
            told += polled.events
            waiting = [*polled.requests, *waiting]
            cursor, self.dropped = polled.cursor, dict(polled.dropped)
            assert 0 < len(cursor) <= 1 << 16
        assert not waiting
        self.cursor = cursor
        return told


def posted(samples, kind: str, name: str):
    return MODULES[kind].normalise(Delivery({}, samples(kind)[name], RECEIVED), SourceInfo("qa", url=REDMINE.url)).events[0]


def query(request: Request) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(request.path).query).items()}


def same(polled, hooked) -> None:
    found = [(one.key, one.subject, one.number, one.state, one.actor, one.url) for one in polled]
    assert found == [(one.key, one.subject, one.number, one.state, one.actor, one.url) for one in hooked]


def jira_issue(samples, *names: str) -> dict[str, object]:
    """The issue as the last of these webhooks has it, with the changes of all in its history, the newest first."""
    hooks = [json.loads(samples("jira")[name]) for name in names]
    histories = [hook["changelog"] | {"author": hook["user"], "created": iso(hook["timestamp"])} for hook in hooks if "changelog" in hook]
    return hooks[-1]["issue"] | {"changelog": {"histories": histories[::-1]}}


def test_jira(samples):
    api = Api("jira", JIRA)
    same(api.round(lambda _: {"issues": [jira_issue(samples, "created")], "isLast": True}), [posted(samples, "jira", "created")])
    assert urlsplit(api.asked[0].path).path == "/rest/api/3/search/jql"
    assert query(api.asked[0])["jql"] == "(project = SHOP) AND updated >= -1440m ORDER BY updated ASC"
    names = ("created", "in_progress", "done", "reopened")
    polled = api.round(lambda _: {"issues": [jira_issue(samples, *names)]}, RECEIVED + 60_000)
    same(polled, [posted(samples, "jira", name) for name in ("created", "done", "reopened")])
    assert api.dropped == {"status-not-news": 1}
    assert query(api.asked[1])["jql"] == "(project = SHOP) AND updated >= -5m ORDER BY updated ASC"


def test_jira_has_pages(samples):
    def page(request: Request):
        return {"issues": [jira_issue(samples, "created")], "nextPageToken": "" if "nextPageToken" in query(request) else "two"}

    api = Api("jira", JIRA)
    assert len(api.round(page)) == 2
    assert query(api.asked[1])["nextPageToken"] == "two"
    server = Api("jira", SourceInfo("qa", url="https://jira.example.org"))
    server.round(lambda request: {"issues": [jira_issue(samples, "created")], "startAt": int(query(request).get("startAt", 0)), "total": 3})
    assert [(urlsplit(request.path).path, query(request).get("startAt")) for request in server.asked] == [
        ("/rest/api/2/search", None),
        ("/rest/api/2/search", "1"),
        ("/rest/api/2/search", "2"),
    ]
    assert query(server.asked[0])["jql"] == "updated >= -1440m ORDER BY updated ASC"


def test_an_old_change_of_an_issue_that_was_touched_now_is_no_news(samples):
    api = Api("jira", JIRA)
    api.round(lambda _: {"issues": []})
    later = RECEIVED + 2 * 3_600_000
    api.round(lambda _: {"issues": []}, later)
    assert api.round(lambda _: {"issues": [jira_issue(samples, "created", "done")]}, later + 60_000) == []


def test_jql_with_an_order_is_refused():
    jira.check(JIRA)
    with pytest.raises(ValueError, match="ORDER BY"):
        jira.check(SourceInfo("qa", options={"jql": "project = SHOP order  by created"}))


def linear_answer(samples, name: str, history: list[dict[str, object]], more: str = "") -> dict[str, object]:
    issue = json.loads(samples("linear")[name])["data"] | {"creator": {"name": "Eva"}, "history": {"nodes": history}}
    return {"data": {"issues": {"nodes": [issue], "pageInfo": {"hasNextPage": bool(more), "endCursor": more or None}}}}


def linear_step(at: str, who: str, old: str, new: str) -> dict[str, object]:
    return {"createdAt": at, "actor": {"name": who}, "fromState": {"name": old, "type": old}, "toState": {"name": new.title(), "type": new}}


def test_linear(samples):
    api = Api("linear", LINEAR)
    same(api.round(lambda _: linear_answer(samples, "create", [])), [posted(samples, "linear", "create")])
    body = json.loads(api.asked[0].body)
    assert (api.asked[0].path, api.asked[0].method) == ("/graphql", "POST")
    assert body["variables"] == {
        "filter": {"updatedAt": {"gt": "2027-01-14T08:00:00.000Z"}, "team": {"key": {"in": ["SHOP"]}}},
        "after": None,
    }
    done = linear_step("2027-01-15T07:59:50.190Z", "Ana", "started", "completed")
    polled = api.round(lambda _: linear_answer(samples, "done", [linear_step("2027-01-15T07:59:00Z", "Ana", "unstarted", "started"), done]))
    same(polled, [posted(samples, "linear", name) for name in ("create", "done")])
    back = linear_step("2027-01-15T07:59:55.207Z", "Bo", "completed", "unstarted")
    assert api.round(lambda _: linear_answer(samples, "reopened", [done, back]))[-1].key == posted(samples, "linear", "reopened").key


def test_linear_has_pages_and_says_errors(samples):
    api = Api("linear", LINEAR)
    api.round(lambda request: linear_answer(samples, "create", [], "" if json.loads(request.body)["variables"]["after"] else "two"))
    assert [json.loads(request.body)["variables"]["after"] for request in api.asked] == [None, "two"]
    with pytest.raises(ValueError, match="Authentication required"):
        api.round(lambda _: {"errors": [{"message": "Authentication required"}]})
    with pytest.raises(ValueError, match="no issues"):
        api.round(lambda _: {"data": None})
    with pytest.raises(ValueError, match="such as SHOP"):
        linear.check(SourceInfo("qa", options={"team": ("a b",)}))


STATUSES = {
    "issue_statuses": [
        {"id": 1, "name": "New", "is_closed": False},
        {"id": 2, "name": "In Progress"},
        {"id": 5, "name": "Closed", "is_closed": True},
    ]
}


class Redmine:
    """Redmine with some issues, by number; those of one answer at a time."""

    def __init__(self, *issues: dict[str, object]) -> None:
        self.issues, self.page = list(issues), 40

    def __call__(self, request: Request):
        path = urlsplit(request.path).path
        if path == "/issue_statuses.json":
            return STATUSES
        if path == "/issues.json":
            since, offset = query(request)["updated_on"].removeprefix(">="), int(query(request)["offset"])
            found = sorted((one for one in self.issues if one["updated_on"] >= since), key=lambda one: one["updated_on"])
            plain = [{key: value for key, value in one.items() if key != "journals"} for one in found]
            return {"issues": plain[offset : offset + self.page], "total_count": len(found), "offset": offset, "limit": self.page}
        return next(({"issue": one} for one in self.issues if path == f"/issues/{one['id']}.json"), None)


def redmine_issue(samples, *names: str) -> dict[str, object]:
    hooks = [json.loads(samples("redmine")[name])["data"] for name in names]
    journals = [hook["journal"] for hook in hooks if "journal" in hook]
    for journal in journals:
        journal["details"] = [
            {"property": "attr", "name": one["prop_key"], "old_value": one["old_value"], "new_value": one["value"]}
            for one in journal["details"]
        ]
    at = journals[-1]["created_on"] if journals else hooks[-1]["issue"]["created_on"]
    return hooks[-1]["issue"] | {"journals": journals, "updated_on": at}


def test_redmine(samples):
    api = Api("redmine", REDMINE)
    same(api.round(Redmine(redmine_issue(samples, "created"))), [posted(samples, "redmine", "created")])
    assert query(api.asked[1]) == {
        "status_id": "*",
        "sort": "updated_on",
        "updated_on": ">=2027-01-14T08:00:00Z",
        "limit": "40",
        "offset": "0",
        "project_id": "shop",
    }
    names = ("created", "in_progress", "closed", "reopened")
    server = Redmine(redmine_issue(samples, *names))
    same(api.round(server), [posted(samples, "redmine", name) for name in ("created", "closed", "reopened")])
    api.asked.clear()
    assert {one.state for one in api.round(server)} == {"opened"}
    assert len(api.asked) == 1, "an issue that was looked at is not looked at again for the overlap"


def test_redmine_with_more_changes_than_a_page_goes_on_in_the_next_round(samples):
    one = redmine_issue(samples, "created", "closed")
    server, api = Redmine(*(one | {"id": number} for number in range(1, 101))), Api("redmine", REDMINE)
    closed: set[str] = set()
    for _ in range(3):
        closed |= {event.number for event in api.round(server) if event.state == "closed"}
    assert len(closed) == 100


def test_a_redmine_issue_that_is_gone_when_it_is_asked_for(samples):
    one = redmine_issue(samples, "created", "closed")
    server = Redmine(one)
    assert [
        event.state for event in Api("redmine", REDMINE).round(lambda request: None if "journals" in request.path else server(request))
    ] == ["opened"]

"""Jira asked through its API: the same steps as by webhook, with the same keys."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from collecting import RECEIVED, Api, query, same

from devstream_collectors.contract import Delivery, Request, SourceInfo
from devstream_collectors.kit.decoding import iso
from devstream_collectors.sources import jira

JIRA = SourceInfo("qa", url="https://acme.atlassian.net", options={"jql": "project = SHOP"})


def posted(samples, name: str):
    (event,) = jira.normalise(Delivery({}, samples("jira")[name], RECEIVED), JIRA).events
    return event


def jira_issue(samples, *names: str) -> dict[str, object]:
    """The issue of the last webhook, with the changes of all in its history."""
    hooks = [json.loads(samples("jira")[name]) for name in names]
    histories = [
        hook["changelog"] | {"author": hook["user"], "created": iso(hook["timestamp"])}
        for hook in hooks
        if "changelog" in hook
    ]
    return hooks[-1]["issue"] | {"changelog": {"histories": histories[::-1]}}


def test_jira(samples):
    api = Api(jira, JIRA)
    same(
        api.round(lambda _: {"issues": [jira_issue(samples, "created")], "isLast": True}),
        [posted(samples, "created")],
    )
    assert urlsplit(api.asked[0].path).path == "/rest/api/3/search/jql"
    assert (
        query(api.asked[0])["jql"] == "(project = SHOP) AND updated >= -1440m ORDER BY updated ASC"
    )
    names = ("created", "in_progress", "done", "reopened")
    polled = api.round(lambda _: {"issues": [jira_issue(samples, *names)]}, RECEIVED + 60_000)
    same(polled, [posted(samples, name) for name in ("created", "done", "reopened")])
    assert api.dropped == {"status-not-news": 1}
    assert query(api.asked[1])["jql"] == "(project = SHOP) AND updated >= -5m ORDER BY updated ASC"


def test_jira_has_pages(samples):
    def page(request: Request):
        return {
            "issues": [jira_issue(samples, "created")],
            "nextPageToken": "" if "nextPageToken" in query(request) else "two",
        }

    api = Api(jira, JIRA)
    assert len(api.round(page)) == 2
    assert query(api.asked[1])["nextPageToken"] == "two"
    server = Api(jira, SourceInfo("qa", url="https://jira.example.org"))
    server.round(
        lambda request: {
            "issues": [jira_issue(samples, "created")],
            "startAt": int(query(request).get("startAt", 0)),
            "total": 3,
        }
    )
    assert [
        (urlsplit(request.path).path, query(request).get("startAt")) for request in server.asked
    ] == [
        ("/rest/api/2/search", None),
        ("/rest/api/2/search", "1"),
        ("/rest/api/2/search", "2"),
    ]
    assert query(server.asked[0])["jql"] == "updated >= -1440m ORDER BY updated ASC"


def test_an_old_change_of_an_issue_that_was_touched_now_is_no_news(samples):
    api = Api(jira, JIRA)
    api.round(lambda _: {"issues": []})
    later = RECEIVED + 2 * 3_600_000
    api.round(lambda _: {"issues": []}, later)
    assert (
        api.round(lambda _: {"issues": [jira_issue(samples, "created", "done")]}, later + 60_000)
        == []
    )


def test_what_not_everybody_may_see_is_asked_for_and_not_told(samples):
    level = {"id": "10000", "name": "Only HR"}
    hidden = jira_issue(samples, "created", "done")
    hidden["fields"] |= {"security": level}
    api = Api(jira, JIRA)
    assert api.round(lambda _: {"issues": [hidden]}) == []
    assert api.dropped == {"confidential": 2}
    assert "security" in query(api.asked[0])["fields"].split(",")
    # One that is open already ends, without its title.
    item = {"field": "security", "from": None, "to": "10000", "toString": "Only HR"}
    change = {"id": "99", "created": iso(RECEIVED), "author": {"name": "bo"}, "items": [item]}
    issue = jira_issue(samples, "created")
    issue["fields"] |= {"security": level}
    told = api.round(lambda _: {"issues": [issue | {"changelog": {"histories": [change]}}]})
    assert [(one.state, one.number, one.title) for one in told] == [("closed", "SHOP-912", "")]


GATEWAY = "https://api.atlassian.com/ex/jira/1324a887-45db-1bf4-1e99-ef0ff456d421"


def test_a_token_with_scopes_is_asked_at_the_gateway(samples):
    options = {"site": "https://acme.atlassian.net/"}
    source = SourceInfo("qa", url=GATEWAY, options=options)
    jira.check(source)
    api = Api(jira, source)
    issue = jira_issue(samples, "created")
    issue |= {"self": f"{GATEWAY}/rest/api/3/issue/{issue['id']}"}
    same(api.round(lambda _: {"issues": [issue]}), [posted(samples, "created")])
    assert urlsplit(api.asked[0].path).path == "/rest/api/3/search/jql"
    for wrong in ({}, {"site": "acme"}):
        with pytest.raises(ValueError, match="site"):
            jira.check(SourceInfo("qa", url=GATEWAY, options=wrong))


def test_an_issue_that_is_touched_between_two_pages_hides_no_other(samples):
    """Data Center counts: what moves to the end of the list moves the others up."""
    issues = []
    for number in range(60):
        issue = jira_issue(samples, "created", "done") | {"id": str(number), "key": f"S-{number}"}
        issues.append(issue)

    def page(request: Request):
        begin = int(query(request).get("startAt", 0))
        said = {"issues": issues[begin : begin + 50], "startAt": begin, "total": 60}
        if begin == 0:
            issues.append(issues.pop(3))
        return said

    told = Api(jira, SourceInfo("qa", url="https://jira.example.org")).round(page)
    assert len({one.number for one in told if one.state == "closed"}) == 60


def test_jql_with_an_order_is_refused():
    jira.check(JIRA)
    with pytest.raises(ValueError, match="ORDER BY"):
        jira.check(SourceInfo("qa", options={"jql": "project = SHOP order  by created"}))

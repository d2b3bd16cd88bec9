"""Redmine asked through its API: the same steps as by webhook, with the same keys."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

from collecting import RECEIVED, Api, query, same

from devstream_collectors.contract import Delivery, Request, SourceInfo
from devstream_collectors.sources import redmine

REDMINE = SourceInfo("qa", url="https://redmine.example.org", options={"project": "shop"})
STATUSES = {
    "issue_statuses": [
        {"id": 1, "name": "New", "is_closed": False},
        {"id": 2, "name": "In Progress"},
        {"id": 5, "name": "Closed", "is_closed": True},
    ]
}


def posted(samples, name: str):
    (event,) = redmine.normalise(Delivery({}, samples("redmine")[name], RECEIVED), REDMINE).events
    return event


class Redmine:
    """Redmine with some issues, by number; those of one answer at a time."""

    def __init__(self, *issues: dict[str, object]) -> None:
        self.issues, self.page = list(issues), 40

    def __call__(self, request: Request):
        path = urlsplit(request.path).path
        if path == "/issue_statuses.json":
            return STATUSES
        if path == "/issues.json":
            since, offset = (
                query(request)["updated_on"].removeprefix(">="),
                int(query(request)["offset"]),
            )
            found = sorted(
                (one for one in self.issues if one["updated_on"] >= since),
                key=lambda one: one["updated_on"],
            )
            plain = [
                {key: value for key, value in one.items() if key != "journals"} for one in found
            ]
            return {
                "issues": plain[offset : offset + self.page],
                "total_count": len(found),
                "offset": offset,
                "limit": self.page,
            }
        return next(
            ({"issue": one} for one in self.issues if path == f"/issues/{one['id']}.json"), None
        )


def redmine_issue(samples, *names: str) -> dict[str, object]:
    hooks = [json.loads(samples("redmine")[name])["data"] for name in names]
    journals = [hook["journal"] for hook in hooks if "journal" in hook]
    for journal in journals:
        journal["details"] = [
            {
                "property": "attr",
                "name": one["prop_key"],
                "old_value": one["old_value"],
                "new_value": one["value"],
            }
            for one in journal["details"]
        ]
    at = journals[-1]["created_on"] if journals else hooks[-1]["issue"]["created_on"]
    return hooks[-1]["issue"] | {"journals": journals, "updated_on": at}


def test_redmine(samples):
    api = Api(redmine, REDMINE)
    same(api.round(Redmine(redmine_issue(samples, "created"))), [posted(samples, "created")])
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
    same(api.round(server), [posted(samples, name) for name in ("created", "closed", "reopened")])
    # In the second of its last change it may have changed again.
    same(api.round(server), [posted(samples, name) for name in ("created", "closed", "reopened")])
    api.asked.clear()
    assert {one.state for one in api.round(server)} == {"opened"}
    assert len(api.asked) == 1, "an issue that was looked at twice is left to the overlap"


def test_a_change_in_the_second_of_the_last_one_is_not_lost(samples):
    at = "2027-01-15T07:59:50Z"
    names = ("created", "in_progress", "closed")
    worked, closed = (redmine_issue(samples, *names[:last]) for last in (2, 3))
    for issue in (worked, closed):
        issue["updated_on"] = at
    server, api = Redmine(worked), Api(redmine, REDMINE)
    assert [one.state for one in api.round(server)] == ["opened"]
    server.issues = [closed]
    assert [one.state for one in api.round(server)] == ["opened", "closed"]
    # It may be the second in which it was made as well.
    closed["updated_on"] = closed["created_on"]
    assert [one.state for one in Api(redmine, REDMINE).round(server)] == ["opened", "closed"]


def test_a_private_issue_is_not_told(samples):
    issue = redmine_issue(samples, "created", "closed") | {"is_private": True}
    api = Api(redmine, REDMINE)
    assert api.round(Redmine(issue)) == []
    # One that is open already ends, without its title.
    made = {"property": "attr", "name": "is_private", "old_value": "0", "new_value": "1"}
    journal = {"id": 99, "created_on": "2027-01-15T08:00:00Z", "details": [made]}
    hidden = redmine_issue(samples, "created", "in_progress") | {"is_private": True}
    hidden |= {"journals": [journal], "updated_on": "2027-01-15T08:00:00Z"}
    told = api.round(Redmine(hidden))
    assert [(one.state, one.number, one.title) for one in told] == [("closed", "912", "")]
    made |= {"old_value": "1", "new_value": "0"}
    shown = hidden | {"is_private": False, "journals": [journal | {"id": 100}]}
    shown |= {"updated_on": "2027-01-15T08:00:01Z"}
    told = api.round(Redmine(shown))
    assert [(one.state, one.title) for one in told][-1] == ("opened", "Coupon applied twice")


def test_an_end_is_not_given_the_name_of_a_later_one(samples):
    issue = redmine_issue(samples, "created", "closed", "reopened")
    last = {"property": "attr", "name": "status_id", "old_value": "2", "new_value": "6"}
    rejected = {"id": 99, "created_on": "2027-01-15T08:10:00Z", "details": [last]}
    issue |= {
        "journals": [*issue["journals"], rejected],
        "status": {"id": 6, "name": "Rejected", "is_closed": True},
        "updated_on": "2027-01-15T08:10:00Z",
    }
    server = Redmine(issue)
    statuses = [*STATUSES["issue_statuses"], issue["status"]]
    told = Api(redmine, REDMINE).round(
        lambda request: (
            {"issue_statuses": statuses}
            if request.path.startswith("/issue_statuses")
            else server(request)
        )
    )
    assert [(one.state, one.reason) for one in told if one.state == "closed"] == [
        ("closed", ""), ("closed", "Rejected"),
    ]  # fmt: skip


def test_redmine_with_more_changes_than_a_page_goes_on_in_the_next_round(samples):
    one = redmine_issue(samples, "created", "closed")
    server, api = (
        Redmine(*(one | {"id": number} for number in range(1, 101))),
        Api(redmine, REDMINE),
    )
    closed: set[str] = set()
    for _ in range(3):
        closed |= {event.number for event in api.round(server) if event.state == "closed"}
    assert len(closed) == 100


def test_a_redmine_issue_that_is_gone_when_it_is_asked_for(samples):
    one = redmine_issue(samples, "created", "closed")
    server = Redmine(one)
    assert [
        event.state
        for event in Api(redmine, REDMINE).round(
            lambda request: None if "journals" in request.path else server(request)
        )
    ] == ["opened"]

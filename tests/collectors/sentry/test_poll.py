"""Sentry's webhooks and its API: an issue is one row, told when it is new, back or resolved."""

from __future__ import annotations

import json

from collecting import RECEIVED, assert_event

from devstream_collectors.contract import Delivery, Response, SourceInfo
from devstream_collectors.sources import sentry
from devstream_collectors.sources.sentry.poll import MAX_FOLLOWED

SE = SourceInfo("se", url="https://sentry.io", options={"project": "acme/shop-api"})


def normalised(samples, name: str):
    return sentry.normalise(
        Delivery(
            {"sentry-hook-resource": name.split(".", maxsplit=1)[0]},
            samples("sentry")[name],
            RECEIVED,
        ),
        SE,
    )


def event(samples, name: str):
    result = normalised(samples, name)
    assert not result.dropped, result
    (made,) = result.events
    return made


class Api:
    """A Sentry that is asked round by round."""

    def __init__(self) -> None:
        self.cursor = b""

    def round(
        self, unresolved: list[dict[str, object]], resolved: list[dict[str, object]] | None = None
    ):
        told = []
        for request in sentry.requests(self.cursor, SE, RECEIVED):
            body = (resolved or []) if "is%3Aresolved" in request.path else unresolved
            assert request.path.startswith(
                "/api/0/organizations/acme/issues/?query=project%3Ashop-api+is%3A"
            )
            polled = sentry.parse(
                Response(request, 200, {}, json.dumps(body).encode(), RECEIVED), self.cursor, SE
            )
            told += polled.events
            self.cursor = polled.cursor
            assert len(self.cursor) <= 1 << 16
        return told


def test_asked_or_told_an_issue_is_the_same(samples):
    new, gone, back = (
        json.loads(samples("sentry")[f"issue.{name}"])["data"]["issue"]
        for name in ("created", "resolved", "unresolved")
    )
    api = Api()
    assert [one.key for one in api.round([new])] == [event(samples, "issue.created").key]
    assert api.round([new]) == []
    assert [one.key for one in api.round([], [gone])] == [event(samples, "issue.resolved").key]
    assert api.round([], [gone]) == []
    assert [one.key for one in api.round([back])] == [event(samples, "issue.unresolved").key]
    assert api.round([back]) == []


def test_an_old_issue_is_news_only_when_it_is_back(samples):
    new = json.loads(samples("sentry")["issue.created"])["data"]["issue"]
    old = new | {"id": "7", "firstSeen": "2026-01-01T00:00:00Z", "substatus": "ongoing"}
    api = Api()
    api.round([new])
    assert api.round([new, old]) == []
    assert api.round([new], [old | {"id": "8"}]) == []
    (back,) = api.round([new, old | {"id": "9", "substatus": "regressed"}])
    assert (back.state, back.subject) == ("firing", "incident/shop-api/error/9")


def test_the_cursor_stays_small(samples):
    new = json.loads(samples("sentry")["issue.created"])["data"]["issue"]
    Api().round([new | {"id": str(10**12 + number)} for number in range(MAX_FOLLOWED + 400)])


def test_an_issue_that_was_resolved_far_down_in_the_list_is_asked_for(samples, rounds):
    new = json.loads(samples("sentry")["issue.created"])["data"]["issue"]
    gone = json.loads(samples("sentry")["issue.resolved"])["data"]["issue"]
    service = rounds(sentry, SE)
    path = "/api/0/organizations/acme/issues/"

    def lists(unresolved: list[object]) -> None:
        for query, sort in (("unresolved", "new"), ("unresolved", "date"), ("resolved", "date")):
            wanted = f"{path}?query=project%3Ashop-api+is%3A{query}&sort={sort}"
            service.say(wanted, unresolved if query == "unresolved" else [])

    aside = new | {"id": "77", "shortId": "SHOP-API-4"}
    lists([new, aside])
    assert len(service.round()) == 2
    lists([])
    service.say(f"{path}{gone['id']}/", gone)
    service.say(f"{path}77/", aside | {"status": "ignored"})
    resolved, archived = sorted(service.round(), key=lambda one: one.reason)
    assert resolved.key == event(samples, "issue.resolved").key
    assert_event(archived, number="77", state="resolved", reason="archived", quiet=True)
    service.asked.clear()
    assert service.round() == []
    assert not any(asked.startswith(f"{path}7") for asked in service.asked)


def test_an_issue_that_was_archived_or_deleted_is_red_no_more(samples, rounds):
    new = json.loads(samples("sentry")["issue.created"])["data"]["issue"]
    aside, gone = new | {"id": "77"}, new | {"id": "78"}
    service = rounds(sentry, SE)
    path = "/api/0/organizations/acme/issues/"
    service.say(path, [])
    unresolved = f"{path}?query=project%3Ashop-api+is%3Aunresolved"
    service.say(unresolved, [aside, gone])
    opened = {one.number: one for one in service.round()}
    assert set(opened) == {"77", "78"}
    service.say(unresolved, [])
    service.say(f"{path}77/", aside | {"status": "ignored", "substatus": "archived_forever"})
    ended = {one.number: one for one in service.round()}
    assert {number: (one.state, one.reason, one.quiet) for number, one in ended.items()} == {
        "77": ("resolved", "archived", True),
        "78": ("resolved", "deleted", True),
    }
    assert [ended[one].subject for one in opened] == [opened[one].subject for one in opened]
    assert service.round() == []
    service.say(unresolved, [aside | {"substatus": "escalating"}])
    (back,) = service.round()
    assert (back.number, back.state, back.quiet) == ("77", "firing", False)

"""Asana's tasks, polled: made, completed, open again; each step once."""

from __future__ import annotations

import pytest
from collecting import RECEIVED, Api, query

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import asana
from devstream_desktop.stream.line import render

SOURCE = SourceInfo("qa", url="https://asana.example.org", options={"project": "12"})
CREATED, DONE = "2027-01-15T07:55:00.000Z", "2027-01-15T07:59:00.000Z"
TASK = {
    "gid": "1201",
    "name": "Coupon applied twice",
    "completed": False,
    "created_at": CREATED,
    "modified_at": CREATED,
    "permalink_url": "https://app.asana.com/0/12/1201",
    "created_by": {"gid": "1", "name": "Ana"},
    "memberships": [
        {"project": {"gid": "9", "name": "Other"}, "section": {"name": "Done"}},
        {"project": {"gid": "12", "name": "Shop"}, "section": {"name": "Bugs"}},
    ],
}
CLOSED = TASK | {
    "completed": True,
    "completed_at": DONE,
    "modified_at": DONE,
    "completed_by": {"name": "Bo"},
}


def told(api: Api, *tasks: object, now: int = RECEIVED) -> list[str]:
    return [render(event) for event in api.round(lambda _: {"data": list(tasks)}, now)]


def test_each_step_is_told_once():
    api = Api(asana, SOURCE)
    assert told(api, TASK) == ["Shop  Ana opened #1201 — Coupon applied twice"]
    asked = query(api.asked[0])
    assert (asked["project"], asked["modified_since"]) == ("12", "2027-01-14T08:00:00.000Z")
    later = RECEIVED + 60_000
    assert "Bo closed #1201" in told(api, CLOSED, now=later)[-1]
    assert all("closed" not in line for line in told(api, CLOSED, now=later + 60_000))
    again = TASK | {"modified_at": "2027-01-15T08:03:00.000Z"}
    assert "somebody reopened #1201" in told(api, again, now=later + 120_000)[-1]
    assert all("reopened" not in line for line in told(api, again, now=later + 180_000))


def test_closed_again_is_another_fact():
    api = Api(asana, SOURCE)
    first = api.round(lambda _: {"data": [CLOSED]})[-1]
    api.round(lambda _: {"data": [TASK]}, RECEIVED + 60_000)
    other = CLOSED | {"completed_at": "2027-01-15T08:01:30.000Z"}
    second = api.round(lambda _: {"data": [other]}, RECEIVED + 120_000)[-1]
    assert (first.state, second.state) == ("closed", "closed")
    assert first.key != second.key


def test_every_page_is_read_before_the_round_is_over():
    api = Api(asana, SOURCE)
    tasks = [TASK | {"gid": str(number)} for number in range(3)]

    def answer(request):
        number = int(query(request).get("offset", "0"))
        following = {"offset": str(number + 1)} if number < 2 else None
        return {"data": [tasks[number]], "next_page": following}

    assert [event.number for event in api.round(answer)] == ["0", "1", "2"]
    assert len(api.asked) == 3


def test_only_sections_that_are_named_count():
    options = {"project": "12", "section": ("Done",)}
    api = Api(asana, SourceInfo("qa", url=SOURCE.url, options=options))
    assert told(api, TASK) == []
    api = Api(asana, SourceInfo("qa", url=SOURCE.url, options=options | {"section": ("bugs",)}))
    assert len(told(api, TASK)) == 1


def test_a_project_is_a_number():
    with pytest.raises(ValueError, match="project must be"):
        asana.check(SourceInfo("qa", options={"project": "Shop"}))


def test_any_answers_leave_a_cursor_that_the_next_round_can_read(any_answers):
    any_answers(asana, SOURCE, [{"data": [TASK]}, {"data": [CLOSED], "next_page": {"offset": "x"}}])

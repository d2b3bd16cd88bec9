"""Linear asked through its API: the same steps as by webhook, with the same keys."""

from __future__ import annotations

import json
import re

import pytest
from collecting import RECEIVED, Api, same

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources import linear

LINEAR = SourceInfo("qa", url="https://api.linear.app", options={"team": ("SHOP",)})


def posted(samples, name: str):
    (event,) = linear.normalise(Delivery({}, samples("linear")[name], RECEIVED), LINEAR).events
    return event


def linear_answer(
    samples, name: str, history: list[dict[str, object]], more: str = ""
) -> dict[str, object]:
    issue = json.loads(samples("linear")[name])["data"] | {
        "creator": {"name": "Eva"},
        "history": {"nodes": history},
    }
    return {
        "data": {
            "issues": {
                "nodes": [issue],
                "pageInfo": {"hasNextPage": bool(more), "endCursor": more or None},
            }
        }
    }


def linear_step(at: str, who: str, old: str, new: str) -> dict[str, object]:
    return {
        "createdAt": at,
        "actor": {"name": who},
        "fromState": {"name": old, "type": old},
        "toState": {"name": new.title(), "type": new},
    }


def test_linear(samples):
    api = Api(linear, LINEAR)
    same(api.round(lambda _: linear_answer(samples, "create", [])), [posted(samples, "create")])
    body = json.loads(api.asked[0].body)
    assert (api.asked[0].path, api.asked[0].method) == ("/graphql", "POST")
    assert body["variables"] == {
        "filter": {
            "updatedAt": {"gt": "2027-01-14T08:00:00.000Z"},
            "team": {"key": {"in": ["SHOP"]}},
        },
        "after": None,
    }
    done = linear_step("2027-01-15T07:59:50.190Z", "Ana", "started", "completed")
    polled = api.round(
        lambda _: linear_answer(
            samples,
            "done",
            [linear_step("2027-01-15T07:59:00Z", "Ana", "unstarted", "started"), done],
        )
    )
    same(polled, [posted(samples, name) for name in ("create", "done")])
    back = linear_step("2027-01-15T07:59:55.207Z", "Bo", "completed", "unstarted")
    assert (
        api.round(lambda _: linear_answer(samples, "reopened", [done, back]))[-1].key
        == posted(samples, "reopened").key
    )


def as_relay_pages(query: str, newest_first: list[dict[str, object]]) -> list[dict[str, object]]:
    """Cut a history as Linear does: `first` is from its beginning, the newest step."""
    way, size = re.findall(r"history\((first|last): (\d+)\)", query)[0]
    return newest_first[: int(size)] if way == "first" else newest_first[-int(size) :]


def test_an_issue_of_many_changes_tells_its_end_and_its_return(samples):
    busy = [
        linear_step(f"2027-01-1{1 + day // 6}T0{day % 6}:00:00Z", "Eva", "unstarted", "started")
        for day in range(11, -1, -1)
    ]
    done = linear_step("2027-01-15T07:59:50.190Z", "Ana", "started", "completed")
    back = linear_step("2027-01-15T07:59:55.207Z", "Bo", "completed", "unstarted")
    api = Api(linear, LINEAR)

    def tell(name: str, history: list[dict[str, object]]):
        def answer(request):
            query = json.loads(request.body)["query"]
            return linear_answer(samples, name, as_relay_pages(query, history))

        return api.round(answer)

    assert tell("done", [done, *busy])[-1].key == posted(samples, "done").key
    assert tell("reopened", [back, done, *busy])[-1].key == posted(samples, "reopened").key


def test_an_end_without_its_step_is_told_once(samples):
    api = Api(linear, LINEAR)
    polled = api.round(lambda _: linear_answer(samples, "done", []))
    assert polled[-1].key == posted(samples, "done").key
    # From one end to another it is closed as before.
    other = linear_step("2027-01-15T07:59:50.190Z", "Ana", "canceled", "completed")
    polled = Api(linear, LINEAR).round(lambda _: linear_answer(samples, "done", [other]))
    assert [event.state for event in polled] == ["opened"]


def test_linear_has_pages_and_says_errors(samples):
    api = Api(linear, LINEAR)
    api.round(
        lambda request: linear_answer(
            samples, "create", [], "" if json.loads(request.body)["variables"]["after"] else "two"
        )
    )
    assert [json.loads(request.body)["variables"]["after"] for request in api.asked] == [
        None,
        "two",
    ]
    with pytest.raises(ValueError, match="Authentication required"):
        api.round(lambda _: {"errors": [{"message": "Authentication required"}]})
    with pytest.raises(ValueError, match="no issues"):
        api.round(lambda _: {"data": None})
    with pytest.raises(ValueError, match="such as SHOP"):
        linear.check(SourceInfo("qa", options={"team": ("a b",)}))

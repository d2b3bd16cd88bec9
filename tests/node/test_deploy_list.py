"""The list of deploys: nothing of it is hidden by what others deploy."""

from __future__ import annotations

import pytest
from test_board import HONEST, NOW, Told

from devstream_desktop.node.deploy_list import list_deploys
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.words import Kind

OTHER = b"c" * 32
"""A collector, which tells what other systems deploy."""
AUDIT = {"subject": "deploy/audit/production", "service": "audit", "environment": "production"}
SHOP = {"subject": "deploy/shop/production", "service": "shop", "environment": "production"}


@pytest.fixture
def told(tmp_path):
    told = Told(tmp_path)
    yield told
    told.reader.close()
    told.history.close()


def answer(request: str) -> dict[str, str]:
    """The fields of an executor's answer to a request."""
    return {"request": request * 32, "executor": device_id(HONEST), "number": request}


@pytest.mark.parametrize("state", ["success", "failure", "unknown"])
def test_no_number_of_other_deploys_hides_the_last_one_of_a_place(told, state) -> None:
    told.say(HONEST, Kind.DEPLOY, state, revision="a" * 40, **answer("a") | AUDIT)
    told.flood(OTHER, 300, Kind.DEPLOY, state, **SHOP)
    told.flood(HONEST, 300, Kind.DEPLOY, state, **answer("b") | SHOP)
    told.flood(OTHER, 30, Kind.DEPLOY, state, **AUDIT)
    last = list_deploys(told.reader, NOW).last
    assert [(one.target, one.state, one.request[:1]) for one in last] == [
        ("audit", state, "a"),
        ("shop", state, "b"),
    ]


def test_the_last_deploy_of_a_place_is_none_that_is_struck_out(told) -> None:
    told.say(HONEST, Kind.DEPLOY, "success", revision="a" * 40, **answer("a") | AUDIT)
    stolen = b"s" * 32
    told.say(
        stolen,
        Kind.DEPLOY,
        "failure",
        **answer("b") | AUDIT | {"executor": device_id(stolen)},
    )
    assert [one.state for one in list_deploys(told.reader, NOW).last] == ["failure"]
    told.history.follow({}, {stolen: 0})
    assert [one.state for one in list_deploys(told.reader, NOW).last] == ["success"]


@pytest.mark.parametrize("state", ["in_progress", "waiting", "queued"])
def test_no_number_of_other_deploys_hides_one_under_way(told, state) -> None:
    told.say(HONEST, Kind.DEPLOY, state, actor="ana", **answer("a") | AUDIT)
    told.flood(OTHER, 700, Kind.DEPLOY, state, **SHOP)
    pending = list_deploys(told.reader, NOW).pending
    assert [(one.target, one.state, one.person) for one in pending] == [("audit", state, "ana")]
    assert not list_deploys(told.reader, NOW + 27 * 3_600_000).pending, "it has no end any more"


def test_no_number_of_locks_that_ended_hides_one_that_holds(told) -> None:
    told.say(HONEST, Kind.DEPLOY, "locked", actor="ana", reason="audit", **answer("a") | AUDIT)
    for number in range(320):
        for state in ("locked", "unlocked"):
            told.say(HONEST, Kind.DEPLOY, state, **answer("b") | SHOP | {"number": str(number)})
    (lock,) = list_deploys(told.reader, NOW).locks
    assert (lock.target, lock.person, lock.reason) == ("audit", "ana", "audit")

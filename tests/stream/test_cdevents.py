"""An event told as a CDEvent is read back as the same event, by our own reader of CDEvents."""

from __future__ import annotations

import msgspec
import pytest

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.sources.cloudevents import normalise
from devstream_desktop.stream.cdevents import VERSION, cdevent_of
from devstream_desktop.stream.event import Event, make_event
from devstream_desktop.stream.words import STATES, Kind

KNOWN = {
    Kind.CHANGE: {"pushed", "merged", "created", "deleted"},
    Kind.BUILD: {"queued", "running", "succeeded", "failed", "errored"},
    Kind.TEST: {"queued", "running", "succeeded", "failed", "errored", "cancelled"},
    Kind.DEPLOY: {"success", "inactive"},
    Kind.INCIDENT: {"firing", "resolved"},
    Kind.TICKET: {"opened", "closed"},
}
"""Events that CDEvents 0.4 have a word for."""
ALL = [(kind, state) for kind, states in STATES.items() for state in states]


def event(kind: Kind, state: str) -> Event:
    return make_event(
        kind=kind,
        state=state,
        service="shop",
        subject=f"{kind}/shop/main",
        key="0" * 32,
        time=1_790_000_000_000,
        environment="production",
        ref="main",
        revision="ab" * 20,
        number="7",
        title='"checkout" fails & burns',
        reason="no room",
        url="https://ci.example.com/7",
        actor="ana",
        scope="git.example.com/acme/shop",
    )


@pytest.mark.parametrize(("kind", "state"), ALL)
def test_what_cdevents_can_say_is_read_back(kind: Kind, state: str) -> None:
    told = cdevent_of(event(kind, state), "e1")
    assert (told is not None) == (state in KNOWN.get(kind, ()))
    if told is None:
        return
    delivery = Delivery({}, msgspec.json.encode(told), 1_790_000_000_000)
    (back,) = normalise(delivery, SourceInfo(name="other")).events
    # A pushed commit is a change that is in.
    assert (back.kind, back.state) == (kind, "merged" if state == "pushed" else state)
    assert back.time == 1_790_000_000_000
    if kind is Kind.DEPLOY:
        assert (back.service, back.environment) == ("shop", "production")
    if (kind, state) == (Kind.DEPLOY, "success"):
        assert back.revision == "ab" * 20


def test_the_form_is_the_specifications() -> None:
    told = cdevent_of(event(Kind.BUILD, "failed"), "e1")
    assert told is not None
    assert told["context"] == {
        "version": VERSION,
        "id": "e1",
        "source": "/devstream/git.example.com/acme/shop",
        "type": "dev.cdevents.pipelinerun.finished.0.2.0",
        "timestamp": "2026-09-21T14:13:20.000Z",
    }
    assert told["subject"]["type"] == "pipelineRun"
    assert told["subject"]["content"]["outcome"] == "failure"

"""Argo CD's notifications."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Text, decode, iso
from devstream_collectors.kit.outcome import Dropped, together, tolerant
from devstream_collectors.sources.argocd.application import Application, Body
from devstream_desktop.stream.event import Event


class _Posted(msgspec.Struct, frozen=True):
    app: Body | None = None
    url: Text = ""
    kind: Text = ""


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> tuple[Event, ...]:
    """Read the events of one notification."""
    posted = decode(delivery.body, _Posted)
    body = posted.app
    if body is None:
        if posted.kind.lower() != "application":
            hint = 'the body\'s template must hold "app": {{toJson .app}}'
            raise Dropped("not-an-application", hint)
        body = decode(delivery.body, Body)
    app = Application(body, source, delivery.received, posted.url)
    events = together(app.makers, nothing="no-operation")
    # A pod that restarts ends like an incident does, and a notification does not say which it was:
    # a row that is red turns green, unsaid.
    return tuple(
        msgspec.structs.replace(event, quiet=True) if event.state == "resolved" else event
        for event in events
    )


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the application that a test of the source sends: synced and healthy."""
    operation = {
        "phase": "Succeeded",
        "startedAt": iso(now - 1000),
        "finishedAt": iso(now),
        "syncResult": {"revision": "2" * 40},
        "operation": {"initiatedBy": {"username": "devstream"}},
    }
    names = {"name": "devstream-test", "namespace": "argocd", "uid": "devstream-test"}
    app = {
        "metadata": names,
        "spec": {
            "destination": {"namespace": "devstream-test"},
            "source": {"targetRevision": "main"},
        },
        "status": {"health": {"status": "Healthy"}, "operationState": operation},
    }
    return Delivery({}, msgspec.json.encode({"app": app}), now)

"""Bitbucket Cloud's webhooks; what Data Center sends is handed to `server.py`."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import sample_branch
from devstream_collectors.kit.decoding import Loose, decode
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.bitbucket import server
from devstream_collectors.sources.bitbucket.place import Payload, Repository
from devstream_collectors.sources.bitbucket.push import fulfilled, push, updated
from devstream_collectors.sources.bitbucket.run import commit_status
from devstream_collectors.sources.bitbucket.ticket import issue_created, issue_updated
from devstream_desktop.stream.event import Event

EVENT = "x-event-key"
_READERS: dict[str, Callable[[bytes, Place], tuple[Event, ...]]] = {
    "repo:push": push,
    "pullrequest:fulfilled": fulfilled,
    "pullrequest:updated": updated,
    "repo:commit_status_created": commit_status,
    "repo:commit_status_updated": commit_status,
    "issue:created": issue_created,
    "issue:updated": issue_updated,
}


class _Shape(msgspec.Struct, frozen=True):
    test: Loose = None
    push: Loose = None
    comment: Loose = None
    approval: Loose = None
    changes: Loose = None
    commit_status: Loose = None
    pullrequest: Loose = None
    issue: Loose = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> tuple[Event, ...]:
    """Read the events of one delivery."""
    body, said = delivery.body, delivery.headers.get(EVENT, "")
    name = server.event_name(body) or (said if said in server.EVENTS else "")
    if name:
        return server.events(name, body, source, delivery.received)
    name = said or _by_shape(body)
    if name in ("diagnostics:ping", "test"):
        raise Dropped("ping")
    read = _READERS.get(name)
    if read is None:
        raise Dropped(_reason(name), name)
    home = decode(body, Payload).repository or Repository()
    return read(body, home.place(source, delivery.received))


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the push of a test, to the first branch that counts."""
    branch = sample_branch(source)
    target = {"hash": "2" * 40, "message": "A test of this source"}
    new = {"type": "branch", "name": branch, "target": target}
    old = {"type": "branch", "name": branch, "target": {"hash": "1" * 40}}
    body = {
        "actor": {"nickname": "devstream"},
        "repository": {"name": "devstream-test", "full_name": "devstream/devstream-test"},
        "push": {"changes": [{"new": new, "old": old}]},
    }
    return Delivery({EVENT: "repo:push"}, msgspec.json.encode(body), now)


def _by_shape(body: bytes) -> str:
    """Name the event by the body alone. Relays and queues lose the headers."""
    shape = decode(body, _Shape)
    # Before the comment: an update of an issue may have one beside it.
    if shape.issue is not None and shape.changes is not None:
        return "issue:updated"
    if shape.comment is not None:
        return "comment"
    if shape.approval is not None:
        return "pullrequest:approved"
    named = {
        "test": shape.test,
        "repo:push": shape.push,
        "repo:commit_status_updated": shape.commit_status,
        "pullrequest:updated": shape.pullrequest,
        "issue:created": shape.issue,
    }
    return next((name for name, there in named.items() if there is not None), "")


def _reason(name: str) -> str:
    if "comment" in name:
        return "comment"
    return "pull-request-not-merged" if name.startswith("pullrequest:") else "event-not-mapped"

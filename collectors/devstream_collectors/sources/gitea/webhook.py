"""The webhooks of Gitea, Forgejo and Gogs."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import HEADS, sample_branch
from devstream_collectors.kit.decoding import Loose, decode
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.gitea.place import Payload, Repository
from devstream_collectors.sources.gitea.push import created, deleted, pull_request, push
from devstream_collectors.sources.gitea.run import action_run, workflow_run
from devstream_collectors.sources.gitea.ticket import issues
from devstream_desktop.stream.event import Event

EVENTS = ("x-gitea-event", "x-forgejo-event", "x-gogs-event", "x-github-event")
_READERS: dict[str, Callable[[bytes, Place], Event]] = {
    "push": push,
    "create": created,
    "delete": deleted,
    "pull_request": pull_request,
    "issues": issues,
    "workflow_run": workflow_run,
}


class _Shape(msgspec.Struct, frozen=True):
    before: Loose = None
    pull_request: Loose = None
    issue: Loose = None
    comment: Loose = None
    ref_type: Loose = None
    sha: Loose = None
    default_branch: Loose = None
    pusher_type: Loose = None
    workflow_run: Loose = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one delivery."""
    names = [delivery.headers.get(header, "") for header in EVENTS]
    name = next((name for name in names if name), "") or _by_shape(delivery.body)
    read = _READERS.get(name) or (action_run if name.startswith("action_run_") else None)
    if read is None:
        raise Dropped("comment" if name.endswith("comment") else "event-not-mapped", name)
    home = decode(delivery.body, Payload).repository or Repository()
    return read(delivery.body, home.place(source, delivery.received))


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the push of a test, to the first branch that counts."""
    branch = sample_branch(source)
    repository = {
        "name": "devstream-test",
        "html_url": "https://gitea.example.org/devstream/devstream-test",
        "default_branch": branch,
    }
    body = {
        "ref": HEADS + branch,
        "before": "1" * 40,
        "after": "2" * 40,
        "commits": [{"id": "2" * 40, "message": "A test of this source"}],
        "repository": repository,
        "pusher": {"login": "devstream"},
    }
    return Delivery({"x-gitea-event": "push"}, msgspec.json.encode(body), now)


def _by_shape(body: bytes) -> str:
    """Name the event by the body alone. Relays and queues lose the headers."""
    shape = decode(body, _Shape)
    if shape.comment is not None:
        return "comment"
    # Only a deletion says what pushed; only a creation the default branch.
    if shape.ref_type is not None:
        if shape.pusher_type is not None:
            return "delete"
        return "create" if (shape.sha or shape.default_branch) is not None else ""
    named = {
        "push": shape.before,
        "pull_request": shape.pull_request,
        "issues": shape.issue,
        "workflow_run": shape.workflow_run,
    }
    return next((name for name, there in named.items() if there is not None), "")

"""GitLab's webhooks and system hooks."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import HEADS, sample_branch
from devstream_collectors.kit.decoding import decode
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.gitlab.deploy import deployment
from devstream_collectors.sources.gitlab.place import Payload, place_of
from devstream_collectors.sources.gitlab.push import merge_request, push
from devstream_collectors.sources.gitlab.run import pipeline
from devstream_collectors.sources.gitlab.ticket import issue
from devstream_desktop.stream.event import Event

EVENT = "x-gitlab-event"
_READERS: dict[str, Callable[[bytes, Place], Event]] = {
    "push": push,
    "merge_request": merge_request,
    "pipeline": pipeline,
    "deployment": deployment,
    "issue": issue,
    "work_item": issue,
}
_NOT_NEWS = {"tag_push": "not-a-branch", "build": "job-of-a-run", "note": "comment"}


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one delivery."""
    said = decode(delivery.body, Payload)
    name = said.object_kind or said.event_name or ""
    read = _READERS.get(name)
    if read is None:
        raise Dropped(_NOT_NEWS.get(name, "event-not-mapped"), name)
    event = read(delivery.body, place_of(said.projects, source, delivery.received))
    # The stream is for the whole team; GitLab keeps these from some of it. An issue that has just
    # become one ends its row, without its title.
    bare = event.state == "closed" and not event.title
    if delivery.headers.get(EVENT, "").startswith("Confidential") and not bare:
        raise Dropped("confidential", name)
    return event


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the push of a test, to the first branch that counts."""
    branch = sample_branch(source)
    project = {
        "path_with_namespace": "devstream/devstream-test",
        "web_url": "https://gitlab.com/devstream/devstream-test",
        "default_branch": branch,
    }
    body = {
        "object_kind": "push",
        "ref": HEADS + branch,
        "before": "1" * 40,
        "after": "2" * 40,
        "user_username": "devstream",
        "project": project,
        "commits": [{"id": "2" * 40, "message": "A test of this source"}],
        "total_commits_count": 1,
    }
    return Delivery({EVENT: "Push Hook"}, msgspec.json.encode(body), now)

"""Azure DevOps' service hooks."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import HEADS, sample_branch
from devstream_collectors.kit.decoding import decode
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.sources.azuredevops.deploy import deployment
from devstream_collectors.sources.azuredevops.place import Envelope
from devstream_collectors.sources.azuredevops.push import pull_request, push
from devstream_collectors.sources.azuredevops.run import build, run_state
from devstream_collectors.sources.azuredevops.ticket import created, updated
from devstream_desktop.stream.event import Event

_READERS: dict[str, Callable[[Envelope, SourceInfo, int], tuple[Event, ...]]] = {
    "git.push": push,
    "git.pullrequest.merged": pull_request,
    "git.pullrequest.updated": pull_request,
    "build.complete": build,
    "ms.vss-pipelines.run-state-changed-event": run_state,
    "ms.vss-release.deployment-started-event": deployment,
    "ms.vss-release.deployment-completed-event": deployment,
    "workitem.created": created,
    "workitem.updated": updated,
}
_NOT_NEWS = (
    ("approval", "approval"),
    ("comment", "comment"),
    ("pullrequest", "pull-request-not-merged"),
    ("workitem", "issue-not-news"),
    ("stage-state", "stage-of-a-run"),
    ("job-state", "job-of-a-run"),
    ("ms.vss-release", "release-not-deployed"),
)


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> tuple[Event, ...]:
    """Read the events of one delivery."""
    envelope = decode(delivery.body, Envelope)
    name = envelope.event_type or ""
    read = _READERS.get(name)
    if read is None:
        reasons = (reason for part, reason in _NOT_NEWS if part in name)
        raise Dropped(next(reasons, "event-not-mapped"), name)
    if not bytes(envelope.resource).startswith(b"{"):
        # A subscription may be told to send no details.
        raise Dropped("no-details", name)
    return read(envelope, source, delivery.received)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the push of a test, to the first branch that counts."""
    ref = HEADS + sample_branch(source)
    repository = {
        "name": "devstream-test",
        "defaultBranch": ref,
        "remoteUrl": "https://dev.azure.com/devstream/devstream/_git/devstream-test",
    }
    resource = {
        "refUpdates": [{"name": ref, "oldObjectId": "1" * 40, "newObjectId": "2" * 40}],
        "commits": [{"commitId": "2" * 40, "comment": "A test of this source"}],
        "repository": repository,
        "pushedBy": {"displayName": "devstream"},
    }
    body = {"eventType": "git.push", "resource": resource}
    return Delivery({}, msgspec.json.encode(body), now)

"""CircleCI's outbound webhooks."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.branches import sample_branch
from devstream_collectors.kit.decoding import decode
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.circleci.run import Pipeline, Workflow, workflow_event
from devstream_desktop.stream.event import Event

EVENT = "circleci-event-type"
_NOT_NEWS = {"ping": "ping", "job-completed": "job-of-a-workflow"}


class _Project(msgspec.Struct, frozen=True):
    name: str | None = ""
    slug: str | None = ""


class _Payload(msgspec.Struct, frozen=True):
    type: str | None = ""
    happened_at: str | None = ""
    project: _Project | None = None
    workflow: Workflow | None = None
    pipeline: Pipeline | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one delivery."""
    said = decode(delivery.body, _Payload, strict=False)
    name = said.type or delivery.headers.get(EVENT, "")
    if name != "workflow-completed":
        raise Dropped(_NOT_NEWS.get(name, "event-not-mapped"), name)
    if said.workflow is None:
        raise Dropped("not-a-run")
    workflow, project = said.workflow, said.project or _Project()
    if not workflow.stopped_at:
        workflow = msgspec.structs.replace(workflow, stopped_at=said.happened_at)
    service = project.name or (project.slug or "").rsplit("/", 1)[-1] or source.name
    place = Place(source, delivery.received, service=service)
    return workflow_event(workflow, said.pipeline or Pipeline(), place, workflow.url)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the finished workflow of a test, on a branch that counts."""
    body = {
        "type": "workflow-completed",
        "project": {"name": "devstream-test"},
        "workflow": {"id": "devstream-test", "name": "build", "status": "success"},
        "pipeline": {"number": 1, "vcs": {"branch": sample_branch(source)}},
    }
    return Delivery({EVENT: "workflow-completed"}, msgspec.json.encode(body), now)

"""Azure DevOps, Services and Server: pushes, completed pull requests, builds, releases and work items become events.

Source: https://learn.microsoft.com/azure/devops/service-hooks/events. It signs nothing: a hook sends Basic credentials or a header.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import msgspec

from devstream_collectors.before.branches import HEADS, sample_branch
from devstream_collectors.before.outcome import Dropped, together, tolerant
from devstream_collectors.before.place import check_repository
from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Normalised,
    Option,
    Poll,
    SecretPath,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.azuredevops.events import (
    build,
    deployed,
    merged,
    organisation,
    page_of,
    place_of,
    pushed,
    run,
    step_of,
    tracked_at,
    who,
    work_item,
)
from devstream_collectors.sources.azuredevops.payloads import (
    Build,
    Deployment,
    Envelope,
    Fields,
    Pull,
    Push,
    Run,
    Update,
    WorkItem,
)
from devstream_collectors.sources.azuredevops.poll import parse, requests
from devstream_desktop.stream.event import Event

__all__ = ["COLLECTOR", "check", "normalise", "parse", "requests", "sample"]

_SETUP = """\
Webhook: in the project's Project settings, Service hooks, Create subscription, Web Hooks; one for each of
  Code pushed, Pull request updated (status changed), Build completed or Run state changed, Release deployment started and completed,
  Work item created, Work item updated (field State)
  URL                                 the address of your receiver with the path that is printed behind it
  Basic authentication                user name and password, as USER:PASSWORD in the file that you give with --secret-file
  Resource details to send            All
Azure DevOps Services posts only to addresses that the internet reaches.
Polling, where it cannot reach this machine: --poll --url https://dev.azure.com/ORGANISATION --repository PROJECT/REPOSITORY and
--token-file with a personal access token (Code, Build, Work Items, Release: read), written as :TOKEN. Classic releases of Services live at
another address: a second source with --url https://vsrm.dev.azure.com/ORGANISATION."""

COLLECTOR = Collector(
    title="Azure DevOps' service hooks, or its API polled",
    setup=_SETUP,
    options=(Option("repository", "PROJECT/REPOSITORY, for polling", needed="poll"),),
    webhook=Webhook(auth=(Basic(), Token(), SecretPath())),
    poll=Poll(auth=(Token(), Basic()), needs_token=True),
)
_COMPLETED_BY = re.compile(
    r"(.{1,60}?) (?:marked the pull request as completed|completed the pull request|has created a pull request merge)"
)
_T = TypeVar("_T")


@dataclass(frozen=True)
class _Said:
    """An event, and for whom it is read."""

    envelope: Envelope
    source: SourceInfo
    received: int

    def resource(self, kind: type[_T]) -> _T:
        return msgspec.json.decode(self.envelope.resource, type=kind)

    def organised(self, *urls: str | None) -> str:
        """Where the organisation is: the containers say it, but not those of old servers."""
        containers = self.envelope.resource_containers
        places = (containers.collection, containers.account) if containers else ()
        return organisation([*(place.base_url for place in places if place), *urls])


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one delivery, or the name of why there are none; whatever is in it."""
    envelope = msgspec.json.decode(delivery.body, type=Envelope)
    name = envelope.event_type or ""
    read = _READERS.get(name)
    if read is None:
        raise Dropped(
            next((reason for part, reason in _NOT_NEWS if part in name), "event-not-mapped"), name
        )
    if not bytes(envelope.resource).startswith(b"{"):
        # A subscription may be told to send no details.
        raise Dropped("no-details", name)
    return read(_Said(envelope, source, delivery.received))


def check(source: SourceInfo) -> None:
    """What the option `repository` holds; names may have spaces in them.

    Raises:
        ValueError: it is not a project and a repository.

    """
    check_repository(
        source.text("repository").replace(" ", "-"), "PROJECT/REPOSITORY, such as Web/shop"
    )


def sample(source: SourceInfo, now: int) -> Delivery:
    """A push as Azure DevOps sends it, to the first branch that counts, for a test of the way it takes."""
    branch = sample_branch(source)
    body = {
        "eventType": "git.push",
        "resource": {
            "refUpdates": [
                {"name": HEADS + branch, "oldObjectId": "1" * 40, "newObjectId": "2" * 40}
            ],
            "commits": [{"commitId": "2" * 40, "comment": "A test of this source"}],
            "repository": {
                "name": "devstream-test",
                "defaultBranch": HEADS + branch,
                "remoteUrl": "https://dev.azure.com/devstream/devstream/_git/devstream-test",
            },
            "pushedBy": {"displayName": "devstream"},
        },
    }
    return Delivery({}, msgspec.json.encode(body), now)


def _push(said: _Said) -> Normalised:
    push = said.resource(Push)
    place = place_of(push.repository, said.source, said.received)
    return together(
        [partial(pushed, update, push, place) for update in push.ref_updates or ()],
        nothing="no-change",
    )


def _pull_request(said: _Said) -> Normalised:
    pull = said.resource(Pull)
    text = said.envelope.message.text or "" if said.envelope.message else ""
    match = _COMPLETED_BY.match(text)
    return _one(
        merged(
            pull, match[1] if match else "", place_of(pull.repository, said.source, said.received)
        )
    )


def _build(said: _Said) -> Normalised:
    body = said.resource(Build)
    return _one(build(body, said.organised(body.url), said.source, said.received))


def _run(said: _Said) -> Normalised:
    found = said.resource(Run)
    if found.run is None:
        raise Dropped("unexpected-shape", "no run")
    body = (
        found.run
        if found.run.pipeline
        else msgspec.structs.replace(found.run, pipeline=found.pipeline)
    )
    web = body.links.web.href if body.links and body.links.web else ""
    return _one(run(body, said.organised(body.url, web), said.source, said.received))


def _deployment(said: _Said) -> Normalised:
    found = said.resource(Deployment)
    started = said.envelope.event_type == "ms.vss-release.deployment-started-event"
    release = found.environment.release if found.environment else None
    urls = (
        (release.url, release.links.web.href if release.links and release.links.web else "")
        if release
        else ()
    )
    names = [found.project.name if found.project else "", _definition(found)]
    place = tracked_at(said.organised(*urls), names, said.source, said.received)
    return _one(deployed(found, place, started=started, at=said.envelope.created_date or ""))


def _definition(found: Deployment) -> str:
    places = (found.release, found.environment, found.deployment)
    return next(
        (one.release_definition.name or "" for one in places if one and one.release_definition), ""
    )


def _created(said: _Said) -> Normalised:
    item = said.resource(WorkItem)
    fields = item.fields or Fields()
    place = tracked_at(said.organised(item.url), [fields.project], said.source, said.received)
    actor = who(fields.created_by, fields.changed_by)
    return _one(
        work_item(
            item.id, "opened", fields, fields.created, actor, page_of(item.links, item.url), place
        )
    )


def _updated(said: _Said) -> Normalised:
    update = said.resource(Update)
    step = update.fields.state if update.fields else None
    state = step_of(step.old_value, step.new_value) if step else ""
    if not state:
        raise Dropped("issue-not-news")
    item = update.revision or WorkItem()
    fields = item.fields or Fields()
    changed = (
        update.fields.changed.new_value
        if update.fields and update.fields.changed
        else fields.changed
    )
    at = changed if isinstance(changed, str) else fields.changed or update.revised_date
    place = tracked_at(
        said.organised(update.url, item.url), [fields.project], said.source, said.received
    )
    number = update.work_item_id or item.id
    actor = who(update.revised_by, fields.changed_by)
    return _one(
        work_item(
            number, state, fields, at, actor, page_of(item.links or update.links, item.url), place
        )
    )


def _one(event: Event) -> Normalised:
    return Normalised((event,))


_READERS: dict[str, Callable[[_Said], Normalised]] = {
    "git.push": _push,
    "git.pullrequest.merged": _pull_request,
    "git.pullrequest.updated": _pull_request,
    "build.complete": _build,
    "ms.vss-pipelines.run-state-changed-event": _run,
    "ms.vss-release.deployment-started-event": _deployment,
    "ms.vss-release.deployment-completed-event": _deployment,
    "workitem.created": _created,
    "workitem.updated": _updated,
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

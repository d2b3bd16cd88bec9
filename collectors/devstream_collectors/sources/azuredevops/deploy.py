"""Azure DevOps' classic releases: deployments to a stage."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import Id, Needed, Part, Text, Time, milliseconds
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.azuredevops.place import (
    Envelope,
    Identity,
    Links,
    Named,
    partly,
    tracked_at,
)
from devstream_desktop.stream.event import Event

_STATES = {
    "inprogress": "in_progress",
    "succeeded": "success",
    "partiallysucceeded": "failure",
    "rejected": "failure",
    "failed": "failure",
    "canceled": "cancelled",
}
_STARTED = "ms.vss-release.deployment-started-event"


class _Release(msgspec.Struct, frozen=True, rename="camel"):
    name: Text = ""
    url: str | None = ""
    created_by: Part[Identity] = Identity()
    modified_by: Part[Identity] = Identity()
    release_definition: Part[Named] = Named()
    links: Part[Links] = msgspec.field(default=Links(), name="_links")


class _Environment(msgspec.Struct, frozen=True, rename="camel"):
    """A stage of a release."""

    id: Id = ""
    name: Needed[str | None] = ""
    status: str | None = ""
    owner: Part[Identity] = Identity()
    release: _Release | None = None
    release_definition: Part[Named] = Named()


class Deployment(msgspec.Struct, frozen=True, rename="camel"):
    """A deployment of a release to a stage, also in the API."""

    id: Text = ""
    attempt: Needed[int | None] = None
    deployment_status: str | None = ""
    requested_by: Part[Identity] = Identity()
    requested_for: Part[Identity] = Identity()
    started_on: Time = 0
    completed_on: Time = 0
    last_modified_on: str | None = ""
    release: _Release | None = None
    release_definition: Part[Named] = Named()
    release_environment: _Environment | None = None


class Deployed(msgspec.Struct, frozen=True):
    """The resource of an event about a deployment."""

    environment: _Environment | None = None
    release: _Release | None = None
    deployment: Deployment | None = None
    project: Part[Named] = Named()


def deployment(said: Envelope, source: SourceInfo, received: int) -> tuple[Event, ...]:
    """Make the event of a `ms.vss-release.deployment-*` delivery."""
    found = said.decode(Deployed)
    release = found.environment.release if found.environment else None
    urls = (release.url, release.links.page) if release else ()
    parts = (found.release, found.environment, found.deployment)
    definitions = [part.release_definition.name for part in parts if part]
    names = [found.project.name, next((name for name in definitions if name), "")]
    place = tracked_at(said.organisation(*urls), names, source, received)
    started = said.event_type == _STARTED
    return (deployed(found, place, started=started, at=said.created_date),)


def deployed(found: Deployed, place: Place, *, started: bool, at: str | None) -> Event:
    """Make the event of a deployment to a stage.

    Args:
        found: the deployment.
        place: the project's.
        started: it has begun, or else is over.
        at: the ISO time of that, should it not say so itself.

    Raises:
        Dropped: its status is no news.
        InvalidEventError: as `make_event`.

    """
    body = found.deployment or Deployment()
    environment = found.environment or body.release_environment or _Environment()
    status = body.deployment_status or environment.status or ""
    state = "in_progress" if started else _STATES.get(status.lower())
    if state is None:
        raise Dropped("deploy-not-news", status)
    releases = [one for one in (environment.release, body.release, found.release) if one]
    people = [
        body.requested_for,
        body.requested_by,
        *(person for one in releases for person in (one.modified_by, one.created_by)),
        environment.owner,
    ]
    # A stage that is deployed again keeps its id; the attempt tells the two apart.
    attempt, number = body.attempt or 1, environment.id or body.id
    begun, over = body.started_on, 0 if started else body.completed_on
    deploy = Deploy(
        id=number if attempt <= 1 else f"{number}.{attempt}",
        environment=environment.name or place.source.environment,
        state=state,
        ref=next((one.name for one in releases if one.name), ""),
        actor=next((person.plain for person in people if person.plain), ""),
        reason=partly(status),
        url=next((one.links.page for one in releases if one.links.page), ""),
        changed=over or (begun if started else 0) or milliseconds(at),
        duration=over - begun if 0 < begun <= over else 0,
    )
    return deploy_event(deploy, place)

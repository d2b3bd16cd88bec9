"""What forges tell of a repository beside its branches: its issues and its deployments, the same whichever forge says it."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_collectors.clock import moment
from devstream_collectors.deployed import Deploy, deploy_event
from devstream_collectors.push import Place
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind


@dataclass(frozen=True)
class Issue:
    """A step of an issue: `opened`, `reopened` or `closed`."""

    number: str
    state: str
    title: str = ""
    actor: str = ""
    url: str = ""
    time: int = 0
    """When it took this step, UTC milliseconds. To the second it is part of its identity: an issue may close twice."""


@dataclass(frozen=True)
class Deployment:
    """A deployment in a state of the stream's: waiting in_progress success failure error cancelled."""

    id: str
    environment: str
    state: str
    ref: str = ""
    revision: str = ""
    actor: str = ""
    title: str = ""
    reason: str = ""
    url: str = ""
    time: int = 0
    duration: int = 0


def issue_event(issue: Issue, place: Place) -> Event:
    """The event of an issue's step.

    Raises:
        InvalidEventError: as `make_event`.

    """
    time, late = moment(issue.time, place.received)
    return make_event(
        kind=Kind.TICKET,
        state=issue.state,
        service=place.service,
        subject=f"ticket/{place.service}/{issue.number}",
        key=fact_key(place.scope, Kind.TICKET, issue.number, issue.state, str(issue.time // 1000)),
        time=time,
        number=issue.number,
        actor=issue.actor,
        title=issue.title,
        url=issue.url,
        source=place.source.name,
        quiet=late,
    )


def deployment_event(deployment: Deployment, place: Place) -> Event:
    """The event of a deployment's state.

    Raises:
        InvalidEventError: as `make_event`.

    """
    deploy = Deploy(
        id=deployment.id,
        state=deployment.state,
        environment=deployment.environment,
        ref=deployment.ref,
        revision=deployment.revision,
        actor=deployment.actor,
        title=deployment.title,
        reason=deployment.reason,
        url=deployment.url,
        changed=deployment.time,
        duration=deployment.duration,
    )
    return deploy_event(deploy, place.source, scope=place.scope, service=place.service, received=place.received)

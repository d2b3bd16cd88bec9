"""A deployment in a state as an event: one place for its row, its identity and its time, for all that ship."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_collectors.before.decoding import sha
from devstream_collectors.before.place import Place, moment
from devstream_collectors.contract import SourceInfo
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import DEPLOY_FINAL, Kind


@dataclass(frozen=True)
class Deploy:
    """One state of a deployment. Times are UTC milliseconds, 0 where nobody says.

    `id` tells it from the others of its service and environment, the same by webhook and by poll and in each of its states.
    """

    id: str
    state: str
    """One of the stream's: queued waiting in_progress success failure error cancelled inactive unknown."""
    environment: str = ""
    """Where to; empty: where the source says."""
    place: str = ""
    """Where to, when neither says: a namespace, a host."""
    once: str = ""
    """What tells this state from the same state of the same deployment, where one can be reached again and is news."""
    ref: str = ""
    revision: str = ""
    previous: str = ""
    actor: str = ""
    title: str = ""
    reason: str = ""
    """Why it failed or waits."""
    url: str = ""
    started: int = 0
    changed: int = 0
    """When it came into this state."""
    duration: int = 0
    """How long it took, milliseconds, of a service that says so."""


def deploy_event(
    deploy: Deploy, source: SourceInfo, *, scope: str, service: str, received: int
) -> Event:
    """The event of a deployment's state.

    Args:
        deploy: what happened.
        source: whose line it is.
        scope: where the deployment's id is true: `host/owner/repository`, or `host/path` and the name of what is deployed.
        service: what the line is about when the source names none.
        received: when it came in, UTC milliseconds.

    Raises:
        InvalidEventError: as `make_event`.

    """
    about, environment = (
        source.service or service or source.name,
        deploy.environment or source.environment or deploy.place,
    )
    time, late = moment(deploy.changed or deploy.started, received)
    over = deploy.state in DEPLOY_FINAL and 0 < deploy.started <= deploy.changed
    return make_event(
        kind=Kind.DEPLOY,
        state=deploy.state,
        service=about,
        environment=environment,
        subject=f"deploy/{about}/{environment}/{deploy.id}",
        # What the team calls its environment is no part of the fact: two collectors may be configured differently.
        key=fact_key(
            scope,
            Kind.DEPLOY,
            deploy.environment,
            deploy.id,
            deploy.state,
            *([deploy.once] if deploy.once else []),
        ),
        time=time,
        ref=short_ref(deploy.ref),
        revision=deploy.revision,
        previous=deploy.previous,
        number=deploy.id,
        actor=deploy.actor,
        title=deploy.title,
        reason=deploy.reason,
        url=deploy.url,
        duration=deploy.duration or (deploy.changed - deploy.started if over else 0),
        source=source.name,
        quiet=late,
    )


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
    return deploy_event(
        deploy, place.source, scope=place.scope, service=place.service, received=place.received
    )


@dataclass(frozen=True)
class Recorded:
    """One recorded deploy. Times are UTC milliseconds, 0 where nobody says."""

    scope: str
    """Of the tracker's project."""
    number: str
    state: str = "success"
    service: str = ""
    environment: str = ""
    revision: str = ""
    actor: str = ""
    title: str = ""
    url: str = ""
    started: int = 0
    ended: int = 0


def recorded_event(deploy: Recorded, source: SourceInfo, received: int) -> Event:
    """The event of a recorded deploy.

    Raises:
        InvalidEventError: as `make_event`.

    """
    service, environment = (
        source.service or deploy.service or source.name,
        deploy.environment or source.environment,
    )
    under_way = deploy.state == "in_progress"
    time, late = moment(deploy.started if under_way else deploy.ended or deploy.started, received)
    number = deploy.number or deploy.revision or str(time)
    return make_event(
        kind=Kind.DEPLOY,
        state=deploy.state,
        service=service,
        environment=environment,
        subject=f"deploy/{service}/{environment}/{number}",
        key=fact_key(deploy.scope, Kind.DEPLOY, environment, number, deploy.state),
        time=time,
        revision=sha(deploy.revision),
        number=number,
        actor=deploy.actor,
        title=deploy.title,
        url=deploy.url,
        duration=deploy.ended - deploy.started
        if 0 < deploy.started < deploy.ended and not under_way
        else 0,
        source=source.name,
        quiet=late,
    )

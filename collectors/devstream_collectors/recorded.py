"""A deploy that an error tracker was told of, as an event: what Rollbar and Honeybadger know when a deploy script records itself there."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_collectors.clock import moment
from devstream_collectors.contract import SourceInfo
from devstream_collectors.reading import sha
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.words import Kind


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
    service, environment = source.service or deploy.service or source.name, deploy.environment or source.environment
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
        duration=deploy.ended - deploy.started if 0 < deploy.started < deploy.ended and not under_way else 0,
        source=source.name,
        quiet=late,
    )

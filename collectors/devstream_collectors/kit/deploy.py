"""Deployments as events: their row, their identity and their time."""

from __future__ import annotations

from dataclasses import dataclass

from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.text import short_ref
from devstream_desktop.stream.words import DEPLOY_FINAL, Kind


@dataclass(frozen=True)
class Deploy:
    """One state of a deployment. Times are UTC milliseconds, 0 where nobody says."""

    id: str
    """The deployment's id, the same in every state. It is unique in its service and environment."""
    state: str
    """One of the stream's: queued waiting in_progress success failure error cancelled inactive."""
    environment: str = ""
    """The environment it goes to; empty: the one that the source names."""
    target: str = ""
    """The fallback for an environment that nobody names: a namespace, a host."""
    once: str = ""
    """A mark of this state, if the deployment can return to it."""
    ref: str = ""
    revision: str = ""
    previous: str = ""
    actor: str = ""
    title: str = ""
    reason: str = ""
    """The reason of a failure or a wait."""
    url: str = ""
    started: int = 0
    changed: int = 0
    """The time of this state; 0: unknown."""
    duration: int = 0
    """Milliseconds, where the service says them itself."""
    request: str = ""
    """The deploy request that it carries out, as its executor noted there."""
    executor: str = ""
    """That executor's device."""


def deploy_event(deploy: Deploy, place: Place) -> Event:
    """Make the event of a deployment's state.

    Raises:
        InvalidEventError: as `make_event`.

    """
    about = place.about()
    environment = deploy.environment or place.source.environment or deploy.target
    time = place.moment(deploy.changed or deploy.started)
    over = deploy.state in DEPLOY_FINAL and 0 < deploy.started <= deploy.changed
    # The team's name for an environment is no part of the fact: collectors may differ in it.
    natural = (deploy.environment, deploy.id, deploy.state)
    return make_event(
        kind=Kind.DEPLOY,
        state=deploy.state,
        service=about,
        environment=environment,
        subject=f"deploy/{about}/{environment}/{deploy.id}",
        key=fact_key(place.scope, Kind.DEPLOY, *natural, *([deploy.once] if deploy.once else [])),
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
        source=place.source.name,
        scope=place.scope,
        about=deploy.request,
        executor=deploy.executor,
    )

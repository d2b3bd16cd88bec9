"""GitHub's deployments and their statuses."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Needed, Part, Text, Time, decode, sha
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.github.place import Payload, User
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import DISPLACED

_STATES = frozenset({"waiting", "in_progress", "success", "failure", "error"})
"""Of GitHub's deployment states, those that are news: not queued, pending or inactive."""


class Noted(msgspec.Struct, frozen=True):
    """The part of a deployment's payload that an executor of devstream writes."""

    devstream_request: Text = ""
    devstream_executor: Text = ""


class Deployment(msgspec.Struct, frozen=True):
    """A deployment, also in the API."""

    id: Needed[int] = 0
    environment: Needed[str | None] = ""
    sha: str | None = ""
    ref: Text = ""
    creator: Part[User] = User()
    payload: Part[Noted] = Noted()
    changed: Text = msgspec.field(default="", name="updated_at")
    """In the API: moves with each of its statuses."""


class Status(msgspec.Struct, frozen=True):
    """One status of a deployment, also in the API."""

    state: str | None = ""
    description: Text = ""
    log_url: Text = ""
    target_url: Text = ""
    created_at: Time = 0
    id: Needed[int] = 0


class _Payload(Payload, frozen=True):
    deployment: Deployment | None = None
    deployment_status: Status | None = None


def deployment_status(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of a `deployment_status` delivery."""
    said = decode(delivery.body, _Payload)
    if said.deployment is None or said.deployment_status is None:
        raise Dropped("unexpected-shape", "no deployment or status")
    place = said.place(source, delivery.received)
    if said.deployment_status.state == "inactive":
        # Of one that had ended it is no news: only the stream knows whether it had.
        found = displaced(said.deployment, said.deployment_status, place)
        return msgspec.structs.replace(found, quiet=True)
    return deployed(said.deployment, said.deployment_status, place, said.sender)


def deployed(found: Deployment, status: Status, place: Place, sender: User | None = None) -> Event:
    """Make the event of a deployment's new state.

    Args:
        found: the deployment.
        status: its new status.
        place: the repository's.
        sender: the account that did it, if the deployment does not say who.

    Raises:
        Dropped: the state is no news.
        InvalidEventError: as `make_event`.

    """
    state = status.state or ""
    if state not in _STATES:
        raise Dropped("deploy-not-news", state)
    return _event(found, status, state, place, sender)


def displaced(found: Deployment, status: Status, place: Place) -> Event:
    """Make the event of a deployment that another displaced before it ended.

    GitHub calls it inactive, as one that had ended.
    """
    said = msgspec.structs.replace(status, description=DISPLACED)
    return _event(found, said, "cancelled", place)


def _event(
    found: Deployment, status: Status, state: str, place: Place, sender: User | None = None
) -> Event:
    deploy = Deploy(
        id=str(found.id),
        environment=found.environment or "",
        state=state,
        # A deployment can come back to a state; each status is one of its own.
        once=str(status.id) if status.id else "",
        ref=found.ref,
        revision=sha(found.sha),
        actor=found.creator.login or (sender.login if sender else ""),
        reason=status.description,
        # Either may be an empty string.
        url=status.log_url or status.target_url,
        changed=status.created_at,
        request=found.payload.devstream_request,
        executor=found.payload.devstream_executor,
    )
    return deploy_event(deploy, place)

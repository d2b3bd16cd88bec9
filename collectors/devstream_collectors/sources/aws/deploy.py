"""Deployments of CodeDeploy and of ECS services.

https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-sns-event-notifications-json-format.html
and https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs_service_deployment_events.html
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.decoding import Id, Text, Time, decode
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.aws.bridge import Bridge, scope
from devstream_desktop.stream.event import Event

_STATES = {
    "CREATED": "queued", "QUEUED": "queued", "START": "in_progress", "INPROGRESS": "in_progress",
    "IN_PROGRESS": "in_progress", "READY": "waiting", "SUCCESS": "success", "SUCCEEDED": "success",
    "FAILURE": "failure", "FAILED": "failure", "STOP": "cancelled", "STOPPED": "cancelled",
    "SERVICE_DEPLOYMENT_IN_PROGRESS": "in_progress", "SERVICE_DEPLOYMENT_COMPLETED": "success",
    "SERVICE_DEPLOYMENT_FAILED": "failure",
}  # fmt: skip


class Deployment(msgspec.Struct, frozen=True, rename="camel"):
    """A deployment as EventBridge has it."""

    deployment_id: Id
    application: Text = ""
    deployment_group: Id = ""
    state: str | None = ""


class Triggered(msgspec.Struct, frozen=True, rename="camel"):
    """A deployment as CodeDeploy's triggers have it."""

    deployment_id: Id
    application_name: Text = ""
    deployment_group_name: Id = ""
    account_id: Id = ""
    region: Id = ""
    status: str | None = ""
    error_information: Text = ""
    """JSON in a text."""


class Mistake(msgspec.Struct, frozen=True):
    """The reason of a failed deployment."""

    code: Text = msgspec.field(default="", name="ErrorCode")
    message: Text = msgspec.field(default="", name="ErrorMessage")


class Service(msgspec.Struct, frozen=True, rename="camel"):
    """A deployment of an ECS service."""

    event_name: str | None = ""
    deployment_id: Id = ""
    updated_at: Time = 0
    reason: Text = ""


def deployment(event: Bridge, source: SourceInfo, received: int) -> Event:
    """Make the event of a deployment of CodeDeploy.

    Raises:
        Dropped: its state is unknown.

    """
    read = event.read(Deployment)
    deploy = Deploy(
        id=read.deployment_id,
        state=_state(read.state),
        environment=read.deployment_group,
        url=event.console(f"codesuite/codedeploy/deployments/{read.deployment_id}"),
        changed=event.time,
    )
    return deploy_event(deploy, event.place(source, received, read.application))


def triggered(body: bytes, source: SourceInfo, received: int) -> Event:
    """Make the event of a deployment that a trigger reports.

    Raises:
        Dropped: its state is unknown.

    """
    read = decode(body, Triggered)
    deploy = Deploy(
        id=read.deployment_id,
        state=_state(read.status),
        environment=read.deployment_group_name,
        reason=_mistake(read.error_information),
    )
    place = Place(source, received, scope(read.account_id, read.region), read.application_name)
    return deploy_event(deploy, place)


def service(event: Bridge, source: SourceInfo, received: int) -> Event:
    """Make the event of a deployment of an ECS service.

    Raises:
        Dropped: its state is unknown.

    """
    read = event.read(Service)
    # arn:aws:ecs:eu-west-1:123456789012:service/cluster/name
    parts = next(iter(event.resources), "").split("/")
    deploy = Deploy(
        id=read.deployment_id,
        state=_state(read.event_name),
        target=parts[1] if len(parts) > 2 else "",
        reason=read.reason if read.event_name == "SERVICE_DEPLOYMENT_FAILED" else "",
        changed=read.updated_at or event.time,
    )
    return deploy_event(deploy, event.place(source, received, parts[-1]))


def _state(word: str | None) -> str:
    state = _STATES.get((word or "").upper())
    if state is None:
        raise Dropped("state-not-mapped", word or "")
    return state


def _mistake(text: str) -> str:
    try:
        read = decode(text or "{}", Mistake)
    except msgspec.MsgspecError:
        return text
    return read.message or read.code

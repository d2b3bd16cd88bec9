"""Deliveries of AWS: SNS' messages, and EventBridge's events with or without SNS around them."""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Text, Texts, decode, iso
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.sources.aws import alarm, build, deploy, push
from devstream_collectors.sources.aws.bridge import Bridge
from devstream_collectors.sources.aws.envelope import CONFIRMATION, envelope, wanted
from devstream_desktop.stream.event import Event

_EVENTS = {
    "CloudWatch Alarm State Change": alarm.bridged,
    "AWS Health Event": alarm.health,
    "CodePipeline Pipeline Execution State Change": build.pipeline,
    "CodeBuild Build State Change": build.project,
    "CodeDeploy Deployment State-change Notification": deploy.deployment,
    "ECS Deployment State Change": deploy.service,
    "CodeCommit Repository State Change": push.branch,
}


class Known(msgspec.Struct, frozen=True, rename="camel"):
    """The fields that tell messages without EventBridge's envelope apart."""

    alarm_name: Text = msgspec.field(default="", name="AlarmName")
    deployment_id: Text = ""
    status: Text = ""
    approval: Texts = {}


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Read the event of one delivery."""
    read = envelope(delivery.body)
    if read is None:
        return _event(delivery.body, source, delivery.received)
    if not wanted(read, source):
        raise Dropped("topic-not-ours", read.topic_arn)
    if read.type == CONFIRMATION:
        raise Dropped("subscription-confirmed", read.topic_arn)
    if read.type != "Notification":
        raise Dropped("unsubscribed", read.topic_arn)
    message = read.message.strip()
    if not message.startswith("{"):
        raise Dropped("message-not-json", message)
    return _event(message.encode("utf-8", "surrogatepass"), source, delivery.received)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make an alarm that is well again, as EventBridge posts it."""
    body = {
        "version": "0",
        "id": f"devstream-{now}",
        "detail-type": "CloudWatch Alarm State Change",
        "source": "aws.cloudwatch",
        "account": "123456789012",
        "time": iso(now),
        "region": "eu-west-1",
        "resources": [f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:devstream-{now}"],
        "detail": {
            "alarmName": "devstream-test",
            "state": {"value": "OK", "timestamp": iso(now)},
            "previousState": {"value": "ALARM"},
        },
    }
    return Delivery({}, msgspec.json.encode(body), now)


def _event(body: bytes, source: SourceInfo, received: int) -> Event:
    bridge = decode(body, Bridge)
    if bridge.kind:
        make = _EVENTS.get(bridge.kind)
        if make is None:
            raise Dropped("event-not-mapped", bridge.kind)
        return make(bridge, source, received)
    known = decode(body, Known)
    if known.alarm_name:
        return alarm.notified(body, source, received)
    if known.deployment_id:
        return deploy.triggered(body, source, received)
    raise Dropped("approval-wanted" if known.approval else "message-not-known")

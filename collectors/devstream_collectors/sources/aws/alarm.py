"""CloudWatch's alarms, by SNS and by EventBridge, and AWS Health's events.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime

import msgspec

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import (
    Id,
    Many,
    Part,
    Text,
    Texts,
    Time,
    decode,
    milliseconds,
)
from devstream_collectors.kit.outcome import Dropped
from devstream_collectors.kit.place import Place
from devstream_collectors.sources.aws.bridge import Bridge, scope
from devstream_desktop.stream.event import Event

_STATES = {"ALARM": "firing", "OK": "resolved"}
_ARN = re.compile(r"arn:[a-z-]+:cloudwatch:([a-z0-9-]+):(\d+):alarm:.+")
_SERVICES = (
    "ServiceName", "FunctionName", "LoadBalancer", "DBInstanceIdentifier", "DBClusterIdentifier",
    "QueueName", "TableName", "ApiName", "TargetGroup", "CacheClusterId", "AutoScalingGroupName",
    "ClusterName", "InstanceId",
)  # fmt: skip


class Dimension(msgspec.Struct, frozen=True):
    """A metric's dimension."""

    name: Text = ""
    value: Text = ""


class Trigger(msgspec.Struct, frozen=True, rename="pascal"):
    """The metric of an alarm."""

    namespace: Text = ""
    dimensions: Many[Dimension] = []


class Notified(msgspec.Struct, frozen=True, rename="pascal"):
    """An alarm as SNS has it."""

    alarm_name: Id
    new_state_value: str = ""
    aws_account_id: Id = msgspec.field(default="", name="AWSAccountId")
    alarm_arn: Text = ""
    alarm_description: Text = ""
    new_state_reason: Text = ""
    state_change_time: Time = 0
    trigger: Part[Trigger] = Trigger()


class State(msgspec.Struct, frozen=True):
    """A state of an alarm."""

    value: str | None = ""
    reason: Text = ""
    timestamp: Time = 0


class Stat(msgspec.Struct, frozen=True):
    """A metric's names."""

    namespace: Text = ""
    name: Text = ""
    dimensions: Texts = {}


class MetricStat(msgspec.Struct, frozen=True):
    """The statistic of a metric."""

    metric: Part[Stat] = Stat()


class Metric(msgspec.Struct, frozen=True, rename="camel"):
    """One metric of an alarm."""

    metric_stat: Part[MetricStat] = MetricStat()


class Configuration(msgspec.Struct, frozen=True):
    """An alarm's settings."""

    description: Text = ""
    metrics: Many[Metric] = []


class Bridged(msgspec.Struct, frozen=True, rename="camel"):
    """An alarm as EventBridge has it."""

    alarm_name: Id
    state: State
    configuration: Part[Configuration] = Configuration()


class Description(msgspec.Struct, frozen=True, rename="camel"):
    """A text of AWS Health."""

    latest_description: Text = ""


class Health(msgspec.Struct, frozen=True, rename="camel"):
    """An event of AWS Health."""

    event_arn: Id
    service: Text = ""
    event_type_code: Text = ""
    event_type_category: Text = ""
    status_code: Text = ""
    start_time: Text = ""
    end_time: Text = ""
    event_description: Many[Description] = []


def notified(body: bytes, source: SourceInfo, received: int) -> Event:
    """Make the event of an alarm that SNS delivers.

    Raises:
        Dropped: the state is none that is news.

    """
    read = decode(body, Notified)
    # `Region` is a name for people (`EU (Ireland)`); the ARN has the one that ids have.
    arn = _ARN.fullmatch(read.alarm_arn)
    account, region = (arn[2], arn[1]) if arn else (read.aws_account_id, "")
    values = {one.name: one.value for one in read.trigger.dimensions}
    alarm = Alert(
        identity=read.alarm_name,
        state=_state(read.new_state_value),
        name=read.alarm_name,
        service=_service(values),
        number=read.alarm_name[:60],
        once=_second(read.state_change_time),
        changed=read.state_change_time,
        reason=read.alarm_description or read.new_state_reason,
        url=_page(read.alarm_name, region),
    )
    return alert_event(alarm, Place(source, received, scope(account, region)))


def bridged(event: Bridge, source: SourceInfo, received: int) -> Event:
    """Make the event of an alarm that EventBridge tells of.

    Raises:
        Dropped: the state is none that is news.

    """
    read = event.read(Bridged)
    values = {
        name: value
        for metric in read.configuration.metrics
        for name, value in metric.metric_stat.metric.dimensions.items()
    }
    changed = read.state.timestamp or event.time
    alarm = Alert(
        identity=read.alarm_name,
        state=_state(read.state.value or ""),
        name=read.alarm_name,
        service=_service(values),
        number=read.alarm_name[:60],
        once=_second(changed),
        changed=changed,
        reason=read.configuration.description or read.state.reason,
        url=_page(read.alarm_name, event.region),
    )
    return alert_event(alarm, event.place(source, received, ""))


def health(event: Bridge, source: SourceInfo, received: int) -> Event:
    """Make the event of a trouble that AWS has.

    Raises:
        Dropped: it is a notice or a maintenance.

    """
    read = event.read(Health)
    if read.event_type_category not in ("issue", "investigation"):
        raise Dropped("not-an-issue", read.event_type_category)
    started, ended = _moment(read.start_time), _moment(read.end_time)
    over = read.status_code == "closed" or ended > 0
    alarm = Alert(
        identity=read.event_arn,
        state="resolved" if over else "firing",
        name=read.event_type_code.replace("_", " ").lower() or "AWS has an issue",
        service=read.service,
        number=read.event_arn.rpartition("/")[2][:60],
        once=_second(started),
        started=started,
        changed=ended if over else started,
        reason=next((one.latest_description for one in read.event_description), ""),
        url="https://health.console.aws.amazon.com/health/home",
    )
    return alert_event(alarm, event.place(source, received, read.service))


def _state(word: str) -> str:
    if word not in _STATES:
        raise Dropped("no-data" if word == "INSUFFICIENT_DATA" else "state-not-mapped", word)
    return _STATES[word]


def _service(values: dict[str, str]) -> str:
    return next((values[name] for name in _SERVICES if values.get(name)), "")


def _moment(text: str) -> int:
    """Read a time of AWS Health, `Fri, 15 Jan 2027 07:50:00 GMT`; else 0."""
    try:
        return int(parsedate_to_datetime(text).timestamp() * 1000)
    except (ValueError, TypeError, OverflowError):
        return milliseconds(text)


def _second(time: int) -> str:
    """Write a time to the second: SNS and EventBridge have it with other fractions."""
    return str(time // 1000) if time else ""


def _page(name: str, region: str) -> str:
    if not region or not re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        return ""
    return f"https://{region}.console.aws.amazon.com/cloudwatch/home#alarmsV2:alarm/{name}"

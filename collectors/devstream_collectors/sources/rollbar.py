"""Rollbar: items that are new, back, frequent or resolved, and deploys.

Source: https://docs.rollbar.com/docs/webhooks. Rollbar has three seconds' patience and tries again
for 16 days.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Collector, Delivery, SecretPath, SourceInfo, Webhook
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Part, Text, Time, Whole, decode, person, sha
from devstream_collectors.kit.deploy import Deploy, deploy_event
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.kit.place import Place
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.words import Kind

_SETUP = """\
In Rollbar, the project's Settings, Notifications, Webhook: as URL the address of your receiver \
with the path that is printed behind it, as Format JSON, and Enable. Rollbar signs nothing, so \
the path itself is the secret. Of the rules keep New Item, Reactivated Item, Reopened Item, \
Resolved Item, 10^nth Occurrence, High Occurrence Rate and Deploy; every single occurrence makes \
no line.
A project says only its number, so give the source --service NAME."""

COLLECTOR = Collector(
    title="Rollbar's webhook notifications",
    setup=_SETUP,
    kinds=(Kind.INCIDENT, Kind.DEPLOY),
    webhook=Webhook(auth=(SecretPath(),)),
)
_STATES = {
    "new_item": "firing",
    "reactivated_item": "firing",
    "reopened_item": "firing",
    "exp_repeat_item": "firing",
    "item_velocity": "firing",
    "resolved_item": "resolved",
}
_DEPLOYS = {
    "started": "in_progress",
    "succeeded": "success",
    "failed": "failure",
    "timed_out": "error",
    "": "success",
}


class _User(msgspec.Struct, frozen=True):
    username: Text = ""
    email: Text = ""


class _Body(msgspec.Struct, frozen=True):
    level: Text = ""
    timestamp: Time = 0


class _Item(msgspec.Struct, frozen=True):
    id: Text = ""
    counter: Text = ""
    project_id: Text = ""
    environment: Text = ""
    title: Text = ""
    level: Text = ""
    total_occurrences: Whole = 0
    first_occurrence_timestamp: Time = 0
    last_activated_timestamp: Time = 0
    last_occurrence_timestamp: Time = 0
    last_resolved_timestamp: Time = 0
    last_occurrence: Part[_Body] = _Body()


class _Trigger(msgspec.Struct, frozen=True):
    threshold: Whole = 0
    window_size_description: Text = ""


class _Deploy(msgspec.Struct, frozen=True):
    id: Text = ""
    project_id: Text = ""
    environment: Text = ""
    revision: Text = ""
    comment: Text = ""
    status: Text = ""
    local_username: Text = ""
    start_time: Time = 0
    finish_time: Time = 0


class _Data(msgspec.Struct, frozen=True):
    item: _Item | None = None
    deploy: _Deploy | None = None
    user: Part[_User] = _User()
    occurrences: Whole = 0
    trigger: Part[_Trigger] = _Trigger()
    url: Text = ""


class _Payload(msgspec.Struct, frozen=True):
    event_name: Text = ""
    data: _Data | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Event:
    """Make the event of one delivery."""
    payload = decode(delivery.body, _Payload)
    name, data = payload.event_name, payload.data or _Data()
    place = Place(source, delivery.received)
    if name == "test":
        raise Dropped("ping")
    if name == "occurrence":
        raise Dropped("each-occurrence")
    if name == "deploy" and data.deploy is not None:
        return _deployed(data.deploy, data, place.at(f"rollbar/{data.deploy.project_id}"))
    if name not in _STATES or data.item is None:
        raise Dropped("event-not-mapped", name)
    return _changed(name, data.item, data, place.at(f"rollbar/{data.item.project_id}"))


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make a new item as Rollbar posts it."""
    item = {
        "id": 1,
        "counter": 1,
        "project_id": 1,
        "title": "A test of this source",
        "level": 20,
        "environment": "test",
        "last_activated_timestamp": now // 1000,
    }
    body = {"event_name": "new_item", "data": {"item": item}}
    return Delivery({}, msgspec.json.encode(body), now)


def _changed(name: str, item: _Item, data: _Data, place: Place) -> Event:
    """Make the event of an item's step. `counter` is its number for people."""
    identity = item.id or item.counter
    if not identity:
        raise Dropped("unnamed-item")
    resolved = _STATES[name] == "resolved"
    began = item.last_activated_timestamp or item.first_occurrence_timestamp
    seen = item.last_occurrence_timestamp or item.last_occurrence.timestamp
    count = data.occurrences or (item.total_occurrences if name == "exp_repeat_item" else 0)
    changed = {
        "new_item": began,
        "exp_repeat_item": seen,
        "item_velocity": seen,
        "resolved_item": item.last_resolved_timestamp,
        # By a person; it need not have happened again.
        "reopened_item": place.received,
    }
    title = item.title or "error"
    alert = Alert(
        identity=identity,
        state=_STATES[name],
        name=f"{title} (#{item.counter})" if item.counter else title,
        environment=item.environment,
        severity=item.level or item.last_occurrence.level,
        number=identity,
        # An item may be resolved and back many times; how often it had been seen, and when last,
        # tells the times apart.
        once=f"{name}/{began}/{seen}" if resolved else f"{name}/{began}/{seen}/{count}",
        started=began,
        changed=changed.get(name, 0),
        actor=person(data.user.username, data.user.email),
        is_error=True,
        reason="" if resolved else _why(name, count, data.trigger),
        url=data.url,
    )
    return alert_event(alert, place)


def _why(name: str, count: int, trigger: _Trigger) -> str:
    if name == "item_velocity" and trigger.threshold:
        return f"{trigger.threshold} times in {trigger.window_size_description or 'a short time'}"
    if count:
        return f"{count} times"
    return {"reactivated_item": "seen again", "reopened_item": "reopened"}.get(name, "")


def _deployed(deploy: _Deploy, data: _Data, place: Place) -> Event:
    state = _DEPLOYS.get(deploy.status.lower(), "")
    if not state:
        raise Dropped("deploy-not-news", deploy.status)
    under_way = state == "in_progress"
    changed = deploy.start_time if under_way else deploy.finish_time or deploy.start_time
    found = Deploy(
        id=deploy.id or deploy.revision or str(place.moment(changed)),
        state=state,
        environment=deploy.environment or place.source.environment,
        revision=sha(deploy.revision),
        actor=person(deploy.local_username, data.user.username, data.user.email),
        title=deploy.comment,
        url=data.url,
        started=deploy.start_time,
        changed=changed,
    )
    return deploy_event(found, place)

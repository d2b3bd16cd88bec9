"""Rollbar: items that are new, back, frequent or resolved, and deploys.

Source: https://docs.rollbar.com/docs/webhooks. Rollbar has three seconds' patience and tries again for 16 days.
"""

from __future__ import annotations

import msgspec

from devstream_collectors.contract import Collector, Delivery, Normalised, SecretPath, SourceInfo, Webhook
from devstream_collectors.kit.alert import Alert, alert_event
from devstream_collectors.kit.decoding import Loose, first, person, when, whole, word
from devstream_collectors.kit.deploy import Recorded, recorded_event
from devstream_collectors.kit.outcome import Dropped, tolerant

COLLECTOR = Collector(
    title="Rollbar's webhook notifications",
    setup="""\
In Rollbar, the project's Settings, Notifications, Webhook: as URL the address of your receiver with the path that is printed behind it,
as Format JSON, and Enable. Rollbar signs nothing, so the path itself is the secret. Of the rules keep New Item, Reactivated Item, Reopened
Item, Resolved Item, 10^nth Occurrence, High Occurrence Rate and Deploy; every single occurrence makes no line.
A project says only its number, so give the source --service NAME.""",
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
_DEPLOYS = {"started": "in_progress", "succeeded": "success", "failed": "failure", "timed_out": "error", "": "success"}


class _User(msgspec.Struct, frozen=True):
    username: Loose = ""
    email: Loose = ""


class _Body(msgspec.Struct, frozen=True):
    uuid: Loose = ""
    level: Loose = ""
    timestamp: Loose = ""


class _Item(msgspec.Struct, frozen=True):
    id: Loose = ""
    counter: Loose = ""
    project_id: Loose = ""
    environment: Loose = ""
    title: Loose = ""
    level: Loose = ""
    total_occurrences: Loose = ""
    first_occurrence_timestamp: Loose = ""
    last_activated_timestamp: Loose = ""
    last_occurrence_timestamp: Loose = ""
    last_resolved_timestamp: Loose = ""
    last_occurrence: _Body | None = None
    resolved_in_version: Loose = ""


class _Trigger(msgspec.Struct, frozen=True):
    threshold: Loose = ""
    window_size_description: Loose = ""


class _Deploy(msgspec.Struct, frozen=True):
    id: Loose = ""
    project_id: Loose = ""
    environment: Loose = ""
    revision: Loose = ""
    comment: Loose = ""
    status: Loose = ""
    local_username: Loose = ""
    start_time: Loose = ""
    finish_time: Loose = ""


class _Data(msgspec.Struct, frozen=True):
    item: _Item | None = None
    deploy: _Deploy | None = None
    user: _User | None = None
    occurrences: Loose = ""
    trigger: _Trigger | None = None
    url: Loose = ""


class _Payload(msgspec.Struct, frozen=True):
    event_name: Loose = ""
    data: _Data | None = None


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The event of one delivery, or the name of why there is none."""
    payload = msgspec.json.decode(delivery.body, type=_Payload)
    name, data = word(payload.event_name), payload.data or _Data()
    if name == "test":
        raise Dropped("ping")
    if name == "occurrence":
        raise Dropped("each-occurrence")
    if name == "deploy" and data.deploy is not None:
        return Normalised((recorded_event(_deployed(data.deploy, data), source, delivery.received),))
    if name not in _STATES or data.item is None:
        raise Dropped("event-not-mapped", name)
    return Normalised((alert_event(_step(name, data.item, data), source, delivery.received),))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A new item as Rollbar posts it."""
    del source
    item = {"id": 1, "counter": 1, "project_id": 1, "title": "A test of this source", "level": 20, "environment": "test"}
    item["last_activated_timestamp"] = now // 1000
    return Delivery({}, msgspec.json.encode({"event_name": "new_item", "data": {"item": item}}), now)


def _step(name: str, item: _Item, data: _Data) -> Alert:
    """An item's step; Rollbar numbers items for people by `counter`, and for itself by `id`."""
    identity = first(item.id, item.counter)
    if not identity:
        raise Dropped("unnamed-item")
    resolved = _STATES[name] == "resolved"
    last = item.last_occurrence or _Body()
    began = when(first(item.last_activated_timestamp, item.first_occurrence_timestamp))
    seen = when(first(item.last_occurrence_timestamp, last.timestamp))
    count = whole(data.occurrences) or (whole(item.total_occurrences) if name == "exp_repeat_item" else 0)
    changed = {"new_item": began, "exp_repeat_item": seen, "item_velocity": seen, "resolved_item": when(item.last_resolved_timestamp)}
    title = first(item.title) or "error"
    return Alert(
        scope=f"rollbar/{word(item.project_id)}",
        identity=identity,
        state=_STATES[name],
        name=f"{title} (#{word(item.counter)})" if word(item.counter) else title,
        environment=word(item.environment),
        severity=first(item.level, last.level),
        number=identity,
        # An item may be resolved and back many times; how often it had been seen, and when last, tells the times apart.
        once=f"{name}/{began}/{seen}/{count}" if not resolved else f"{name}/{began}/{seen}",
        started=began,
        changed=changed.get(name, 0),
        actor=person(data.user.username, data.user.email) if data.user else "",
        reason="" if resolved else _why(name, count, data.trigger),
        url=word(data.url),
    )


def _why(name: str, count: int, trigger: _Trigger | None) -> str:
    if name == "item_velocity" and trigger and whole(trigger.threshold):
        return f"{whole(trigger.threshold)} times in {word(trigger.window_size_description) or 'a short time'}"
    if count:
        return f"{count} times"
    return {"reactivated_item": "seen again", "reopened_item": "reopened"}.get(name, "")


def _deployed(deploy: _Deploy, data: _Data) -> Recorded:
    state = _DEPLOYS.get(word(deploy.status).lower(), "")
    if not state:
        raise Dropped("deploy-not-news", word(deploy.status))
    return Recorded(
        scope=f"rollbar/{word(deploy.project_id)}",
        number=word(deploy.id),
        state=state,
        environment=word(deploy.environment),
        revision=word(deploy.revision),
        actor=person(deploy.local_username, *((data.user.username, data.user.email) if data.user else ())),
        title=word(deploy.comment),
        url=word(data.url),
        started=when(deploy.start_time),
        ended=when(deploy.finish_time),
    )

"""CloudEvents as they are posted: structured, binary or in batches."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

import msgspec

from devstream_collectors.contract import Delivery, SourceInfo
from devstream_collectors.kit.decoding import Text, Time, decode, iso, when
from devstream_collectors.kit.outcome import Dropped, tolerant
from devstream_collectors.sources.cloudevents.cdevents import PREFIX, CDEvent, Context, cdevent
from devstream_desktop.stream.event import Event, InvalidEventError

_STRUCTURED = "application/cloudevents"
_BATCH = "application/cloudevents-batch"
_ATTRIBUTES = ("id", "source", "type", "specversion")


class CloudEvent(msgspec.Struct, frozen=True):
    """One CloudEvent: its attributes, and its data as it was sent."""

    id: Text = ""
    source: Text = ""
    type: Text = ""
    specversion: Text = ""
    time: Time = 0
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = ""
    context: Context | None = None
    """Of a CDEvent that comes without an envelope."""


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> tuple[Event, ...]:
    """Read the events of one delivery; a bad event of a batch does not hold up the others."""
    content = delivery.headers.get("content-type", "").split(";")[0].strip().lower()
    structured = content.startswith(_STRUCTURED)
    # CloudEvents may also be Avro or XML.
    if structured and not content.endswith(("+json", "cloudevents", "batch")):
        raise Dropped("format-not-known", content)
    if not structured and "ce-type" in delivery.headers:
        return (_binary(delivery, source),)
    if content.startswith(_BATCH) or delivery.body.lstrip()[:1] == b"[":
        return _batch(decode(delivery.body, list[msgspec.Raw]), delivery, source)
    return (_structured(delivery.body, delivery, source),)


def sample(source: SourceInfo, now: int) -> Delivery:
    """Make the pipeline's run of a test, as a structured CDEvent."""
    about = {
        "id": f"devstream-{now}",
        "source": "/devstream-test",
        "type": f"{PREFIX}pipelinerun.finished.0.3.0",
    }
    body = {
        "context": about | {"specversion": "0.5.1", "timestamp": iso(now)},
        "subject": {
            "id": f"run-{now}",
            "content": {"pipelineName": "devstream-test", "outcome": "success"},
        },
    }
    event = about | {"specversion": "1.0", "data": body}
    content = {"content-type": "application/cloudevents+json"}
    return Delivery(content, msgspec.json.encode(event), now)


def _batch(parts: list[msgspec.Raw], delivery: Delivery, source: SourceInfo) -> tuple[Event, ...]:
    events: list[Event] = []
    reasons: list[Dropped] = []
    for part in parts:
        try:
            events.append(_structured(bytes(part), delivery, source))
        except Dropped as drop:
            reasons.append(drop)
        except (msgspec.MsgspecError, InvalidEventError, UnicodeDecodeError) as error:
            reasons.append(Dropped("unexpected-shape", str(error)))
    if events:
        return tuple(events)
    raise reasons[0] if reasons else Dropped("empty-batch")


def _structured(body: bytes, delivery: Delivery, source: SourceInfo) -> Event:
    event = decode(body, CloudEvent)
    if event.context is not None and not event.specversion:
        # Tools that know CDEvents but not CloudEvents post them bare.
        return cdevent(decode(body, CDEvent), source, delivery.received)
    return _carried(event, _data(event), delivery, source)


def _binary(delivery: Delivery, source: SourceInfo) -> Event:
    def attribute(name: str) -> str:
        # The binding percent-encodes what is not printable ASCII.
        return unquote(delivery.headers.get(f"ce-{name}", "")).strip()

    event = CloudEvent(
        id=attribute("id"),
        source=attribute("source"),
        type=attribute("type"),
        specversion=attribute("specversion"),
        time=when(attribute("time")),
    )
    return _carried(event, delivery.body, delivery, source)


def _carried(event: CloudEvent, data: bytes, delivery: Delivery, source: SourceInfo) -> Event:
    lacking = [name for name in _ATTRIBUTES if not getattr(event, name)]
    if lacking:
        raise Dropped("not-a-cloudevent", f"without {', '.join(lacking)}")
    if not event.type.lower().startswith(PREFIX):
        raise Dropped("event-not-mapped", event.type)
    if not data.strip():
        raise Dropped("event-without-data", event.type)
    inner = decode(data, CDEvent)
    # A sender may say in the envelope only what it would say twice.
    context = Context(
        id=inner.context.id or event.id,
        source=inner.context.source or event.source,
        type=inner.context.type or event.type,
        timestamp=inner.context.timestamp or event.time,
    )
    made = msgspec.structs.replace(inner, context=context)
    return cdevent(made, source, delivery.received)


def _data(event: CloudEvent) -> bytes:
    """Return the data's JSON; some senders put it into a text."""
    if event.data_base64:
        try:
            return base64.b64decode(event.data_base64, validate=True)
        except (binascii.Error, ValueError):
            raise Dropped("unreadable-data", "data_base64 is not base64") from None
    data = bytes(event.data)
    if data == b"null":
        return b""
    return decode(data, str).encode() if data[:1] == b'"' else data

"""CloudEvents over HTTP, one by one or many at once: of what they carry, CDEvents make lines.

Sources: https://github.com/cloudevents/spec/blob/main/cloudevents/bindings/http-protocol-binding.md, its JSON format, and the web hooks
beside it. What to do with events of other types a team says by rules: a source of type `generic` takes structured ones as plain JSON.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from urllib.parse import unquote

import msgspec

from devstream_collectors.before.decoding import Loose, iso, word
from devstream_collectors.before.outcome import Dropped, tolerant
from devstream_collectors.contract import (
    Basic,
    Collector,
    Delivery,
    Normalised,
    SecretPath,
    SourceInfo,
    Token,
    Webhook,
)
from devstream_collectors.sources.cloudevents.cdevents import PREFIX, CDEvent, Context, cdevent
from devstream_desktop.stream.event import Event, InvalidEventError

_STRUCTURED = "application/cloudevents"
_BATCH = "application/cloudevents-batch"
_SETUP = """\
Post CloudEvents 1.0 to the address of your receiver with the path that is printed behind it, structured, binary or in batches, as JSON.
With --secret-file send its text as `Authorization: Bearer <text>`, or as user:password by Basic; without, the path is the secret.
Senders that ask first (OPTIONS, WebHook-Request-Origin) are answered.
Types that make lines: CDEvents (dev.cdevents.*) 0.4 to 0.6: branch, build, change merged, incident, pipelinerun, service, testsuiterun,
ticket. No CDEvent says which branch is the default: name those that count with --branch, or each that is made or deleted makes a line.
For other types use `devstream source add generic` with rules."""

COLLECTOR = Collector(
    title="CloudEvents (structured, binary, batch), of which CDEvents make lines",
    setup=_SETUP,
    webhook=Webhook(
        auth=(Token(), Basic(), SecretPath()), headers=("ce-*",), body="any", handshake=True
    ),
)


class CloudEvent(msgspec.Struct, frozen=True):
    """One CloudEvent: its attributes, and its data as it was sent."""

    id: Loose = ""
    source: Loose = ""
    type: Loose = ""
    specversion: Loose = ""
    subject: Loose = ""
    time: Loose = ""
    data: msgspec.Raw = msgspec.Raw()
    data_base64: str | None = ""
    context: Context | None = None
    """Of a CDEvent that comes without an envelope."""


_event = msgspec.json.Decoder(CloudEvent)
_cdevent = msgspec.json.Decoder(CDEvent)


@tolerant
def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
    """The events of one delivery, or the name of why there are none; one bad event of a batch does not hold up the others."""
    content = delivery.headers.get("content-type", "").split(";")[0].strip().lower()
    if content.startswith(_STRUCTURED) and not content.endswith(("+json", "cloudevents", "batch")):
        raise Dropped("format-not-known", content)
    if not content.startswith(_STRUCTURED) and "ce-type" in delivery.headers:
        return Normalised((_binary(delivery, source),))
    if content.startswith(_BATCH) or delivery.body.lstrip()[:1] == b"[":
        return _batch(msgspec.json.decode(delivery.body, type=list[msgspec.Raw]), delivery, source)
    return Normalised((_structured(delivery.body, delivery, source),))


def sample(source: SourceInfo, now: int) -> Delivery:
    """A pipeline's run that passed, as a structured CDEvent."""
    kind = f"{PREFIX}pipelinerun.finished.0.3.0"
    body = {
        "context": {
            "specversion": "0.5.1",
            "id": f"devstream-{now}",
            "source": "/devstream-test",
            "type": kind,
            "timestamp": iso(now),
        },
        "subject": {
            "id": f"run-{now}",
            "content": {"pipelineName": "devstream-test", "outcome": "success"},
        },
    }
    event = {
        "specversion": "1.0",
        "id": f"devstream-{now}",
        "source": "/devstream-test",
        "type": kind,
        "data": body,
    }
    del source
    return Delivery(
        {"content-type": "application/cloudevents+json"}, msgspec.json.encode(event), now
    )


def _batch(parts: list[msgspec.Raw], delivery: Delivery, source: SourceInfo) -> Normalised:
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
        return Normalised(tuple(events))
    raise reasons[0] if reasons else Dropped("empty-batch")


def _structured(body: bytes, delivery: Delivery, source: SourceInfo) -> Event:
    event = _event.decode(body)
    if event.context is not None and not word(event.specversion):
        # Tools that know CDEvents but not CloudEvents post them bare.
        return cdevent(_cdevent.decode(body), source, delivery.received)
    return _carried(event, _data(event), delivery, source)


def _binary(delivery: Delivery, source: SourceInfo) -> Event:
    def attribute(name: str) -> str:
        # The binding percent-encodes what is not printable ASCII.
        return unquote(delivery.headers.get(f"ce-{name}", ""))

    names = ("id", "source", "type", "specversion", "subject", "time")
    attributes: Mapping[str, str] = {name: attribute(name) for name in names}
    return _carried(msgspec.convert(attributes, CloudEvent), delivery.body, delivery, source)


def _carried(event: CloudEvent, data: bytes, delivery: Delivery, source: SourceInfo) -> Event:
    lacking = [
        name for name in ("id", "source", "type", "specversion") if not word(getattr(event, name))
    ]
    if lacking:
        raise Dropped("not-a-cloudevent", f"without {', '.join(lacking)}")
    kind = word(event.type)
    if not kind.lower().startswith(PREFIX):
        raise Dropped("event-not-mapped", kind)
    if not data.strip():
        raise Dropped("event-without-data", kind)
    inner = _cdevent.decode(data)
    said = inner.context or Context()
    # A sender may say in the envelope only what it would say twice.
    context = Context(
        id=word(said.id) or event.id,
        source=word(said.source) or event.source,
        type=word(said.type) or event.type,
        timestamp=word(said.timestamp) or event.time,
    )
    return cdevent(msgspec.structs.replace(inner, context=context), source, delivery.received)


def _data(event: CloudEvent) -> bytes:
    """The data's JSON, also of a sender that put it into a text."""
    if event.data_base64:
        try:
            return base64.b64decode(event.data_base64, validate=True)
        except (binascii.Error, ValueError):
            raise Dropped("unreadable-data", "data_base64 is not base64") from None
    data = bytes(event.data)
    if data == b"null":
        return b""
    return msgspec.json.decode(data, type=str).encode() if data[:1] == b'"' else data

"""Bodies of an outlet's posts: CloudEvents, or a text as chats take it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from devstream_desktop.outlet.config import Form, key_of
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.line import render
from devstream_desktop.stream.record import timestamp
from devstream_desktop.stream.words import Kind, Transition
from devstream_desktop.webhook_signature import headers_of

_FIELDS = (
    "kind", "state", "service", "environment", "ref", "revision", "previous", "actor", "title",
    "reason", "url", "number", "count", "total", "duration",
)  # fmt: skip
"""Of an event, those that are told; `duration` in milliseconds."""
_AT = "\u200b"
"""A space of no width: behind an `@` it keeps a title from calling everybody."""


def leaves(event: Event) -> bool:
    """Tell whether a line may leave by an outlet at all.

    A request to deploy is for the executor it names. What is filled in later is no news.
    """
    return not event.quiet and (event.kind, event.state) != (Kind.DEPLOY, "requested")


def body_of(form: Form, event: Event, transition: Transition) -> tuple[str, bytes]:
    """Return the content type and the body for a line."""
    line = render(event, transition)
    if form == "chat":
        return "application/json", msgspec.json.encode({"text": _chat(line, event.url)})
    data = {"line": line, **fields_of(event, transition)}
    body = {
        "specversion": "1.0",
        "id": event.key,
        "source": f"/devstream/{quote(event.scope or event.service, safe='/.-_')}",
        "type": f"devstream.{event.kind}.{event.state}",
        "subject": event.subject,
        "time": timestamp(event.time),
        "datacontenttype": "application/json",
        "data": data,
    }
    return "application/cloudevents+json; charset=utf-8", msgspec.json.encode(body)


def fields_of(event: Event, transition: Transition) -> dict[str, object]:
    """Return what is told of an event beside its line."""
    told: dict[str, object] = {"severity": event.severity.word}
    if transition is not Transition.NONE:
        told["transition"] = str(transition)
    return told | {name: value for name in _FIELDS if (value := getattr(event, name))}


def signed(key: str, identity: str, seconds: int, body: bytes) -> Mapping[str, str]:
    """Make the headers of Standard Webhooks.

    Args:
        key: the shared key; empty: no signature, only the identity and the time.
        identity: the same in each try.
        seconds: since 1970.
        body: what is posted.

    """
    return headers_of(key_of(key), identity, body, seconds)


def _chat(line: str, url: str) -> str:
    """Write a text for Slack, Mattermost, Rocket.Chat or Matrix (hookshot).

    `<`, `>` and `&` are Slack's own signs (https://api.slack.com/reference/surfaces/formatting).
    """
    text = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    text = text.replace("@", f"@{_AT}")
    return f"{text}\n{url}" if url else text

"""Event: one thing that happened, made clean, keyed and valid where it comes in."""

from __future__ import annotations

import re
from operator import attrgetter, le

import msgspec

from devstream_desktop.stream.bounds import check_msgpack
from devstream_desktop.stream.text import are_plain, clean, first_line
from devstream_desktop.stream.words import STATES, Kind, Severity, default_severity


class InvalidEventError(ValueError):
    """A fact that cannot become an event; the message says which field and what is allowed."""


# Texts and numbers alone make no cycle; a collection that walks ten thousands of them takes 100 ms.
class Event(msgspec.Struct, frozen=True, array_like=True, kw_only=True, gc=False):
    """One fact, one line.

    Encoded as an array, so a field's place is its name: add new ones at the end only.

    `key` is the identity of the fact (same fact twice, one row); `subject` what a row is about;
    `number` the run of that subject (build 93, deploy 412, an alert's start), whose later events
    update the row in place. Times are UTC milliseconds.
    """

    kind: Kind
    state: str
    service: str
    subject: str
    key: str
    time: int
    severity: Severity
    environment: str = ""
    ref: str = ""
    revision: str = ""
    actor: str = ""
    title: str = ""
    url: str = ""
    source: str = ""
    number: str = ""
    previous: str = ""
    """The revision before: what a force-push threw away, what a deploy replaced.

    Of a join, the device whose place another takes.
    """
    count: int = 0
    """Commits of a change, failed tests of a test run.

    Of a join, the devices that the person has had, with this one; of a device that goes, those that
    the person still has.
    """
    total: int = 0
    """All tests of a test run."""
    duration: int = 0
    """Milliseconds it took."""
    request: str = ""
    """The key of the deploy request that this event answers."""
    executor: str = ""
    """Device a deploy request is addressed to, or that offers a target."""
    expires: int = 0
    """End of a deploy request, UTC milliseconds."""
    reason: str = ""
    """Reason of a request, refusal or failure, in a person's words."""
    quiet: bool = False
    """Stored and shown, but never a popup: history that was filled in, news about news."""
    scope: str = ""
    """Place where the subject is true: a repository `host/owner/name`, a tracker's address.

    Rows of equal subjects in two scopes have nothing to do with each other.
    """
    order: int = 0
    """Place of the work among its subject's. Such as a run number; 0: its time decides."""
    action: str = ""
    """Act that a request asks for (deploy/request.py); empty: a deploy."""
    about: str = ""
    """Key of the request that this one approves, withdraws or replaces."""
    parameters: str = ""
    """Declared parameters of a deploy, as a URL's query: `size=large&migrate=true`."""
    policy: int = 0
    """Version of the policy that an executor judged by."""
    override: bool = False
    """Break-glass: asked for in spite of windows and approvals."""


NAME_LENGTH = 60
"""Characters of a name at most: a person's, a service's, a source's."""

_LIMITS = {
    "service": NAME_LENGTH,
    "subject": 160,
    "environment": 40,
    "ref": 255,
    "revision": 64,
    "actor": NAME_LENGTH,
    "title": 140,
    "source": NAME_LENGTH,
    "number": 60,
    "previous": 64,
    "request": 64,
    "executor": 64,
    "reason": 200,
    "scope": 120,
    "action": 20,
    "about": 64,
    "parameters": 500,
}
_texts = attrgetter(*_LIMITS)
_most = tuple(_LIMITS.values())
_URL = re.compile(r"https?://[^\s/@\\]+(?:[/?#][!-~]*)?")
_KEY = re.compile(r"[0-9a-f]{32}")
_MAX_TIME = 1 << 47
_MAX_COUNT = 1 << 53
_MAX_VALUES = 4096
"""In one payload; an event has some twenty, and what a later version adds is passed over."""


def fact_key(scope: str, kind: Kind, *natural: str) -> str:
    """Make the identity of a fact.

    It is a hash of its natural key and of `scope`, where it is true: a repository, a tracker, a
    source.

    It must come from the fact and never from its delivery, so that webhook, poll, redelivery and a
    second collector agree.
    """
    text = "\x1f".join(("v1", scope, kind, *natural))
    return _hashed(text)[:32]


def _hashed(text: str) -> str:
    # Late, because it loads OpenSSL and whoever only reads makes no keys.
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def make_event(
    *,
    kind: Kind,
    state: str,
    service: str,
    subject: str,
    key: str,
    time: int,
    severity: Severity | None = None,
    environment: str = "",
    ref: str = "",
    revision: str = "",
    actor: str = "",
    title: str = "",
    url: str = "",
    source: str = "",
    number: str = "",
    previous: str = "",
    count: int = 0,
    total: int = 0,
    duration: int = 0,
    request: str = "",
    executor: str = "",
    expires: int = 0,
    reason: str = "",
    quiet: bool = False,
    scope: str = "",
    order: int = 0,
    action: str = "",
    about: str = "",
    parameters: str = "",
    policy: int = 0,
    override: bool = False,
) -> Event:
    """Make an event: every text cleaned and cut, the state checked, the severity filled in.

    Events are made in no other way.

    Raises:
        InvalidEventError: the state is not one of the kind's, there is no service or subject, or
            the key is not a key.
    """
    return cleaned(
        Event(
            kind=kind,
            state=state,
            service=service,
            subject=_bounded(subject, _LIMITS["subject"]),
            key=key,
            time=time,
            severity=default_severity(kind, state, environment) if severity is None else severity,
            environment=environment,
            ref=ref,
            revision=revision,
            actor=actor,
            title=first_line(title),
            url=url,
            source=source,
            number=number,
            previous=previous,
            count=count,
            total=total,
            duration=duration,
            request=request,
            executor=executor,
            expires=expires,
            reason=first_line(reason),
            quiet=quiet,
            scope=_bounded(scope, _LIMITS["scope"]),
            order=order,
            action=action,
            about=about,
            parameters=parameters,
            policy=policy,
            override=override,
        )
    )


def _bounded(name: str, limit: int) -> str:
    """Cut a name so that two long names stay two."""
    if len(name) <= limit:
        return name
    # Two names that differ in their ends only would otherwise be one.
    return f"{name[: limit - 17]}~{_hashed(name)[:16]}"


def cleaned(event: Event) -> Event:
    """`event` with every text made safe; for what a peer sent, and for what is shown.

    Raises:
        InvalidEventError: as `make_event`.

    """
    if event.state not in STATES[event.kind]:
        allowed = ", ".join(STATES[event.kind])
        raise InvalidEventError(
            f"state {clean(event.state, 40)!r} is not one of {event.kind}: {allowed}"
        )
    if not _KEY.fullmatch(event.key):
        raise InvalidEventError("key must be 32 hexadecimal digits")
    changes: dict[str, str] = {}
    texts: tuple[str, ...] = _texts(event)
    # Nearly all events are clean already, and this one look tells.
    if not (all(map(le, map(len, texts), _most)) and are_plain(texts)):
        safe = {
            name: clean(text, limit)
            for (name, limit), text in zip(_LIMITS.items(), texts, strict=True)
        }
        changes = {
            name: text
            for (name, text), before in zip(safe.items(), texts, strict=True)
            if text != before
        }
    # A link that is not plain http is no link: somebody would click it.
    url = event.url if len(event.url) <= 500 and _URL.fullmatch(event.url) else ""
    if url != event.url:
        changes["url"] = url
    result = msgspec.structs.replace(event, **changes) if changes else event
    if not result.service or not result.subject:
        raise InvalidEventError("an event needs a service and a subject")
    counts = (result.count, result.total, result.duration, result.order, result.policy)
    # Numbers that SQLite or a calendar cannot hold would stop a reader.
    least, most = min(counts), max(counts)
    if not (
        0 <= result.time < _MAX_TIME
        and 0 <= result.expires < _MAX_TIME
        and least >= 0
        and most < _MAX_COUNT
    ):
        raise InvalidEventError("a time, count or duration is out of range")
    return result


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Event)


def encode_event(event: Event) -> bytes:
    """Return the msgpack form that is signed and travels."""
    return _encoder.encode(event)


def decode_event(payload: bytes) -> Event:
    """Return the typed event of a payload.

    Raises:
        InvalidEventError: it is not an event that this version understands.

    """
    try:
        check_msgpack(payload, _MAX_VALUES)
        event = _decoder.decode(payload)
    except ValueError as error:
        raise InvalidEventError(str(error)) from None
    return cleaned(event)

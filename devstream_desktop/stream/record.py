"""An event as a script reads it: the JSON of `tail`, `search`, `emit` and `export`.

Its field names are a promise.
"""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from devstream_desktop.stream.line import told
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.words import outcome


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One row; times are RFC 3339 in UTC, absent texts are empty."""

    id: str
    """The id of the signed log entry, the same on every node."""
    key: str
    kind: str
    state: str
    severity: str
    transition: str
    service: str
    environment: str
    ref: str
    revision: str
    actor: str
    title: str
    url: str
    time: str
    received: str
    source: str
    subject: str
    author: str
    line: str
    number: str
    previous: str
    count: int
    total: int
    duration: int
    request: str
    reason: str
    scope: str
    outcome: str
    """The state in the word that every screen shows: `passed`, `still failing`."""
    action: str
    about: str
    parameters: str
    policy: int
    override: bool
    order: int
    """Place of the work among its subject's, such as a run number; 0: its time decides."""
    struck: bool
    """Written by a revoked device, beyond its end in the policy. Not to be taken for true."""


def record(row: Line) -> Record:
    """Return the JSON form of a row."""
    event = row.event
    return Record(
        id=row.entry,
        key=event.key,
        kind=event.kind.value,
        state=event.state,
        severity=event.severity.word,
        transition=row.transition.value,
        service=event.service,
        environment=event.environment,
        ref=event.ref,
        revision=event.revision,
        actor=event.actor,
        title=event.title,
        url=event.url,
        time=timestamp(event.time),
        received=timestamp(row.received),
        source=event.source,
        subject=event.subject,
        author=row.author,
        line=told(row),
        number=event.number,
        previous=event.previous,
        count=event.count,
        total=event.total,
        duration=event.duration,
        request=event.request,
        reason=event.reason,
        scope=event.scope,
        outcome=outcome(event.kind, event.state, row.transition),
        action=event.action,
        about=event.about,
        parameters=event.parameters,
        policy=event.policy,
        override=event.override,
        order=event.order,
        struck=row.struck,
    )


class ThingRecord(msgspec.Struct, frozen=True, kw_only=True):
    """State of a thing, as a script reads it; absent texts are empty, absent lines null."""

    kind: str
    service: str
    environment: str
    state: str
    severity: str
    red: bool
    since: str
    claimed_by: str
    seen_by: tuple[str, ...]
    claimed_at: str
    line: Record
    """The line that says the state; its `id` is what `devstream claim` takes."""
    suspect: Record | None
    """The last deploy there before it broke."""
    moving: Record | None
    """The newest run that is under way."""


def thing_record(thing: Thing) -> ThingRecord:
    """Return the JSON form of a thing's state."""
    return ThingRecord(
        kind=thing.kind.value,
        service=thing.service,
        environment=thing.environment,
        state=thing.state,
        severity=thing.severity.word,
        red=thing.red,
        since=timestamp(thing.since_ms),
        claimed_by=thing.claimed_by,
        seen_by=thing.seen_by,
        claimed_at=timestamp(thing.claimed_at) if thing.claim else "",
        line=record(thing.line),
        suspect=record(thing.suspect) if thing.suspect else None,
        moving=record(thing.moving) if thing.moving else None,
    )


def timestamp(milliseconds: int) -> str:
    """Write UTC milliseconds as RFC 3339, `2026-11-22T14:02:00.000Z`.

    A time no calendar has is the last one that it has.
    """
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (OverflowError, ValueError):
        # A far time of a hostile author must not stop a reader.
        moment = datetime.max.replace(tzinfo=UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

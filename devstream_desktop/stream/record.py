"""An event as a script reads it: the JSON of `tail`, `search`, `emit` and `export`.

Its field names are a promise.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from operator import attrgetter

import msgspec

from devstream_desktop.language import english
from devstream_desktop.stream.event import Event, InvalidEventError, make_event
from devstream_desktop.stream.line import told
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.words import Kind, Severity, outcome


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One row; times are RFC 3339 in UTC, absent texts are empty.

    Another version may have written one with fewer fields.
    """

    id: str = ""
    """The id of the signed log entry, the same on every node."""
    key: str
    kind: Kind
    state: str
    severity: str = ""
    transition: str = ""
    service: str
    environment: str = ""
    ref: str = ""
    revision: str = ""
    actor: str = ""
    title: str = ""
    url: str = ""
    time: str
    received: str = ""
    source: str = ""
    subject: str
    author: str = ""
    line: str = ""
    number: str = ""
    previous: str = ""
    count: int = 0
    total: int = 0
    duration: int = 0
    request: str = ""
    reason: str = ""
    scope: str = ""
    outcome: str = ""
    """The state in the word that every screen shows: `passed`, `still failing`."""
    action: str = ""
    about: str = ""
    parameters: str = ""
    policy: int = 0
    override: bool = False
    order: int = 0
    """Place of the work among its subject's, such as a run number; 0: its time decides."""
    struck: bool = False
    """Written by a revoked device, beyond its end in the policy. Not to be taken for true."""


_SAME = tuple(
    name
    for name in Record.__struct_fields__
    if name in Event.__struct_fields__ and name not in {"time", "severity"}
)
"""Fields that an event has in the same form."""
_same = attrgetter(*_SAME)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def record(row: Line) -> Record:
    """Return the JSON form of a row."""
    event = row.event
    with english():
        line = told(row)
    return Record(
        **dict(zip(_SAME, _same(event), strict=True)),
        id=row.entry,
        severity=event.severity.word,
        transition=row.transition.value,
        time=timestamp(event.time),
        received=timestamp(row.received),
        author=row.author,
        line=line,
        outcome=outcome(event.kind, event.state, row.transition),
        struck=row.struck,
    )


def event_of(made: Record) -> Event:
    """Make the event of a record, which may come from anywhere.

    Raises:
        InvalidEventError: a word of it is none of ours.

    """
    try:
        severity = Severity[made.severity.upper()] if made.severity else None
        time = milliseconds(made.time)
    except (KeyError, ValueError) as error:
        raise InvalidEventError(f"it has no severity or time of ours: {error}") from error
    return make_event(**dict(zip(_SAME, _same(made), strict=True)), time=time, severity=severity)


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


def milliseconds(text: str) -> int:
    """Read RFC 3339 as UTC milliseconds.

    Raises:
        ValueError: it is no time.

    """
    at = msgspec.convert(text, datetime)
    zoned = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return (zoned - _EPOCH) // timedelta(milliseconds=1)

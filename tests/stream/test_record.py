"""A record, written for other programs and read back."""

from __future__ import annotations

import msgspec
import pytest

from devstream_desktop.stream.event import InvalidEventError, make_event
from devstream_desktop.stream.record import Record, event_of, record
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import STATES, Kind, Severity, Transition

NOW = 1_795_000_000_123


def written(**fields: object) -> bytes:
    """The JSON of a row."""
    event = make_event(service="shop", subject="x", key="a" * 32, time=NOW, **fields)
    line = Line(
        id=1, arrival=1, event=event, entry="00", received=NOW, device="d", author="ana",
        transition=Transition.NONE, superseded=False,
    )  # fmt: skip
    return msgspec.json.encode(record(line))


@pytest.mark.parametrize("kind", Kind)
def test_what_was_written_is_read_back_as_the_same_event(kind: Kind) -> None:
    given = {
        "kind": kind, "state": min(STATES[kind]), "severity": Severity.CRITICAL,
        "environment": "production", "ref": "main", "revision": "b" * 40, "actor": "bo",
        "title": "a, title", "url": "https://example.com/1", "source": "gitlab", "number": "93",
        "previous": "c" * 40, "count": 2, "total": 7, "duration": 1500, "request": "d" * 32,
        "reason": "why", "scope": "host/a/b", "order": 5, "action": "dry_run", "about": "e" * 32,
        "parameters": "size=large", "policy": 3, "override": True,
    }  # fmt: skip
    event = event_of(msgspec.json.decode(written(**given), type=Record))
    assert {name: getattr(event, name) for name in given} == given
    assert event.time == NOW


def test_a_record_of_a_version_with_fewer_fields_is_read() -> None:
    found = msgspec.json.decode(written(kind=Kind.BUILD, state="failed"))
    needed = ("kind", "state", "service", "subject", "key", "time")
    old = msgspec.convert({name: found[name] for name in needed}, Record)
    assert event_of(old).severity is not None


@pytest.mark.parametrize("field", [{"severity": "loud"}, {"time": "soon"}, {"state": "odd"}])
def test_a_word_that_is_none_of_ours_makes_no_event(field: dict[str, str]) -> None:
    found = msgspec.json.decode(written(kind=Kind.BUILD, state="failed"), type=Record)
    with pytest.raises(InvalidEventError):
        event_of(msgspec.structs.replace(found, **field))

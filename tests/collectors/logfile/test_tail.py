"""Log lines: the ones that count, and each sort told a few times and not each time."""

from __future__ import annotations

import json

import pytest
from collecting import assert_event
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_collectors.contract import SourceInfo
from devstream_collectors.sources import logfile
from devstream_collectors.sources.logfile.lines import compiled, fingerprint, found
from devstream_collectors.sources.logfile.tail import MAX_KNOWN
from devstream_desktop.stream.line import render

NOW = 1_800_000_000_000
MINUTE = 60_000
PATH = {"path": "/var/log/shop/app.log"}
LOG = SourceInfo("app", service="shop", environment="production", options=PATH)


class Reading:
    """A log that is read; the events of each read."""

    def __init__(self, source: SourceInfo = LOG) -> None:
        self.source = source
        self.now = NOW
        self.cursor = logfile.read((), b"", source, NOW).cursor
        self.dropped: dict[str, int] = {}

    def __call__(self, *lines: str, later: int = 0):
        self.now += later
        polled = logfile.read(lines, self.cursor, self.source, self.now)
        self.cursor = polled.cursor
        self.dropped = dict(polled.dropped)
        return list(polled.events)


def test_an_error_is_one_line():
    read = Reading()
    (event,) = read(
        "2027-01-15 08:00:00,123 ERROR payment 4711 refused: no funds",
        "2027-01-15 08:00:00 INFO fine",
    )
    assert_event(
        event,
        kind="incident",
        state="firing",
        service="shop",
        environment="production",
        severity="error",
    )
    assert event.title == "payment 4711 refused: no funds"
    assert render(event) == "shop  error: payment 4711 refused: no funds on production"
    assert read.dropped == {"below-severity": 1}


def test_the_same_again_is_told_at_ten_and_a_hundred_and_ends_when_it_is_quiet():
    read = Reading()
    told = [event for number in range(250) for event in read(f"ERROR payment {number} refused")]
    assert [event.reason for event in told] == ["", "10 times", "100 times"]
    assert len({(event.subject, event.number) for event in told}) == 1
    assert len({event.key for event in told}) == 3
    assert read(later=59 * MINUTE) == []
    (over,) = read(later=2 * MINUTE)
    assert_event(
        over, state="resolved", subject=told[0].subject, number=told[0].number, reason="250 times"
    )
    assert over.duration == 60 * MINUTE
    (again,) = read("ERROR payment 9 refused", later=MINUTE)
    assert again.subject == told[0].subject
    assert again.number != told[0].number


def test_what_is_read_twice_after_a_crash_is_the_same_fact():
    cursor = logfile.read((), b"", LOG, NOW).cursor
    first, again = (
        logfile.read(("FATAL out of memory",), cursor, LOG, NOW + late).events
        for late in (0, 9 * MINUTE)
    )
    assert [event.key for event in first] == [event.key for event in again]
    assert [event.number for event in first] == [event.number for event in again]


def test_a_collector_that_lost_its_notes_tells_new_things_of_the_same_sort():
    one, other = (logfile.read((), b"", LOG, now).cursor for now in (NOW, NOW + 1))
    assert (
        logfile.read(("ERROR x",), one, LOG, NOW).events[0].key
        != logfile.read(("ERROR x",), other, LOG, NOW).events[0].key
    )


@pytest.mark.parametrize(
    ("line", "severity", "message"),
    [
        ("2027-01-15T08:00:00.123Z ERROR card 1 refused", "error", "card 1 refused"),
        (
            "Jan 15 08:00:00 web-1 shop[41]: CRITICAL disk full",
            "critical",
            "web-1 shop[41]: CRITICAL disk full",
        ),
        ("[2027-01-15 08:00:00] [error] no route", "error", "no route"),
        ("level=warn msg=slow", "warning", "level=warn msg=slow"),
        ("2027/01/15 08:00:00 [crit] 7#7: *1 open() failed", "critical", "7#7: *1 open() failed"),
        ("panic: runtime error", "critical", "runtime error"),
        ("FATAL:  the database is starting up", "critical", "the database is starting up"),
        ("POST /error/1 handled without an error", "", "POST /error/1 handled without an error"),
        ("INFO handled ERROR of somebody", "info", "handled ERROR of somebody"),
        (
            '{"level":"error","msg":"card refused","service":"till","env":"staging"}',
            "error",
            "card refused",
        ),
        ('{"level":50,"msg":"card refused"}', "critical", "card refused"),
        ('{"log.level":"ERROR","message":"x","service":{"name":"till"}}', "error", "x"),
        ('{"level":"error"', "error", '{"level":"error"'),
        ('{"level": null, "msg": 7}', "", "7"),
    ],
)
def test_the_forms_of_a_line(line, severity, message):
    text, _ = found(line, compiled(SourceInfo("app", options=PATH | {"pattern": (".",)})))
    assert (text.severity, text.message) == (severity or "error", message)
    text, reason = found(line, compiled(SourceInfo("app", options=PATH | {"least": "info"})))
    assert reason == ("" if severity else "no-severity")


def test_a_line_of_json_says_its_service_and_environment():
    (event,) = Reading(SourceInfo("app", options=PATH))(
        '{"level":"error","msg":"refused","service":"till","env":"staging"}'
    )
    assert (event.service, event.environment) == ("till", "staging")


def test_patterns_of_the_team():
    patterns = (
        r"payment (?P<message>refused: .*) for (?P<service>\S+)",
        r"^(?P<severity>\w+) deploy",
    )
    read = Reading(
        SourceInfo("app", options=PATH | {"pattern": patterns, "ignore": ("test card",)})
    )
    (event,) = read(
        "payment refused: no funds for till",
        "payment refused: test card for till",
        "nothing",
        "ERROR other",
        "info deploy 7",
    )
    assert (event.title, event.service) == ("refused: no funds", "till")
    assert read.dropped == {"ignored": 1, "no-match": 2, "below-severity": 1}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"path": "app.log"}, "absolute"),
        ({"path": "/var/log/../app.log"}, "absolute"),
        (PATH | {"pattern": ("(",)}, "no regular expression"),
        (PATH | {"ignore": ("x" * 501,)}, "longer than 500"),
        (PATH | {"least": "loud"}, "notice, warning"),
    ],
)
def test_mistakes_are_said(options, message):
    with pytest.raises(ValueError, match=message):
        logfile.check(SourceInfo("app", options=options))


def test_what_differs_in_numbers_hashes_and_quoted_texts_is_one():
    same = [
        "order 4711 of 'ana' failed after 3.2 s (0x7fe3a1b2)",
        "order 8 of 'bo and eva' failed after 12.9 s (0x11223344)",
    ]
    assert len({fingerprint(text) for text in same}) == 1
    assert fingerprint("a 1f0c9e5b-0000-4000-8000-000000000001") == fingerprint(
        "a 2a0c9e5b-1111-4000-8000-000000000002"
    )
    assert fingerprint("order failed") != fingerprint("payment failed")
    assert fingerprint("it's broken") != fingerprint("it's gone")


def test_very_many_sorts_of_messages_keep_the_cursor_small():
    read = Reading(SourceInfo("app", options=PATH))
    words = [
        f"{chr(97 + number % 26)}{chr(97 + number // 26 % 26)}{chr(97 + number // 676)}"
        for number in range(MAX_KNOWN + 50)
    ]
    events = read(
        *(
            json.dumps(
                {"level": "error", "msg": f"{word} " + "€" * 300, "service": f"{word}€" * 40}
            )
            for word in words
        )
    )
    assert [event.state for event in events].count("firing") == MAX_KNOWN + 50
    assert [event.state for event in events].count("resolved") == 50, "the oldest make room"
    assert len(read.cursor) < 64 * 1024


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.text(max_size=60), max_size=5),
    st.sampled_from([{}, {"pattern": ("(?P<message>.*)",)}, {"least": "info"}]),
)
def test_any_line_is_an_event_or_counted(lines, options):
    source = SourceInfo("app", options=PATH | options)
    cursor = logfile.read((), b"", source, NOW).cursor
    polled = logfile.read(tuple(f"ERROR {line}" for line in lines), cursor, source, NOW)
    assert len(polled.events) + sum(polled.dropped.values()) == len(lines)

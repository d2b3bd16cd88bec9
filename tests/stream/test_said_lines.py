"""Every sentence of the one line: `said_lines.txt` in English, and no word of it elsewhere.

usage: python tests/stream/test_said_lines.py
It writes the file anew; look at the difference: scripts and history read these words.
"""

from __future__ import annotations

import gettext
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from devstream_desktop import language
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.line import LIST_WIDTH, brief, headline, render
from devstream_desktop.stream.record import record
from devstream_desktop.stream.search_text import index_text
from devstream_desktop.stream.subject import BACKLOG, CARRIER, GAP, Line, transition
from devstream_desktop.stream.words import STATES, Kind, Transition

FILE = Path(__file__).with_name("said_lines.txt")
SHA, OLD = "3f2c1ab" + "0" * 33, "9be01fd" + "0" * 33
Fields = dict[str, object]
RUN = {"title": "CI", "actor": "bo", "duration": 41 * 60_000, "reason": "Retry capture"}
SHIPPED = {"actor": "bo", "revision": SHA, "duration": 192_000}
ANSWERS: tuple[Fields, ...] = tuple(
    {"action": action, "environment": place, "service": service, "about": "412" * 6, "actor": "bo"}
    for action in ("lock", "unlock", "approve", "withdraw", "cancel")
    for place, service in (("production", "shop"), ("", "shop"), ("", "*"))
)
ASKED = ("requested", "refused", "unlocked", "accepted")
"""The states of an act beside a deploy."""
VARIANTS: dict[Kind, tuple[Fields, ...]] = {
    Kind.CHANGE: (
        {"ref": "main"},
        {"ref": "main", "actor": "ana", "revision": SHA, "count": 1, "title": "Retry capture"},
        {"ref": "main", "actor": "ana", "revision": SHA, "previous": OLD, "count": 3},
        {"ref": "main", "actor": "ana", "title": "Retry capture (#12)"},
        {"actor": "ana", "title": "Retry capture (#12)"},
        {"actor": "ana", "revision": SHA},
    ),
    Kind.BUILD: (
        {},
        {"title": "nightly", "number": "93"},
        {**RUN, "ref": "refs/heads/main", "revision": SHA, "count": 2, "total": 214},
        {**RUN, "ref": "main", "total": 1},
        {"title": "CI", "revision": SHA, "total": 12},
    ),
    Kind.TEST: ({}, {**RUN, "ref": "main", "count": 1, "total": 1}),
    Kind.DEPLOY: (
        {},
        {**SHIPPED, "environment": "production", "title": "Retry capture"},
        {**SHIPPED, "environment": "production", "override": True, "reason": "it burns"},
        SHIPPED,
        *(
            {**SHIPPED, "action": action, **place}
            for action in ("rollback", "dry_run")
            for place in ({"environment": "production"}, {}, {"duration": 0})
        ),
        *ANSWERS,
    ),
    Kind.INCIDENT: (
        {},
        {"title": "HighErrorRate", "environment": "production", "actor": "bo", "duration": 90_000},
        {"title": "shop.example.org is down", "duration": 180_000},
        {"title": "2 of 3 are down", "environment": "production"},
        {"title": "TypeError", "subject": "incident/shop/error/7", "environment": "production"},
    ),
    Kind.TICKET: (
        {"number": "2", "title": "Spelling"},
        {"number": "SHOP-912", "actor": "eva", "environment": "production", "reason": "done"},
    ),
    Kind.DUTY: ({}, {"actor": "ana", "title": "until Friday"}),
    Kind.CLAIM: (
        {},
        {"actor": "ana", "reason": "I look"},
        {"actor": "ana", "action": "note", "reason": "I look"},
        {"actor": "ana", "action": "note", "about": "bo", "reason": "please"},
    ),
    Kind.SOURCE: (
        {},
        {"source": "hub", "reason": "no answer", "duration": 90_000},
        {"source": "hub", "count": 7, "reason": "too many"},
        {"source": "hub", "expires": 1_800_000_000_000, "reason": "renew it"},
        {"source": "hub", "title": "test of this source"},
        {"source": "hub", "subject": f"source/hub{GAP}", "title": "40 pushes were not read"},
        {"source": "berlin", "subject": f"{CARRIER}nats/berlin", "duration": 90_000},
        *(
            {"source": "hub", "subject": f"source/hub{BACKLOG}", "count": count, "duration": 60_000}
            for count in (1, 12)
        ),
    ),
    Kind.TEAM: (
        {"subject": "member/0123456789", "actor": "bob"},
        {"subject": "member/0123456789", "actor": "bob", "count": 2, "previous": "9876543210"},
        {"subject": "member/0123456789", "actor": "bob", "count": 2, "reason": "six words"},
        {"environment": "production"},
    ),
}


def events() -> Iterator[tuple[Event, Transition]]:
    """Every kind and state with what it may mean, in several forms."""
    for kind, states in STATES.items():
        for state in states:
            meanings = {transition(kind, state, before) for before in ("", *states)}
            for fields in VARIANTS[kind]:
                if fields in ANSWERS and state not in ASKED:
                    continue
                for change in sorted({Transition.NONE} | meanings):
                    yield _event(kind, state, fields), change
            yield _event(kind, state, VARIANTS[kind][0]), Transition.OUTDATED


def _event(kind: Kind, state: str, fields: Fields) -> Event:
    made = {"service": "shop", "subject": f"{kind}/shop/x", "time": 1} | fields
    return make_event(kind=kind, state=state, key=fact_key("t", kind, state), **made)


def said() -> str:
    """The texts of all events: row, title of a popup, step."""
    lines = (
        f"{render(event, change)} | {headline(event, change)} | {brief(event, change)}"
        for event, change in events()
    )
    return "".join(f"{line}\n" for line in dict.fromkeys(lines))


def test_each_sentence_is_the_one_that_is_promised() -> None:
    assert said() == FILE.read_text(encoding="utf-8")


WORD = re.compile(r"\w+")


class Backwards(gettext.NullTranslations):
    """A language of one word, ÜÜ, with names in the opposite order."""

    def gettext(self, message: str) -> str:
        names = [name for _, name, _, _ in string.Formatter().parse(message) if name]
        return " ".join(["ÜÜ", *(f"{{{name}}}" for name in reversed(names))])

    def ngettext(self, one: str, many: str, count: int) -> str:
        return self.gettext(one if count == 1 else many)

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)


@pytest.fixture
def _backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_catalogue", Backwards())


def data(event: Event) -> Iterator[str]:
    """Every word of an event, also its shortened numbers."""
    for name in event.__struct_fields__:
        value = str(getattr(event, name))
        yield from (word.casefold() for word in WORD.findall(value))
        # A revision, a device and a request by their beginning; a token's end by its day.
        yield from (value[:length].casefold() for length in (7, 8))
    yield from ("2027", "01", "15", event.subject.removeprefix("member/")[:8])


def a_line(event: Event, change: Transition) -> Line:
    return Line(
        id=1,
        arrival=1,
        event=event,
        entry="0" * 64,
        received=1,
        device="d",
        author="ana",
        transition=change,
        superseded=False,
        struck=True,
    )


@pytest.mark.usefixtures("_backwards")
def test_every_word_of_a_line_can_be_translated() -> None:
    for event, change in events():
        known = {"üü", *data(event)}
        for said in (render(event, change), headline(event, change), brief(event, change)):
            left = [
                word
                for word in map(str.casefold, WORD.findall(said))
                if word not in known and not word.isdecimal()
            ]
            assert left == [], (said, event)


@pytest.mark.usefixtures("_backwards")
def test_names_give_way_in_any_order() -> None:
    for event, change in events():
        long = event.__class__(
            **{
                **{name: getattr(event, name) for name in event.__struct_fields__},
                "environment": "e" * 100,
                "revision": "r" * 100,
            }
        )
        line = render(long, change)
        assert len(line) <= LIST_WIDTH
        assert "ÜÜ" in line


@pytest.mark.usefixtures("_backwards")
def test_what_is_exported_and_indexed_is_english() -> None:
    for event, change in events():
        assert "ÜÜ" not in record(a_line(event, change)).line
        assert "ÜÜ" not in index_text(event)


if __name__ == "__main__":
    FILE.write_text(said(), encoding="utf-8")
    sys.stdout.write(f"{FILE} is up to date\n")

"""A feed is Atom as RFC 4287 has it, whatever a line says."""

from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import feedparser
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.outlet import atom
from devstream_desktop.outlet.config import Outlet
from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import Kind, Transition

AT = 1_800_000_000_000
OUTLET = Outlet("team", "atom", "kind:build", made="0a1b2c3d", since=AT)
A = "{http://www.w3.org/2005/Atom}"
CARDINAL = {"id": (1, 1), "title": (1, 1), "updated": (1, 1), "published": (0, 1),
            "author": (0, 1), "content": (1, 1), "link": (0, 1), "category": (0, 9)}  # fmt: skip
"""Children of an entry, the least and the most of each: we write no others."""
DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
URI = re.compile(r"https?://(?:[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=-]|%[0-9A-Fa-f]{2})+")


def line(title: str = "unit", *, number: int = 1, state: str = "failed", **fields: object) -> Line:
    values: dict[str, object] = {
        "kind": Kind.BUILD, "service": "shop", "subject": "build/shop", "time": AT,
        "key": fact_key("it", Kind.BUILD, str(number), state), "title": title,
    }  # fmt: skip
    event = make_event(state=state, **(values | fields))  # type: ignore[arg-type]
    return of(event, number)


def of(event: Event, number: int = 1) -> Line:
    return Line(
        id=number, arrival=number, event=event, entry=f"e{number}", received=AT + 1000 * number,
        device="d" * 52, author="ana", transition=Transition.NONE, superseded=False, struck=False,
    )  # fmt: skip


def entries(document: bytes) -> list[ET.Element]:
    """Check a document by the rules of RFC 4287; return its entries."""
    root = ET.fromstring(document)
    assert root.tag == f"{A}feed"
    for name in ("id", "title", "updated", "author"):
        assert len(root.findall(f"{A}{name}")) == 1, name
    found = root.findall(f"{A}entry")
    for entry in found:
        names = [child.tag.removeprefix(A) for child in entry]
        assert set(names) <= set(CARDINAL)
        for name, (least, most) in CARDINAL.items():
            assert least <= names.count(name) <= most, name
        for name in ("updated", "published"):
            assert DATE.fullmatch(text(entry, name))
        for person in entry.findall(f"{A}author"):
            assert text(person, "name")
        for link in entry.findall(f"{A}link"):
            assert URI.fullmatch(link.attrib["href"]), link.attrib
        # No text is taken for HTML by a reader.
        assert {entry.find(f"{A}{name}").attrib["type"] for name in ("title", "content")} == {
            "text"
        }
    identities = [text(entry, "id") for entry in found]
    assert len(set(identities)) == len(identities)
    assert all(re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", one) for one in identities)
    return found


def text(element: ET.Element, name: str) -> str:
    return element.findtext(f"{A}{name}") or ""


def test_a_feed_as_a_feed_reader_sees_it() -> None:
    lines = [line("unit", number=2, actor="bo", url="https://ci.example.org/2"), line("lint")]
    document = atom.feed(OUTLET, "acme", lines)
    assert len(entries(document)) == 2
    read = feedparser.parse(document)
    assert not read.bozo
    assert (read.version, read.feed.title, read.feed.author) == (
        "atom10", "acme: kind:build", "acme",
    )  # fmt: skip
    first, second = read.entries
    assert (first.title, first.author, first.link) == (
        "shop unit FAILED · by bo", "bo", "https://ci.example.org/2",
    )  # fmt: skip
    assert [tag.term for tag in first.tags] == ["build", "failed", "shop"]
    assert "actor: bo" in first.content[0].value
    # What names nobody is the team's.
    assert "author" not in second or second.author == "acme"
    assert read.feed.updated == first.updated == "2027-01-15T08:00:02.000Z"


def test_an_entry_keeps_its_id_whatever_it_stands_beside() -> None:
    one, two = line(number=1), line(number=2)
    (alone,) = entries(atom.feed(OUTLET, "acme", [one]))
    _, later = entries(atom.feed(OUTLET, "acme", [two, one]))
    assert ET.tostring(alone) == ET.tostring(later)
    other = Outlet("team", "atom", made="ffffffff")
    feeds = [ET.fromstring(atom.feed(outlet, "acme", [])) for outlet in (OUTLET, other)]
    # An outlet of the name of an earlier one is another feed.
    assert len({text(feed, "id") for feed in feeds}) == 2


def test_a_feed_without_lines_is_one() -> None:
    document = atom.feed(OUTLET, "acme", [])
    assert entries(document) == []
    assert not feedparser.parse(document).bozo
    assert feedparser.parse(document).feed.updated == "2027-01-15T08:00:00.000Z"


def test_hostile_text_stays_text() -> None:
    hostile = '</title><script>alert(1)</script> ]]> &lt;!-- \ufffe "x"'
    document = atom.feed(OUTLET, "acme", [line(hostile, actor="<b>bo</b>")])
    (entry,) = entries(document)
    assert "<script>alert(1)</script>" in text(entry, "title")
    assert b"<script" not in document
    assert b"<b>" not in document


@given(title=st.text(max_size=200), actor=st.text(max_size=60), reason=st.text(max_size=100))
def test_any_text_makes_a_feed(title: str, actor: str, reason: str) -> None:
    told = line(title, actor=actor, reason=reason)
    (entry,) = entries(atom.feed(OUTLET, title or "acme", [told]))
    assert text(entry, "title")


@given(texts=st.lists(st.text(max_size=40), min_size=4, max_size=4))
def test_what_another_version_stored_makes_a_feed(texts: list[str]) -> None:
    """Text that no cleaning of today has seen."""
    title, actor, service, environment = texts
    event = msgspec.structs.replace(
        line().event, title=title, actor=actor, service=service, environment=environment
    )
    assert len(entries(atom.feed(OUTLET, "acme", [of(event)]))) == 1


@pytest.mark.parametrize("path", ["/a b", "/%", "/%zz", '/"<>', "/`{|}^\\", "/%41?q=[1]#x"])
def test_a_link_is_an_address(path: str) -> None:
    event = msgspec.structs.replace(line().event, url=f"https://ci.example.org{path}")
    (entry,) = entries(atom.feed(OUTLET, "acme", [of(event)]))
    assert entry.find(f"{A}link") is not None


def test_no_address_of_the_feed_is_in_it() -> None:
    """A feed is passed on, and its address may hold the token."""
    root = ET.fromstring(atom.feed(OUTLET, "acme", [line()]))
    assert root.findall(f"{A}link") == []

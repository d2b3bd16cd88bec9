"""An event is clean, keyed and valid, or it is refused with a sentence."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devstream_desktop.stream.event import (
    Event,
    InvalidEventError,
    cleaned,
    decode_event,
    encode_event,
    fact_key,
    make_event,
)
from devstream_desktop.stream.words import STATES, Kind, Severity

KEY = fact_key("test", Kind.CHANGE, "1")


def an_event(**fields: object) -> Event:
    values = {
        "kind": Kind.CHANGE,
        "state": "pushed",
        "service": "shop",
        "subject": "change/shop/main",
        "key": KEY,
        "time": 1,
    } | fields
    return make_event(**values)  # type: ignore[arg-type]


kinds_and_states = st.sampled_from(
    [(kind, state) for kind, states in STATES.items() for state in states]
)


@given(kinds_and_states, st.text(min_size=1), st.text(), st.text(), st.integers(0, 1 << 46))
def test_what_is_made_survives_the_wire(
    kind_state: tuple[Kind, str], service: str, title: str, actor: str, time: int
) -> None:
    kind, state = kind_state
    try:
        event = an_event(
            kind=kind, state=state, service=service, title=title, actor=actor, time=time
        )
    except InvalidEventError:
        # A service of nothing but hostile characters.
        return
    assert decode_event(encode_event(event)) == event
    assert cleaned(event) == event


@given(st.binary(max_size=300))
def test_no_bytes_surprise_the_decoder(data: bytes) -> None:
    with contextlib.suppress(InvalidEventError):
        decode_event(data)


def test_unknown_later_fields_are_passed_over() -> None:
    raw = msgspec.msgpack.decode(encode_event(an_event()))
    assert decode_event(msgspec.msgpack.encode([*raw, "a field of the future"])) == an_event()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"state": "exploded"}, "is not one of change"),
        ({"key": "short"}, "32 hexadecimal digits"),
        ({"service": "\u202e"}, "a service and a subject"),
        ({"time": -1}, "out of range"),
        ({"count": -5}, "out of range"),
    ],
)
def test_what_cannot_be_says_why(fields: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidEventError, match=words):
        an_event(**fields)


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "file:///etc/passwd",
        "http://user:secret@host/",
        "https://",
        "//host/share",
        "https://host/\nx",
        "https://h/" + "a" * 600,
    ],
)
def test_links_that_are_no_plain_web_links_are_dropped(url: str) -> None:
    assert not an_event(url=url).url


def test_a_title_is_its_first_line() -> None:
    event = an_event(title="<b>Fix</b>\u202e rounding\n\nlong body")
    assert event.title == "<b>Fix</b> rounding"


@pytest.mark.parametrize("name", ["prod", "production", "prd", "PRD"])
def test_a_failed_deploy_to_production_is_critical_under_each_of_its_names(name: str) -> None:
    for state in ("failure", "error", "unknown"):
        failed = an_event(kind=Kind.DEPLOY, state=state, environment=name)
        assert failed.severity is Severity.CRITICAL


def test_severity_is_filled_in_by_what_it_means() -> None:
    failed = an_event(kind=Kind.DEPLOY, state="failure", environment="production")
    assert failed.severity is Severity.CRITICAL
    assert (
        an_event(kind=Kind.DEPLOY, state="failure", environment="staging").severity
        is Severity.ERROR
    )
    assert an_event().severity is Severity.INFO


def test_a_key_depends_on_every_part_and_its_place() -> None:
    keys = {
        fact_key("a", Kind.CHANGE, "b", "c"),
        fact_key("a", Kind.CHANGE, "bc"),
        fact_key("a", Kind.BUILD, "b", "c"),
        fact_key("ab", Kind.CHANGE, "c"),
    }
    assert len(keys) == 4


def test_a_payload_that_nests_deeply_is_no_event() -> None:
    fields = msgspec.msgpack.decode(encode_event(an_event()))
    deep = msgspec.Raw(b"\x91" * 40 + b"\xc0")
    for payload in ([*fields, deep], [*fields[:3], deep, *fields[4:]], deep):
        with pytest.raises(InvalidEventError, match="nested"):
            decode_event(msgspec.msgpack.encode(payload))
    assert (
        decode_event(msgspec.msgpack.encode([*fields, [["a field of a later version"]]]))
        == an_event()
    )

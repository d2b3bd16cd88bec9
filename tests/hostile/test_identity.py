"""A fact belongs to those who may tell it.

Nobody else's word erases, silences or forestalls it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.entry import (
    FEED_BYTES,
    KEY_BYTES,
    Entry,
    body_hash,
    device_id,
    encode_body,
    parse_entry,
)
from devstream_desktop.stream.event import Event, encode_event, fact_key, make_event
from devstream_desktop.stream.fact import fact_id, request_key
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.words import STATES, Kind

NOW = 1_760_000_000_000
MEMBER_STATES = [(kind, state) for kind in (Kind.DUTY, Kind.CLAIM) for state in STATES[kind]]
EVERY_STATE = [(kind, state) for kind in Kind for state in STATES[kind]]
EXECUTOR = device_id(b"e" * KEY_BYTES)
ANSWER = fact_key("request", Kind.DEPLOY, "1")


class Feed:
    def __init__(self, device: bytes) -> None:
        self.feed = (device + os.urandom(FEED_BYTES))[:FEED_BYTES]
        self.seq, self.prev = 0, b""

    def entry(self, event: Event, clock: int) -> Entry:
        self.seq += 1
        body = encode_body(
            feed=self.feed, seq=self.seq, hlc=clock, prev=self.prev, payload=encode_event(event)
        )
        self.prev = body_hash(body)
        return parse_entry(body, bytes(64))


def said(
    kind: Kind, state: str, key: str, *, subject: str = "x", number: str = "", **more: str
) -> Event:
    return make_event(
        kind=kind,
        state=state,
        service="shop",
        subject=subject,
        key=key,
        time=NOW,
        number=number,
        **more,
    )


def honest_facts() -> list[tuple[bytes, Event]]:
    """One fact of every kind and state, with the device that tells it."""
    facts: list[tuple[bytes, Event]] = []
    for number, (kind, state) in enumerate(EVERY_STATE):
        device = {Kind.DUTY: b"b", Kind.CLAIM: b"b", Kind.DEPLOY: b"e"}.get(kind, b"c") * KEY_BYTES
        key = fact_key("honest", kind, str(number))
        names = (
            {"executor": EXECUTOR, "request": ANSWER} if kind is Kind.DEPLOY else {"actor": "bo"}
        )
        facts.append(
            (
                device,
                said(kind, state, key, subject=f"{kind}/{number}", number=str(number), **names),
            )
        )
    return facts


FACTS = honest_facts()
lies = st.lists(
    st.tuples(
        st.integers(0, len(FACTS) - 1),  # whose key, subject and number it takes
        st.sampled_from(MEMBER_STATES),
        st.integers(-1000, 1000),  # told earlier or later than the honest one
    ),
    min_size=1,
    max_size=12,
)


def shown(entries: Sequence[Entry], folder: Path) -> tuple[set[bytes], set[bytes], list[str]]:
    """The lines of a desk that gets `entries` in this order.

    The facts of all rows and of the current ones, and its services.
    """
    history = History(folder / "history.sqlite", FeedMirror(None), bytes(KEY_BYTES), "team")
    for entry in entries:
        history.add([Arrival(entry)])
    with Reader(history.path) as reader:
        rows = reader.page(Query(), limit=1000, superseded=True)
        current = {fact_id(line.event, line.device) for line in reader.page(Query(), limit=1000)}
        services = list(reader.facets().services)
    history.close()
    return {fact_id(line.event, line.device) for line in rows}, current, services


@settings(max_examples=40, deadline=None)
@given(
    lies=lies,
    told=st.sets(st.integers(0, len(FACTS) - 1), min_size=1),
    order=st.randoms(use_true_random=False),
)
@pytest.mark.slow
def test_no_lie_of_a_member_displaces_a_row_however_it_comes(lies, told, order) -> None:
    honest = [
        Feed(device).entry(event, (NOW + 10_000 + at) << 16)
        for at, (device, event) in enumerate(FACTS)
        if at in told
    ]
    liar = Feed(b"m" * KEY_BYTES)
    clock = NOW << 16
    false = []
    for at, (kind, state), offset in lies:
        _, about = FACTS[at]
        event = said(
            kind, state, about.key, subject=about.subject, number=about.number, actor="mallory"
        )
        clock = max(clock + 1, (NOW + 10_000 + offset) << 16)
        false.append(liar.entry(event, clock))
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        rows, current, _ = shown(honest, Path(one))
        both = [*honest, *false]
        order.shuffle(both)
        rows_with, current_with, _ = shown(both, Path(other))
    assert rows <= rows_with
    assert current <= current_with


@settings(max_examples=20, deadline=None)
@given(order=st.permutations(range(4)))
def test_two_who_claim_the_same_thing_are_two_rows(order) -> None:
    key = fact_key("claim", Kind.CLAIM, "1")
    claims = [
        Feed(name.encode() * 16).entry(
            said(Kind.CLAIM, state, key + "", subject="incident/1", actor=name * 2),
            (NOW + at) << 16,
        )
        for at, (name, state) in enumerate(
            (("bo", "claimed"), ("mm", "claimed"), ("mm", "released"), ("cy", "claimed"))
        )
    ]
    with TemporaryDirectory() as folder:
        rows, current, _ = shown([claims[at] for at in order], Path(folder))
    # mm told one fact under one key twice: the earlier telling is the row.
    assert len(rows) == 3
    assert rows == current


def test_a_member_makes_up_no_service_and_what_is_forgotten_is_not_offered(tmp_path) -> None:
    liar, collector = Feed(b"m" * KEY_BYTES), Feed(b"c" * KEY_BYTES)
    made_up = [
        make_event(
            kind=Kind.CLAIM,
            state="claimed",
            service=f"made-up-{n}",
            subject="x",
            key=fact_key("c", Kind.CLAIM, str(n)),
            time=NOW,
        )
        for n in range(50)
    ]
    day = 86_400_000
    old = make_event(
        kind=Kind.BUILD,
        state="failed",
        service="old",
        subject="y",
        key=fact_key("c", Kind.BUILD, "1"),
        time=NOW,
    )
    new = make_event(
        kind=Kind.BUILD,
        state="failed",
        service="new",
        subject="y",
        key=fact_key("c", Kind.BUILD, "2"),
        time=NOW,
    )
    entries = [collector.entry(old, NOW << 16), collector.entry(new, (NOW + 3 * day) << 16)]
    history = History(tmp_path / "history.sqlite", FeedMirror(None), bytes(KEY_BYTES), "team")
    history.add(
        [Arrival(liar.entry(event, (NOW + 2 * day + n) << 16)) for n, event in enumerate(made_up)]
    )
    history.add([Arrival(entry) for entry in entries])
    with Reader(history.path) as reader:
        assert reader.facets().services == ("new", "old")
        history.settle(collector.feed, 1, entries[0])
        assert reader.facets().services == ("new",)
    history.close()


def test_a_time_of_the_far_future_is_shown_as_the_moment_it_was_said(tmp_path) -> None:
    feed = Feed(b"m" * KEY_BYTES)
    far = make_event(
        kind=Kind.DUTY, state="on", service="team", subject="duty/mm", key=fact_key("d",
        Kind.DUTY, "1"),
        time=(1 << 47) - 1, actor="mm",
    )  # fmt: skip
    history = History(tmp_path / "history.sqlite", FeedMirror(None), bytes(KEY_BYTES), "team")
    history.add([Arrival(feed.entry(far, NOW << 16))])
    with Reader(history.path) as reader:
        assert [line.event.time for line in reader.page(Query())] == [NOW]
    history.close()


def test_the_key_of_a_request_is_its_askers_alone() -> None:
    event = said(
        Kind.DEPLOY, "requested", ANSWER, executor=EXECUTOR, actor="ana", revision="4f" * 20
    )
    assert (
        request_key(event, "a" * 52) == request_key(event, "a" * 52) != request_key(event, "b" * 52)
    )

"""A broker that is gone for long is one line, and one when it is back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
import pytest

from devstream_desktop.control.messages.status import CarrierStatus
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.history.reader import Reader
from devstream_desktop.node.carrier_lines import LONG_MS, CarrierLines
from devstream_desktop.stream.entry import body_hash, device_id, encode_body, parse_entry
from devstream_desktop.stream.event import Event, encode_event
from devstream_desktop.stream.line import render
from devstream_desktop.stream.log import Arrival
from devstream_desktop.stream.words import Transition

NOW = 1_800_000_000_000
LIVE = CarrierStatus(name="nats", state="live", site="berlin", since=NOW)
GONE = CarrierStatus(
    name="nats", state="gone", site="berlin", since=NOW, error="it cannot be reached"
)


class Stream:
    """A stream that the nodes of a site share."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    async def publish(self, events: Sequence[Event]) -> None:
        # As a node does: facts that are known are not said again.
        known = {event.key for event in self.told}
        self.told += [event for event in events if event.key not in known]

    def last(self, of: Event) -> Event | None:
        return next((one for one in reversed(self.told) if one.subject == of.subject), None)

    def node(self, device: str = "a" * 52, *, collects: bool = True) -> CarrierLines:
        return CarrierLines(device, lambda: collects, self.last, self.publish)


@pytest.fixture
def stream() -> Stream:
    return Stream()


async def test_a_loss_is_told_once_it_lasts_and_its_end_once(stream):
    node = stream.node()
    for minute in range(30):
        await node.look([GONE], NOW + minute * 60_000)
        assert len(stream.told) == (minute >= 10)
    assert "berlin has lost nats" in render(stream.told[0], Transition.NONE)
    assert "it cannot be reached" in render(stream.told[0], Transition.NONE)
    for minute in range(30, 40):
        await node.look([LIVE], NOW + minute * 60_000)
    assert [event.state for event in stream.told] == ["silent", "active"]
    assert "berlin has nats again" in render(stream.told[1], Transition.NONE)
    await node.look([LIVE], NOW + LONG_MS * 10)
    assert len(stream.told) == 2


async def test_the_collectors_of_a_site_tell_one_line_also_at_the_same_moment(stream):
    nodes = [stream.node(letter * 52) for letter in "abc"]
    late = NOW + LONG_MS
    await asyncio.gather(*(node.look([GONE], late) for node in nodes))
    await asyncio.gather(*(node.look([GONE], late + 60_000) for node in nodes))
    assert len(stream.told) == 1
    await asyncio.gather(*(node.look([LIVE], late + 120_000) for node in nodes))
    assert len(stream.told) == 2


async def test_the_end_is_told_by_a_node_that_was_started_meanwhile(stream):
    await stream.node().look([GONE], NOW + LONG_MS)
    await stream.node().look([LIVE], NOW + 2 * LONG_MS)
    assert [event.state for event in stream.told] == ["silent", "active"]


async def test_a_carrier_that_was_removed_is_no_longer_lost(stream):
    node = stream.node()
    await node.look([GONE], NOW + LONG_MS)
    await node.look([], NOW + LONG_MS + 60_000)
    await node.look([], NOW + LONG_MS + 120_000)
    assert [event.state for event in stream.told] == ["silent", "active"]


async def test_nodes_without_a_site_tell_each_of_itself(stream):
    alone = CarrierStatus(name="nats", state="gone", since=NOW)
    for letter in "ab":
        await stream.node(letter * 52).look([alone], NOW + LONG_MS)
    assert [event.source for event in stream.told] == ["a" * 8, "b" * 8]


async def test_the_last_word_is_found_in_a_real_history(tmp_path):
    key = b"k" * 32
    mirror = FeedMirror(tmp_path / "feed.json")
    history = History(tmp_path / "history.sqlite", mirror, key, "team")
    feed, prev, seq = key + history.epoch, b"", 0
    told: list[Event] = []

    def last(of: Event) -> Event | None:
        with Reader(tmp_path / "history.sqlite") as reader:
            thing = reader.thing(of)
        return thing.line.event if thing is not None else None

    async def publish(events: Sequence[Event]) -> None:
        nonlocal prev, seq
        for event in events:
            told.append(event)
            seq += 1
            stamp = event.time << 16
            payload = encode_event(event)
            body = encode_body(feed=feed, seq=seq, hlc=stamp, prev=prev, payload=payload)
            prev = body_hash(body)
            history.add([Arrival(parse_entry(body, bytes(64)), "", verified=True)])

    try:
        node = CarrierLines(device_id(key), lambda: True, last, publish)
        again = msgspec.structs.replace(GONE, since=NOW + 2 * LONG_MS)
        for minute, carrier in enumerate([GONE] * 12 + [LIVE] * 3 + [again] * 18):
            await node.look([carrier], NOW + LONG_MS + minute * 60_000)
    finally:
        history.close()
    assert [event.state for event in told] == ["silent", "active", "silent"]


async def test_who_is_no_collector_tells_nothing_and_one_that_connects_neither(stream):
    await stream.node(collects=False).look([GONE], NOW + LONG_MS)
    connecting = CarrierStatus(name="nats", state="connecting", site="berlin")
    await stream.node().look([connecting], NOW + LONG_MS)
    assert stream.told == []

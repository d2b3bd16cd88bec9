"""A device that lives twice, and others that only seem to.

Those lost their database, were set back, or were pulled ahead by another's clock.
"""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from nacl.signing import SigningKey

from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.mesh.core import SEEN
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.replica.clones import LATELY_MS, SIDE_BY_SIDE_MS, living_twice
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.replica import Replica
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.stream.entry import device_id
from devstream_desktop.stream.event import encode_event, fact_key, make_event
from devstream_desktop.stream.words import Kind

NOW = 1_700_000_000_000
MINUTE = 60_000


@pytest.fixture
def make(tmp_path):
    """A replica of a device with a database of its own, so with an epoch of its own."""
    logs = []

    def make(seed: int) -> Replica:
        key = SigningKey(bytes([seed]) * 32)
        folder = tmp_path / str(len(logs))
        folder.mkdir()
        logs.append(
            History(
                folder / "history.sqlite",
                FeedMirror(folder / "feed.json"),
                bytes(key.verify_key),
                "t",
            )
        )
        return Replica(
            store=logs[-1],
            identity=Identity(
                device_id(bytes(key.verify_key)),
                "t",
                lambda message: key.sign(message).signature,
                lambda *_: True,
            ),
            authors=SimpleNamespace(
                is_author=lambda _: True, ended=lambda _: None, refusal=lambda _: None
            ),
            retention_ms=30 * LATELY_MS,
        )

    yield make
    for log in logs:
        log.close()


def say(author: Replica, now: int, *listeners: Replica) -> None:
    event = make_event(
        kind=Kind.DUTY,
        state="on",
        service="team",
        subject="duty/a",
        key=fact_key("t", str(now)),
        time=now,
    )
    entries = [signed(entry) for entry in author.own.publish([encode_event(event)], now)]
    for listener in listeners:
        listener.rules.ingest(entries, "peer", now)


def test_two_that_write_side_by_side_are_told_with_the_time_of_the_second(make) -> None:
    one, copy, peer = make(1), make(1), make(2)
    say(one, NOW, peer)
    say(copy, NOW + MINUTE, peer)
    say(one, NOW + 30 * MINUTE, peer)
    assert living_twice(peer.feeds, NOW + 30 * MINUTE) == {}, "the first may have lost its database"
    say(copy, NOW + 31 * MINUTE, peer)
    device = device_id(one.own.feed[:32])
    assert living_twice(peer.feeds, NOW + 31 * MINUTE) == {device: NOW + 30 * MINUTE}
    say(copy, NOW + LATELY_MS, peer)
    assert living_twice(peer.feeds, NOW + LATELY_MS + 29 * MINUTE) == {device: NOW + 30 * MINUTE}
    assert living_twice(peer.feeds, NOW + LATELY_MS + 30 * MINUTE) == {}, "the other is gone"


def test_one_device_after_the_other_is_one(make) -> None:
    peer = make(2)
    for hour in range(4):
        again = make(1)
        for minute in range(50):
            say(again, NOW + (60 * hour + minute) * MINUTE, peer)
    assert living_twice(peer.feeds, NOW + 4 * 60 * MINUTE) == {}


def test_one_that_forgot_how_far_a_clock_had_pulled_it_is_one(make) -> None:
    before, after, peer = make(1), make(1), make(2)
    say(before, NOW, peer)
    say(before, NOW + SIDE_BY_SIDE_MS, peer)
    say(after, NOW + 1, peer)
    say(after, NOW + 2 * SIDE_BY_SIDE_MS, peer)
    assert living_twice(peer.feeds, NOW + 2 * SIDE_BY_SIDE_MS) == {}


PATIENT = Timing(tail_wait=25.0, repair=1000.0)
"""Nothing is compared in the time of a test, but when a link begins."""


async def test_a_copy_hears_what_its_other_self_says_over_a_neighbour(make_node) -> None:
    left, right = await make_node(timing=PATIENT), await make_node(timing=PATIENT)
    one = await make_node(peers=[left], timing=PATIENT)
    copy = await make_node(peers=[right], timing=PATIENT, signing=one.signing)
    for node, other in ((one, right), (copy, left)):
        node.barred[other.device] = "each copy has one neighbour here"
    await one.until(lambda: left.device in one.live())
    await copy.until(lambda: right.device in copy.live())
    right.mesh.add_peer(left.address)
    await right.until(lambda: left.device in right.live())
    for number in range(3):
        await one.say(f"one {number}")
        await copy.until(lambda number=number: f"one {number}" in copy.titles(), 3.0)
        await copy.say(f"copy {number}")
        await one.until(lambda number=number: f"copy {number}" in one.titles(), 3.0)


async def test_an_author_is_not_sent_what_it_wrote_and_a_copy_of_it_is(make_node) -> None:
    middle, author = await make_node(), await make_node()
    copy = await make_node(signing=author.signing)
    core = middle.mesh._core
    own, others = (
        await author.say(*(f"own {number}" for number in range(SEEN + 2))),
        await copy.say("of the copy"),
    )
    core.take([signed(own[0])], author.device)
    core.take([signed(entry) for entry in [*own[1:], *others]], "third")
    assert core.news(0, 1 << 20, author.device)[0] == others
    core.forget(author.device)
    core.take([signed(entry) for entry in await copy.say("over a new link")], copy.device)
    assert [entry.seq for entry in core.news(0, 1 << 20, copy.device)[0]] == [
        entry.seq for entry in own[1:]
    ]

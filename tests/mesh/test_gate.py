"""Ends of links: the gate, second links, certificates that end, callers that ask too much."""

from __future__ import annotations

import asyncio
import time

import pytest
from nacl.signing import SigningKey

from devstream_desktop.door.bucket import Bucket
from devstream_desktop.mesh import limits
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.mesh.service import Timing
from devstream_desktop.mesh.transport.link import Lane, Link, LinkError, tls_config
from devstream_desktop.mesh.wire import (
    PROTOCOL,
    AskPeers,
    Hello,
    Push,
    Refused,
    Tail,
    Welcome,
    decode_reply,
    encode,
)
from devstream_desktop.stream.entry import device_id

pytestmark = pytest.mark.slow

INDEX = bytes(16)


def hello(team, device):
    return encode(Hello(PROTOCOL, team.id, device, INDEX, 0, time.time_ns() // 1_000_000, 0))


def tail():
    return encode(Tail(INDEX, 0, 0, 1000, 0))


@pytest.fixture
async def dial(team):
    """Bare links with a good certificate, without a node behind them."""
    links: list[Link] = []

    async def dial(node, name):
        link = Link(node.address, lambda device: None)
        links.append(link)
        await link.open(tls_config(team.credentials(name), server=False), 5)
        return link

    yield dial
    for link in links:
        await link.close()


@pytest.mark.parametrize("peer", ["dials", "is dialed"])
@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (RuntimeError(), "could not be checked (RuntimeError)"),
        ("it was revoked", "it was revoked"),
    ],
)
async def test_a_gate_that_changes_its_mind_or_fails_ends_live_links(
    make_node, peer, verdict, told
):
    now: list[object] = []

    def gate(_):
        if now and isinstance(now[0], Exception):
            raise now[0]
        return now[0] if now else None

    # With the product's periods, no link ends by itself within the test's patience.
    first = await make_node(gate=gate, timing=Timing())
    other = await make_node(peers=[first] if peer == "dials" else [], timing=Timing())
    if peer == "is dialed":
        first.mesh.add_peer(other.address)
    await first.until(first.live)
    now.append(verdict)
    await first.until(lambda: not first.live(), seconds=Timing().tail_wait / 2)
    assert told in first.refusals()


async def test_the_newer_link_of_a_device_takes_the_place_of_the_older_once_it_works(
    make_node, team, dial
):
    node = await make_node()
    name = device_id(b"n" * 32)
    older = await dial(node, name)
    assert isinstance(decode_reply(await older.call(hello(team, name), Lane.OTHER, 5)), Welcome)
    await older.call(tail(), Lane.TAIL, 5)
    newer = await dial(node, name)
    await newer.call(hello(team, name), Lane.OTHER, 5)
    await older.call(encode(AskPeers()), Lane.OTHER, 5)  # a HELLO alone proves nothing
    third = await dial(
        node, name
    )  # is too many; nng lets the dialer believe otherwise for a moment
    await asyncio.wait_for(third.lost.wait(), 5)
    await newer.call(tail(), Lane.TAIL, 5)
    await asyncio.wait_for(older.lost.wait(), 5)
    await newer.call(encode(AskPeers()), Lane.OTHER, 5)
    assert "more than once" in node.refusals()


async def test_a_name_in_a_message_is_nobody(make_node, team, dial):
    node = await make_node()
    link = await dial(node, device_id(b"a" * 32))
    reply = decode_reply(await link.call(hello(team, device_id(b"b" * 32)), Lane.OTHER, 5))
    assert isinstance(reply, Refused)
    assert node.mesh._core.accepted.all() == []


async def test_a_certificate_that_expires_ends_its_live_link(make_node, team):
    signing = SigningKey.generate()
    ends_soon = team.credentials(device_id(bytes(signing.verify_key)), start=0, days=3 / 86_400)
    brief = Timing(connect=1.5, request=3.0, tail_wait=1.0, tail=2.5, repair=5.0, life=4.0)
    first = await make_node(timing=brief)
    second = await make_node(peers=[first], signing=signing, credentials=ends_soon, timing=brief)
    await second.until(second.live)
    await first.until(lambda: not first.live(), seconds=15)
    await second.until(
        lambda: "this device's certificate expired on" in second.refusals(), seconds=15
    )
    await first.until(lambda: "TLS failed: its certificate has expired" in first.refusals())
    await first.say("not for it")
    assert second.entries == []


async def test_who_asks_too_much_is_cut_off(make_node, team, dial, monkeypatch):
    monkeypatch.setattr("devstream_desktop.mesh.answers.CALL_BURST", 50.0)
    monkeypatch.setattr("devstream_desktop.mesh.answers.CALL_RATE", 0.001)
    node = await make_node()
    name = device_id(b"n" * 32)
    link = await dial(node, name)
    await link.call(hello(team, name), Lane.OTHER, 5)
    for _ in range(49):
        await link.call(encode(AskPeers()), Lane.OTHER, 5)
    with pytest.raises(LinkError):
        await link.call(encode(AskPeers()), Lane.OTHER, 5)
    assert "it asks too much" in node.refusals()


async def test_a_feed_that_says_too_much_now_is_slowed_down_and_loses_nothing(
    make_node, monkeypatch
):
    monkeypatch.setattr(limits, "FEED_BURST", 100.0)
    monkeypatch.setattr(limits, "FEED_RATE", 150.0)
    first, second = await make_node(), await make_node()
    second.mesh.add_peer(first.address)
    await second.until(second.live)
    started = time.monotonic()
    for n in range(10):
        await first.say(*(f"{n} {m}" for m in range(60)))
        await second.until(lambda n=n: len(second.entries) >= 60 * (n + 1))
    assert time.monotonic() - started > (600 - 100 - 60) / 150 - 0.1
    assert second.live()


async def test_who_pushes_on_although_asked_to_wait_is_refused(make_node, team, dial, monkeypatch):
    monkeypatch.setattr(limits, "FEED_BURST", 10.0)
    monkeypatch.setattr(limits, "FEED_RATE", 5.0)
    said = await make_node()
    entries = await said.say(*(f"{n}" for n in range(60)))
    node = await make_node()
    name = device_id(b"n" * 32)
    link = await dial(node, name)
    await link.call(hello(team, name), Lane.OTHER, 5)
    pushed = decode_reply(
        await link.call(encode(Push([signed(entry) for entry in entries[:30]], 0)), Lane.PUSH, 5)
    )
    assert pushed.stored == 30
    assert 3000 < pushed.busy <= 4000
    again = decode_reply(
        await link.call(encode(Push([signed(entry) for entry in entries[30:]], 0)), Lane.PUSH, 5)
    )
    assert isinstance(again, Refused)
    assert len(node.entries) == 30


def test_a_bucket_lets_bursts_pass_and_floods_wait():
    bucket = Bucket(10, 100, now=0.0)
    assert bucket.take(100, 0.0) == 0.0
    assert bucket.take(20, 1.0) == pytest.approx(1.0)
    assert bucket.take(0, 2.0) == 0.0
    assert not bucket.full(11.0)
    assert bucket.full(12.0)


async def test_who_is_not_believed_is_told_what_that_can_mean(make_node, team, other_team):
    """The dialer trusts the listener's CA, but the listener not the dialer's certificate."""
    node = await make_node()
    stranger = other_team.credentials(device_id(b"s" * 32), ca=team)
    late = await make_node(peers=[node], credentials=stranger)
    await late.until(lambda: "does not accept this device's certificate" in late.refusals())
    assert not node.live()

"""Every list that is cut goes on where it was cut, and that all is there is said only when all was
compared.
"""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_member import INDEX, event, now_ms, records
from replicas import NOW, entry, give, key_of, replica

from devstream_desktop.control.messages.status import MissingStatus, Why
from devstream_desktop.doctor import traffic
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.mesh import comparison, wire
from devstream_desktop.mesh.comparison import MAX_PAGES
from devstream_desktop.mesh.replica.admission import MAX_FEEDS
from devstream_desktop.mesh.replica.catalogue import Catalogue, signed
from devstream_desktop.mesh.status import missing_of
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.stream.entry import device_id, encode_body, next_hlc, parse_entry, preamble

pytestmark = pytest.mark.slow

MANY = 4_500
"""Feeds: more than one message holds."""
PATIENT = Timing(tail_wait=25.0, repair=1000.0)
"""So that nothing but the comparing at the start brings what is missing."""


def many_feeds(team, count: int, each: int = 1) -> list[wire.SignedEntry]:
    """Feeds of as many devices as it takes."""
    made: list[wire.SignedEntry] = []
    now = now_ms()
    for number in range(count):
        if number % (MAX_FEEDS - 1) == 0:
            key = DeviceKey.generate()
        feed, prev = key.public + number.to_bytes(8, "big"), b""
        for seq in range(1, each + 1):
            payload = event("change", "pushed", title=f"{number} {seq}")
            body = encode_body(
                feed=feed, seq=seq, hlc=next_hlc(0, now - number) + seq, prev=prev, payload=payload
            )
            one = parse_entry(body, key.sign(preamble(team.id) + body))
            made.append(signed(one))
            prev = one.hash
    return made


async def holding(node, entries) -> None:
    for at in range(0, len(entries), 1000):
        await node.mesh._core.take_in_parts(entries[at : at + 1000], "device")


def feeds(node) -> int:
    return node.mesh.status().feeds


@pytest.mark.parametrize("dialer", ["the newcomer", "whoever has all"])
async def test_a_newcomer_gets_more_feeds_than_one_message_holds(
    make_node, team, dialer: str
) -> None:
    old = await make_node(timing=PATIENT)
    await holding(old, many_feeds(team, MANY))
    assert feeds(old) == MANY > wire.MAX_RECORDS
    if dialer == "the newcomer":
        new = await make_node(peers=[old], timing=PATIENT)
    else:
        new = await make_node(timing=PATIENT)
        old.mesh.add_peer(new.address)
    await new.until(lambda: feeds(new) == MANY, seconds=60)
    for node in (old, new):
        await node.until(
            lambda node=node: {peer.state for peer in node.mesh.status().peers} == {"live"},
            seconds=20,
        )


async def test_both_have_more_than_a_page_that_the_other_lacks(
    make_node, team, monkeypatch
) -> None:
    """A message holds few feeds here, and fewer ranges still, so that each list is cut several
    times.
    """
    monkeypatch.setattr(Catalogue.page, "__defaults__", (None, 7))
    monkeypatch.setattr(wire, "MAX_RANGES", 5)
    one, other = await make_node(timing=PATIENT), await make_node(timing=PATIENT)
    await holding(one, many_feeds(team, 60, each=2))
    await holding(other, many_feeds(team, 50, each=3))
    one.mesh.add_peer(other.address)
    for node in (one, other):
        await node.until(lambda node=node: node.mesh.status().events == 60 * 2 + 50 * 3, seconds=30)


async def test_nobody_is_level_before_the_last_page_was_compared(make_node, raw) -> None:
    """A peer that goes on showing page after page: all is there only when there is no other."""
    mallory = raw()
    ends = (wire.Place(10**9 - at, mallory.feed().id) for at in itertools.count())
    more = asyncio.Event()

    def page(_: wire.Request) -> wire.Reply:
        return wire.Records(INDEX, 0, [], [], [], None if more.is_set() else next(ends))

    async def slowly(ask: wire.Request) -> wire.Reply:
        await asyncio.sleep(0.05)
        return page(ask)

    node = await make_node(peers=[await mallory.listen({wire.Digest: slowly})])
    await node.until(lambda: sum(isinstance(one, wire.Digest) for one in mallory.heard) > 3)
    assert {peer.state for peer in node.mesh.status().peers} == {"syncing"}
    more.set()
    await node.until(lambda: mallory.device in node.live())
    places = [one.after for one in mallory.heard if isinstance(one, wire.Digest)]
    assert places[:3] == [
        None,
        wire.Place(10**9, mallory.feed().id),
        wire.Place(10**9 - 1, mallory.feed().id),
    ]


async def test_an_offer_of_which_another_page_follows_is_not_all(make_node, raw) -> None:
    node, mallory = await make_node(), raw()
    link = await mallory.dial(node.address)
    await link.ask(wire.Offer([], [], more=True))
    assert {peer.state for peer in node.mesh.status().peers} == {"syncing"}
    await link.ask(wire.Offer([], []))
    assert {peer.state for peer in node.mesh.status().peers} == {"live"}


@pytest.mark.parametrize("back", [0, 5], ids=["the same place", "back"])
async def test_pages_that_never_end_end_the_link(make_node, raw, back: int) -> None:
    mallory = raw()
    ends = (wire.Place(10**9 + at * back, mallory.feed().id) for at in itertools.count())
    node = await make_node(
        peers=[
            await mallory.listen(
                {wire.Digest: lambda _: wire.Records(INDEX, 0, [], [], [], next(ends))}
            )
        ]
    )
    await node.until(lambda: sum(isinstance(one, wire.Hello) for one in mallory.heard) > 1)
    hellos = sum(isinstance(one, wire.Hello) for one in mallory.heard)
    assert sum(isinstance(one, wire.Digest) for one in mallory.heard) <= 2 * hellos


def test_so_many_pages_no_team_has() -> None:
    one = comparison.Comparison()
    for number in range(MAX_PAGES):
        one.saw(wire.Place(10**9 - number, bytes(40)))
    with pytest.raises(wire.MalformedMessageError):
        one.saw(wire.Place(1, bytes(40)))
    assert not one.over


@settings(max_examples=60)
@given(st.randoms(use_true_random=False), st.integers(1, 9), st.integers(1, 40))
def test_the_pages_together_are_all_and_each_once(
    rng: random.Random, limit: int, count: int
) -> None:
    mine = replica(1)
    for number in range(
        count
    ):  # stamps that are often the same, so that only the id tells places apart
        give(
            mine,
            entry(
                key_of(rng.randrange(8)), epoch=rng.randrange(1 << 30), at=NOW + rng.randrange(3)
            ),
        )
        if rng.random() < 0.2:
            key, epoch = key_of(rng.randrange(2, 8)), (1 << 40) + number
            pair = [
                signed(entry(key, epoch=epoch, payload=payload)) for payload in (b"\x01", b"\x02")
            ]
            mine.rules.absorb_proofs([wire.Pair(*pair)], NOW)
    seen: list[bytes] = []
    stamps: list[int] = []
    after = None
    while True:
        page = mine.catalogue.page(range(wire.BUCKETS), after, limit)
        assert len(page.records) + len(page.frozen) <= limit
        seen += [record.feed for record in page.records] + page.frozen
        stamps += [record.head_hlc for record in page.records]
        after = page.end
        if after is None:
            break
    assert sorted(seen) == sorted(state.feed for state in mine.feeds.states())
    assert stamps == sorted(stamps, reverse=True)


async def test_all_frozen_feeds_are_proven_to_whoever_lacks_the_proofs(
    make_node, raw, team
) -> None:
    """More than one message holds."""
    old, mallory = await make_node(), raw()
    link = await mallory.dial(old.address)
    count, stamp = 2 * wire.MAX_PAIRS + 30, next_hlc(0, now_ms())
    for at in range(0, count, 100):
        pairs = []
        for epoch in range(at, min(count, at + 100)):
            feed = mallory.feed(epoch)
            pairs.append(
                wire.Pair(
                    *(
                        feed.entry(
                            event("claim", "claimed", title=title), seq=1, hlc=stamp, prev=b""
                        )
                        for title in "ab"
                    )
                )
            )
        await link.ask(wire.Proof(pairs, []), seconds=20)
    assert old.mesh.status().frozen == count
    new = await make_node(peers=[old], timing=PATIENT)
    await new.until(lambda: new.mesh.status().frozen == count, seconds=30)
    other = await make_node(timing=PATIENT)
    old.mesh.add_peer(other.address)
    await other.until(lambda: other.mesh.status().frozen == count, seconds=30)


async def test_policies_come_though_no_message_holds_them_all(make_node, monkeypatch) -> None:
    monkeypatch.setattr("devstream_desktop.mesh.policy_parts.MAX_DOCUMENTS", 10)
    old, new = await make_node(), await make_node()
    old.policies.chain += [bytes(number + 1) for number in range(95)]
    new.mesh.add_peer(old.address)
    await new.until(lambda: new.policies.version() == 95)


async def test_whoever_asks_often_learns_of_all_peers(make_node, raw) -> None:
    """A message names sixteen."""
    node = await make_node()
    overlay = node.mesh._overlay
    for number in range(60):
        overlay.linked(f"10.0.0.{number + 1}:7000", device_id(bytes([number]) * 32), NOW)
    link = await raw().dial(node.address)
    told: set[str] = set()
    for _ in range(60):
        reply = await link.ask(wire.AskPeers())
        assert isinstance(reply, wire.PeerList)
        assert len(reply.peers) <= wire.MAX_PEERS
        told |= {peer.address for peer in reply.peers}
    assert len(told) == 60


# Feeds of one device.


def test_feeds_of_one_device_are_bounded_and_that_is_said() -> None:
    mine = replica(1)
    outcomes = [give(mine, entry(key_of(2), epoch=epoch)) for epoch in range(MAX_FEEDS + 40)]
    assert sum(len(outcome.stored) for outcome in outcomes) == MAX_FEEDS
    assert "begun more than" in outcomes[-1].reason
    assert (
        mine.wants.want(
            records(*((key_of(2) + (1 << 30).to_bytes(8, "big"), 9) for _ in range(3))), NOW
        )
        == []
    )
    pair = [
        signed(entry(key_of(2), epoch=1 << 31, payload=payload)) for payload in (b"\x01", b"\x02")
    ]
    mine.rules.absorb_proofs([wire.Pair(*pair)], NOW)
    assert mine.feeds.frozen() == []
    assert mine.wants.unproven([key_of(2) + (1 << 31).to_bytes(8, "big")]) == []
    assert missing_of(mine.shortfall(NOW), level=True) == (
        MissingStatus(device=device_id(key_of(2)), why=Why.CROWDED, count=0),
    )
    assert give(mine, entry(key_of(3))).stored, "others are not held to it"
    assert give(
        mine, entry(key_of(2), epoch=0, seq=2, at=NOW + 1, prev=entry(key_of(2)).hash)
    ).stored, "what is known goes on"


def test_when_old_feeds_are_forgotten_there_is_room_again() -> None:
    mine = replica(1)
    for epoch in range(MAX_FEEDS + 1):
        give(mine, entry(key_of(2), epoch=epoch))
    later = NOW + 95 * 86_400_000
    while mine.prune(later):
        pass
    assert give(mine, entry(key_of(2), epoch=1 << 20, at=later), now=later).stored
    assert mine.shortfall(later).crowded == ()


def test_own_feeds_are_not_bounded_by_this_node() -> None:
    mine = replica(1)
    for at in range(MAX_FEEDS + 3):
        mine.own.publish([b"\x01"], NOW + at)
        mine.own.renew_epoch()
    assert mine.feeds.counts() == (MAX_FEEDS + 3, MAX_FEEDS + 3)


def test_every_reason_has_words_and_advice() -> None:
    assert {why.value for why in Why} == set(traffic._LOST_ADVICE)


async def test_a_liar_with_feeds_without_end_costs_an_honest_newcomer_nothing(
    make_node, raw
) -> None:
    """Both know as many of its feeds as are kept, and other ones.

    That is no reason to compare again and again.
    """
    mallory = raw()
    one, other = await make_node(), await make_node()
    for node, start in ((one, 0), (other, 1000)):
        link = await mallory.dial(node.address)
        made = [
            mallory.feed(start + epoch).entry(event("claim", "claimed", actor="mallory"))
            for epoch in range(MAX_FEEDS + 20)
        ]
        await link.push(*made)
        assert feeds(node) == MAX_FEEDS
    await mallory.close()
    await one.say("an honest word")
    other.mesh.add_peer(one.address)
    await other.until(lambda: "an honest word" in other.titles())
    await other.until(lambda: one.device in other.live())
    assert [item.why for item in other.mesh.status().missing] == [Why.CROWDED]

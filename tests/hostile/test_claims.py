"""Numbers from a peer are claims.

What no signed entry proves is bounded, changes nothing of a node's own, and is soon forgotten.
"""

from __future__ import annotations

import asyncio
import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_member import INDEX, event, records, shows
from replicas import MEMBERS, NOW, entry, give, key_of, payloads, replica

from devstream_desktop.control.messages.status import Why
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.limits import MOST_OF_AUTHOR, MOST_OF_PEER
from devstream_desktop.mesh.policy_sync import LEVEL_RATE, MAX_LEVELLED
from devstream_desktop.mesh.replica.ranges import distinct, total
from devstream_desktop.mesh.status import missing_of
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.stream.entry import MAX_HLC, MAX_SEQ, encode_body, preamble

pytestmark = pytest.mark.slow

TOP, LAST = MAX_HLC, MAX_SEQ
numbers = st.integers(0, TOP) | st.integers(0, 40) | st.integers(TOP - 3, TOP)
EPOCHS = 3


@st.composite
def claims(draw: st.DrawFn, own: bytes, known: bytes) -> wire.Record:
    """A liar's claim about a feed.

    Of our own, of one that is known, of one that nobody ever saw, of a stranger's.
    """
    invented = st.builds(
        lambda number, epoch: key_of(number) + epoch.to_bytes(8, "big"),
        st.integers(0, MEMBERS + 3),
        st.integers(0, EPOCHS),
    )
    feed = draw(st.sampled_from([own, known]) | invented)
    gaps = draw(st.lists(st.tuples(numbers, numbers), max_size=5))
    return wire.Record(
        feed,
        draw(numbers),
        draw(numbers),
        draw(st.sampled_from([b"", b"x" * 16])),
        draw(numbers),
        gaps,
    )


def victim() -> tuple:
    """A replica that holds some of its own and, with holes, some of another member's."""
    mine, other = replica(1), replica(2)
    own = mine.own.publish(payloads(5), NOW)
    held = other.own.publish(payloads(20, 100), NOW)
    give(mine, *held[3:8], *held[12:])
    return mine, own[0].feed, held[0].feed


@settings(max_examples=300)
@given(st.data())
def test_whatever_is_claimed_the_node_goes_on_with_its_own_and_counts_within_bounds(data) -> None:
    mine, own, known = victim()
    before = mine.shortfall(NOW)
    said = data.draw(st.lists(claims(own, known), max_size=30))
    for part in (said[::2], said):
        wanted = mine.wants.want(part, NOW)
        assert mine.own.feed == own, "a claim made it leave its own feed"
        assert total(wanted) == distinct(wanted) <= MOST_OF_PEER
        of_authors: dict[bytes, list[wire.Range]] = {}
        for item in wanted:
            of_authors.setdefault(item.feed[:32], []).append(item)
        assert all(total(ranges) <= MOST_OF_AUTHOR for ranges in of_authors.values())
        assert all(key in {key_of(number) for number in range(MEMBERS)} for key in of_authors), (
            "asked for a stranger's"
        )
        wire.encode(wire.Wants(wanted[: wire.MAX_RANGES], []))
        wire.encode(wire.Fetch(mine.wants.doubts(part)[: wire.MAX_RANGES], 1000))
        assert set(before.gaps) <= set(mine.shortfall(NOW).gaps), "what it lacks was talked away"
        assert (
            total(
                mine.catalogue.within(
                    [wire.Range(item.feed, *sorted((item.floor, item.head))) for item in part * 3]
                )
            )
            <= 5 + 13
        )
    assert mine.own.publish(payloads(1, 50), NOW)[0].seq == 6


def test_of_all_members_together_no_more_is_believed_than_a_history_holds() -> None:
    mine, _, _ = victim()
    wanted = mine.wants.want(
        records(*((key_of(number) + bytes(8), TOP) for number in range(MEMBERS))), NOW
    )
    assert total(wanted) == MOST_OF_PEER
    assert (
        sum(item.last - item.first + 1 for item in wanted if item.feed.startswith(key_of(3)))
        <= MOST_OF_AUTHOR
    )


def test_what_lies_between_two_signed_numbers_is_counted_within_bounds() -> None:
    mine = replica(1)
    give(
        mine,
        *(
            entry(key_of(2), epoch=epoch, seq=seq, at=NOW + (seq > 1))
            for epoch in range(3)
            for seq in (1, LAST - 4)
        ),
    )
    (told,) = missing_of(mine.shortfall(NOW), level=True)
    assert (told.why, told.count) == (Why.NOBODY, MOST_OF_AUTHOR)


def test_what_a_copy_of_this_device_signed_moves_it_on_and_a_claim_has_the_proof_fetched() -> None:
    mine = replica(1)
    mine.own.publish(payloads(2), NOW)
    copy = replica(1, mine.feeds.store.copy())
    later = copy.own.publish(payloads(7, 20), NOW)
    feed = mine.own.feed
    (record,) = copy.catalogue.records(range(64))
    assert mine.wants.doubts([record]) == [wire.Range(feed, 9, 9)]
    give(mine, later[-1])
    assert mine.own.feed != feed
    (first,) = mine.own.publish(payloads(1, 60), NOW + 1000)
    assert (first.seq, first.feed) == (1, mine.own.feed)


def test_a_proof_that_comes_before_its_time_moves_it_on_too() -> None:
    """The copy's clock was ahead: the entry is held back, and the number is used all the same."""
    mine = replica(1)
    mine.own.publish(payloads(2), NOW)
    later = replica(1, mine.feeds.store.copy()).own.publish(payloads(3, 20), NOW + 3_600_000)
    feed = mine.own.feed
    assert give(mine, later[-1]).future == 1
    assert mine.own.feed != feed


def test_what_a_thief_signs_with_another_key_moves_nothing() -> None:
    mine = replica(1)
    mine.own.publish(payloads(2), NOW)
    feed = mine.own.feed
    epoch = int.from_bytes(mine.feeds.store.epoch, "big")
    assert (
        give(
            mine, msgspec.structs.replace(entry(key_of(1), epoch=epoch, seq=9), signature=bytes(64))
        ).bad
        == 1
    )
    assert mine.own.feed == feed


@settings(max_examples=60)
@given(st.lists(st.integers(MEMBERS, 255), min_size=1, max_size=40))
def test_of_strangers_nothing_is_kept(strangers: list[int]) -> None:
    """Whoever makes keys without end would else fill every node's memory and database, with entries
    or with proofs.
    """
    mine = replica(1)
    checked: list[bytes] = []
    verify = mine.signatures._verify
    mine.signatures._verify = lambda *given: bool(checked.append(given[0])) or verify(*given)
    for number in strangers:
        outcome = give(mine, entry(key_of(number), epoch=number))
        assert (outcome.refused, outcome.bad) == (1, 0)
        pair = [entry(key_of(number), payload=payload) for payload in (b"\x01", b"\x02")]
        mine.rules.absorb_proofs(
            [wire.Pair(*(wire.SignedEntry(one.body, one.signature) for one in pair))], NOW
        )
    assert (list(mine.feeds.states()), mine.feeds.store.proofs(), checked) == ([], {}, [])
    assert mine.policy_changed(), (
        "they may be members by the next policy: then the peers are asked again"
    )
    assert not mine.policy_changed()


# Over links.


def shown(node) -> tuple[int, int]:
    """The words of `status` on the catch-up, which its answer must carry."""
    status = node.mesh.status()
    assert 0 <= status.catching_up <= status.catch_up_total <= MOST_OF_PEER
    for peer in status.peers:
        assert 0 <= peer.behind <= MOST_OF_PEER
        assert 0 <= peer.lag <= MOST_OF_PEER
    assert all(0 <= one.count <= MOST_OF_AUTHOR for one in status.missing)
    return status.catching_up, status.catch_up_total


def lies(node, mallory, *, heads: tuple[int, ...]) -> list[wire.Record]:
    """Claims of the victim's own feed, of the liar's, and of feeds of both that never were."""
    own = node.mesh._core.replica.own.feed
    feeds = [
        own,
        mallory.feed().id,
        *(key + bytes([n]) * 8 for key in (own[:32], mallory.key.public) for n in range(1, 40)),
    ]
    return records(*((feed, heads[at % len(heads)]) for at, feed in enumerate(feeds)))


@pytest.mark.parametrize("given", [0, 1])
async def test_a_dialed_liar_is_asked_a_few_times_and_its_claims_are_forgotten(
    make_node, raw, given: int
) -> None:
    mallory = raw()
    feed = mallory.feed(7)
    entries = [feed.entry(event("change", "pushed", actor="mallory")) for _ in range(given)]
    node = await make_node()
    await node.say("one", "two")
    own = node.mesh._core.replica.own.feed
    said = shows(lies(node, mallory, heads=(TOP, 5, 1 << 40)))
    node.mesh.add_peer(await mallory.listen({**said, wire.Fetch: lambda _: wire.Entries(entries)}))
    honest = await make_node(peers=[node])
    await node.until(lambda: any(isinstance(request, wire.Fetch) for request in mallory.heard))
    shown(node)
    await node.until(lambda: shown(node) == (0, 0), seconds=20)
    await node.until(lambda: mallory.device in node.live())
    asked = sum(isinstance(request, wire.Fetch) for request in mallory.heard)
    assert asked < 20, "it goes on asking for what never was"
    await node.say("three")
    await honest.until(lambda: {"one", "two", "three"} <= set(honest.titles()))
    assert node.mesh._core.replica.own.feed == own


async def test_a_caller_who_offers_what_it_never_gives_is_not_waited_for(
    make_node, raw, monkeypatch
) -> None:
    monkeypatch.setattr("devstream_desktop.mesh.accepted.PATIENCE_S", 0.5)
    mallory = raw()
    node = await make_node()
    link = await mallory.dial(node.address)
    for heads in ((TOP,), (3, TOP, 1 << 33), (TOP - 1,)):
        wants = await link.ask(wire.Offer(lies(node, mallory, heads=heads), []))
        assert isinstance(wants, wire.Wants)
        shown(node)
    await node.until(lambda: shown(node) == (0, 0), seconds=5)
    assert node.mesh.status().peers[0].state == "live"


async def test_a_liar_that_is_dialed_holds_up_nobody_who_has_what_is_missing(
    make_node, raw
) -> None:
    """It says it has everything and gives nothing.

    An honest caller who was told to leave it to that link is asked after all.
    """
    patient = Timing(tail_wait=25.0, repair=1000.0)
    source = await make_node(timing=patient)
    await source.say(*(f"commit {n}" for n in range(300)))
    mallory = raw()
    held = source.mesh._core.replica.catalogue.records(range(64))
    offered = asyncio.Event()

    async def nothing(_: wire.Request) -> wire.Reply:
        await offered.wait()
        return wire.Entries([])

    node = await make_node(
        peers=[await mallory.listen({**shows(held), wire.Fetch: nothing})], timing=patient
    )
    await node.until(lambda: wire.Fetch in {type(request) for request in mallory.heard})
    source.mesh.add_peer(node.address)
    await node.until(lambda: source.device in node.live())
    offered.set()
    await node.until(lambda: len(node.entries) == 300, seconds=10)


async def test_an_ended_feed_of_ours_is_not_asked_for_without_end(make_node, raw) -> None:
    """The liar knows that our feed ended, and gives one made-up entry of it after the other, each
    with a lower number.
    """
    mallory = raw()
    node = await make_node()
    said, _ = await node.say("one", "two")
    body = encode_body(feed=said.feed, seq=said.seq, hlc=said.hlc, prev=said.prev, payload=b"\x07")
    rival = wire.SignedEntry(body, node.signing.sign(preamble(node.team.id) + body).signature)
    await node.mesh._core.take_proofs(
        [wire.Pair(wire.SignedEntry(said.body, said.signature), rival)]
    )
    assert said.feed in node.mesh._core.replica.feeds.frozen()
    given = itertools.count(1)

    def give_one(_: wire.Request) -> wire.Reply:
        lie = encode_body(
            feed=said.feed, seq=LAST - next(given), hlc=said.hlc, prev=bytes(16), payload=b"\x07"
        )
        return wire.Entries([wire.SignedEntry(lie, bytes(64))])

    node.mesh.add_peer(await mallory.listen({**shows([], [said.feed]), wire.Fetch: give_one}))
    await node.until(lambda: "wrong signatures" in node.refusals())
    assert next(given) < 10


async def test_a_policy_that_is_always_newer_is_not_asked_for_without_end(make_node, raw) -> None:
    mallory = raw()
    number = itertools.count(10**9)
    answers = {
        wire.AskPolicy: lambda _: wire.Policies(next(number), []),
        wire.Push: lambda _: wire.Pushed(0, next(number), resync=True),
        wire.Tail: lambda ask: wire.News(INDEX, ask.lsn, [], b"", next(number), resync=True),
    }
    node = await make_node(peers=[await mallory.listen(answers)])
    await node.until(lambda: wire.AskPolicy in {type(request) for request in mallory.heard})
    await node.until(lambda: mallory.device in node.live())
    await node.until(
        lambda: sum(isinstance(one, wire.AskPolicy) for one in mallory.heard) > MAX_LEVELLED
    )
    start = len(mallory.heard)
    await asyncio.sleep(2.0)
    asked = [type(request) for request in mallory.heard[start:]]
    assert asked.count(wire.AskPolicy) < 2 * LEVEL_RATE + 6
    assert asked.count(wire.Digest) < 40


@pytest.mark.parametrize("wall", [0, 1 << 47, TOP])
async def test_a_clock_that_cannot_be_is_told_in_bounds(make_node, raw, wall: int) -> None:
    node = await make_node()
    await raw().dial(node.address, wall=wall)
    assert all(abs(peer.clock_offset) < 1 << 43 for peer in node.mesh.status().peers)


@pytest.mark.process
async def test_status_is_answered_during_the_lies_and_after_the_liar_is_gone(victims) -> None:
    (ana, bob), (mallory,) = await victims("bob")
    feeds = [mallory.key.public + epoch.to_bytes(8, "big") for epoch in range(3000)]
    for victim in (ana, bob):
        link = await mallory.dial(victim.mesh)
        await link.ask(wire.Offer(records(*((feed, TOP) for feed in feeds)), []))
        feed = mallory.feed()
        await link.push(
            *(
                feed.entry(event("claim", "claimed", actor="mallory"), seq=seq)
                for seq in (1, LAST - 1)
            )
        )
    for gone in (False, True):
        for victim in (ana, bob):
            for _ in range(33):  # one more than its end of control has places
                status = await victim.status()
            assert status.missing <= MOST_OF_PEER
            assert all(one.count <= MOST_OF_AUTHOR for one in status.lost)
            assert "does not answer" not in await victim.doctor()
        if not gone:
            await mallory.close()

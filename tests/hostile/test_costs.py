"""One member's requests delay no other, whatever they are and however many.

Costs are bounded before the work is done.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import sys
import time

import msgspec
import pytest
from floods import FLOODS, Prey, entries, flood, known_proof, policy, prepare, some_feeds
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_member import INDEX, records, shows
from replicas import NOW, entry, give, key_of, payloads, replica
from rooms import load

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.core import CHAIN_PART, LATER_PART, PART
from devstream_desktop.mesh.limits import (
    COST_BURST,
    COST_RATE,
    FEED_BURST,
    MAX_DEBT_S,
    Buckets,
    FeedRates,
    cost,
)
from devstream_desktop.mesh.replica.catalogue import MAX_LOOKS
from devstream_desktop.mesh.replica.ranges import total
from devstream_desktop.mesh.transport.link import LinkError
from devstream_desktop.mesh.wire import MAX_GAPS
from devstream_desktop.team.policy import chain, documents
from devstream_desktop.team.policy.absorption import MAX_STALE

pytestmark = pytest.mark.slow

crew = load("trust/conftest.py").crew
SECONDS = float(os.environ.get("FLOOD_SECONDS", "1"))
"""Of each flood; longer to take figures."""
GENEROUS_S = 6.0
"""The figure to reach is 0.2 s, on a machine that does nothing else."""


@pytest.mark.parametrize("kind", FLOODS)
@pytest.mark.process
async def test_status_is_answered_at_once_whatever_a_member_asks(
    victims, kind: str, record_property, capsys
) -> None:
    (ana,), (mallory,) = await victims()
    prey = await prepare(mallory, ana.mesh)
    took: list[float] = []
    async with flood(FLOODS[kind], mallory, prey) as answered:
        await asyncio.sleep(0.5)
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            began = time.monotonic()
            await ana.status(30_000)
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.05)
        count = answered()
    figure = (
        f"status median {statistics.median(took) * 1000:.0f} ms, max {max(took) * 1000:.0f} "
        f"ms of {len(took)}; {count} answered"
    )
    record_property(f"during {kind}", figure)
    with capsys.disabled():
        sys.stdout.write(f"\n  {kind}: {figure}")
    assert max(took) < GENEROUS_S


# What is counted.


def test_who_owes_waits_and_nobody_else_does() -> None:
    buckets = Buckets(100, 50)
    assert buckets.take("mallory", 50, 0.0) == 0
    assert buckets.take("mallory", 100, 0.0) == 1.0
    assert buckets.take("bob", 50, 0.0) == 0
    assert buckets.take("mallory", 0, 0.5) == 0.5
    assert buckets.take("mallory", 0, 2.0) == 0
    assert buckets.take("carl", 1, 60.0) == 0
    assert list(buckets._of) == ["carl"], "who has paid is forgotten"


def test_an_author_is_as_fast_in_many_feeds_as_in_one() -> None:
    """Else whoever writes under a thousand epochs would say a thousand times as much before anybody
    waits.
    """
    rates = FeedRates()
    many = [entry(key_of(2), epoch=epoch) for epoch in range(round(FEED_BURST) + 100)]
    assert rates.wait(many, NOW, 0.0) == pytest.approx(2.0)
    assert rates.wait([entry(key_of(3))], NOW, 0.0) == 0


async def test_who_has_a_great_deal_under_way_waits_and_then_is_cut_off(
    make_node, raw, monkeypatch
) -> None:
    node = await make_node()
    mallory, bob = raw(), raw()
    link, other = await mallory.dial(node.address), await bob.dial(node.address)
    node.mesh._core.owes(mallory.device, COST_BURST + COST_RATE * 0.5)
    began = time.monotonic()
    await other.ask(wire.AskPeers())
    at_once = time.monotonic() - began
    await link.ask(wire.AskPeers())
    assert time.monotonic() - began > 0.3 > at_once
    node.mesh._core.owes(mallory.device, COST_RATE * (MAX_DEBT_S + 2))
    with pytest.raises(LinkError):
        await link.ask(wire.AskPeers())
    with pytest.raises(LinkError):  # a new link is no new beginning
        await mallory.dial(node.address)
    assert isinstance(await other.ask(wire.AskPeers()), wire.PeerList)


def test_a_dear_request_costs_more_than_a_cheap_one() -> None:
    full = [wire.SignedEntry(b"x" * 100, bytes(64))] * 1000
    gaps = [wire.Record(bytes(40), 0, 9, b"", 1, [(1, 1)] * MAX_GAPS)] * 100
    dear = [
        wire.Push(full, 0),
        wire.Digest(bytes(512)),
        wire.Offer(records(*((bytes(40), 1) for _ in range(4000))), []),
        wire.Offer(gaps, []),
        wire.Fetch([wire.Range(bytes(40), 1, 1)] * 4000, 1000),
        wire.Proof([wire.Pair(full[0], full[1])] * 100, []),
        wire.AskPolicy(0, [bytes(100_000)]),
    ]
    cheap = cost(wire.AskPeers())
    assert all(cost(request) > 10 * cheap for request in dear)


def test_thousands_of_ranges_are_few_looks_into_the_database() -> None:
    mine = replica(1)
    for epoch in range(40):
        feed = [entry(key_of(2), epoch=epoch, seq=1)]
        for seq in range(2, 61):
            feed.append(entry(key_of(2), epoch=epoch, seq=seq, at=NOW + seq, prev=feed[-1].hash))
        give(mine, *feed)
    looks = itertools.count()
    one, some = mine.feeds.store.entry, mine.feeds.store.entries
    mine.feeds.store.entry = lambda *given: (next(looks), one(*given))[1]
    mine.feeds.store.entries = lambda *given, **named: (next(looks), some(*given, **named))[1]
    ids = [key_of(2) + epoch.to_bytes(8, "big") for epoch in range(40)]
    ranges = [wire.Range(feed, seq, seq) for feed in ids for seq in range(1, 61)] * 2
    assert 0 < len(mine.catalogue.serve(ranges[: wire.MAX_RANGES], wire.BATCH_BYTES)) <= MAX_LOOKS
    assert next(looks) <= MAX_LOOKS
    assert (
        len(
            mine.catalogue.serve([wire.Range(feed, 70, 80) for feed in ids] * 100, wire.BATCH_BYTES)
        )
        == 0
    )
    assert next(looks) <= MAX_LOOKS + 2, "what is not held is not looked for"
    assert total(mine.catalogue.within([wire.Range(ids[0], 1, 60)] * 4000)) == 60


class Checks:
    """Counts signature checks."""

    def __init__(self, of, monkeypatch) -> None:
        self.count = 0
        verify = of._verify

        def counted(*given: bytes) -> bool:
            self.count += 1
            return verify(*given)

        monkeypatch.setattr(of, "_verify", counted)


async def test_a_batch_of_forgeries_under_many_feeds_costs_a_few_checks(
    make_node, raw, monkeypatch
) -> None:
    node, mallory = await make_node(), raw()
    checks = Checks(node.mesh._core.replica.signatures, monkeypatch)
    spoilt = [
        wire.SignedEntry(entries(mallory.feed(number), 1)[0].body, bytes(64))
        for number in range(2000)
    ]
    link = await mallory.dial(node.address)
    with pytest.raises(LinkError):
        await link.push(*spoilt)
    assert checks.count <= PART


async def test_only_a_chain_is_taken_in_large_parts(make_node, raw, monkeypatch) -> None:
    node, mallory = await make_node(), raw()
    core, sizes = node.mesh._core, []
    take = core.take

    def counted(batch, sender, *, later):
        sizes.append(len(batch))
        return take(batch, sender, later=later)

    monkeypatch.setattr(core, "take", counted)
    outcome = await core.take_in_parts(entries(mallory.feed(1), 600), "peer")
    assert (sizes, len(outcome.stored)) == ([PART, CHAIN_PART, 200], 600)
    sizes.clear()
    checks = Checks(core.replica.signatures, monkeypatch)
    await core.take_in_parts(entries(mallory.feed(2), 500, chained=False), "peer")
    assert (sizes, checks.count) == ([CHAIN_PART, PART, PART], 500)
    sizes.clear()
    await core.take_in_parts(entries(mallory.feed(3), 800), "peer", later=True)
    assert sizes == [PART, LATER_PART, 100]


async def test_an_endless_backlog_leaves_few_entries_unread(make_node, raw, monkeypatch) -> None:
    """Else what is live would wait as long as somebody has something old to give."""
    node, mallory = await make_node(), raw()
    core, unread = node.mesh._core, []
    monkeypatch.setattr("devstream_desktop.mesh.core.MOST_UNREAD", 1000)
    take = core.take

    def counted(batch, sender, *, later):
        unread.append(node.history.unread)
        return take(batch, sender, later=later)

    monkeypatch.setattr(core, "take", counted)
    for number in range(1, 7):
        some = entries(mallory.feed(number), 900)
        outcome = await core.take_in_parts(some, "peer", later=True)
        assert len(outcome.stored) == 900
    assert 500 < max(unread) <= 1000


async def test_a_proof_that_is_known_costs_no_check_and_no_reading(
    make_node, raw, monkeypatch
) -> None:
    node, mallory = await make_node(), raw()
    link = await mallory.dial(node.address)
    request = next(known_proof(mallory, Prey("", b"", [])))
    reply = await link.ask(request)
    assert isinstance(reply, wire.Proofs)
    checks = Checks(node.mesh._core.replica.signatures, monkeypatch)
    read = itertools.count()
    monkeypatch.setattr(node.history, "proofs", lambda: next(read))
    assert await link.ask(request) == reply
    assert (checks.count, next(read)) == (0, 0)


def test_policies_that_are_here_cost_no_signature_check(crew, monkeypatch) -> None:
    chain = crew.team.chain
    (request, *_) = itertools.islice(policy(None, Prey("", b"", chain.documents())), 1)
    assert sum(64 for _ in request.documents) > 20_000
    checked = itertools.count()
    monkeypatch.setattr(documents, "verify", lambda *_: bool(next(checked) + 1))
    assert not crew.team.absorb(request.documents)
    assert next(checked) == 0


def test_one_proposal_again_and_again_costs_a_few_checks(crew, monkeypatch) -> None:
    """Each copy has other signatures beside the admin's, so that no two are the same bytes."""
    team, now = crew.team, crew.team.now()
    changed = team.chain.successor(
        msgspec.structs.replace(team.chain.current, threshold=1, retention_days=9), now
    )
    proposal = documents.Signed.make(changed, [team.device])
    monkeypatch.setattr(chain, "unsigned", lambda *_: "too few signed it")
    keys = [crew.admit(f"guest {number}") for number in range(3)]
    many = [proposal.signed_with(keys[number % 3]).document for number in range(400)]
    checked = itertools.count()
    verify = documents.verify
    monkeypatch.setattr(documents, "verify", lambda *given: (next(checked), verify(*given))[1])
    with pytest.raises(documents.PolicyError):
        team.absorb(many)
    assert next(checked) < 3 * (MAX_STALE + 3)


@settings(max_examples=20)
@given(st.randoms(use_true_random=False), st.integers(MAX_GAPS, 3 * MAX_GAPS))
def test_a_feed_never_has_more_holes_than_a_look_at_it_may_cost(rng, count: int) -> None:
    mine = replica(1)
    seqs = rng.sample(range(2, 6 * MAX_GAPS + 2, 2), count)
    for part in (seqs[at : at + 300] for at in range(0, len(seqs), 300)):
        give(mine, *(entry(key_of(2), seq=seq, at=NOW + seq) for seq in part))
        for state in mine.feeds.states():
            assert len(state.runs) <= MAX_GAPS + 1
    assert all(len(record.gaps) <= MAX_GAPS for record in mine.catalogue.records(range(64)))


def test_holes_that_others_made_in_an_honest_feed_are_filled_again() -> None:
    """The liar passes on every second entry of an honest author.

    The rest comes from whoever has all.
    """
    author, mine = replica(2), replica(1)
    said = [
        one for at in range(0, 1500, 50) for one in author.own.publish(payloads(50, at), NOW + at)
    ]
    for part in (said[at : at + 100] for at in range(0, len(said), 100)):
        give(mine, *part[::2])
    for _ in range(40):
        wanted = mine.wants.want(author.catalogue.records(range(64)), NOW)
        if not wanted:
            break
        give(mine, *author.catalogue.serve(wanted, 20_000), sender="bob")
    assert mine.feeds.counts() == (1, 1500)


def test_what_the_author_table_refuses_is_remembered_within_bounds() -> None:
    mine = replica(1, refusal=lambda one: "no" if one.seq % 4 == 1 else None)
    for at in range(1, 5 * MAX_GAPS, 100):
        give(mine, *(entry(key_of(2), seq=seq, at=NOW + seq) for seq in range(at, at + 100, 2)))
    (state,) = mine.feeds.states()
    assert 0 < len(state.refused) <= MAX_GAPS


# Being the one who asked is no reason to work without end.


@pytest.mark.parametrize("junk", [0, 1000], ids=["empty news", "news that is known"])
async def test_a_dialed_liar_that_always_has_something_new_is_asked_now_and_then(
    make_node, raw, monkeypatch, junk: int
) -> None:
    monkeypatch.setattr("devstream_desktop.mesh.core.COST_RATE", 50.0)
    mallory = raw()
    known = [one for feed in some_feeds(mallory) for one in feed][:junk]
    ids = [mallory.key.public + epoch.to_bytes(8, "big") for epoch in range(wire.MAX_RECORDS)]
    answers = {
        **shows(records(*((feed, 5) for feed in ids))),
        wire.Tail: lambda ask: wire.News(INDEX, ask.lsn + 1, known, os.urandom(8), 0, resync=True),
    }
    node = await make_node(peers=[await mallory.listen(answers)])
    await node.until(lambda: wire.Tail in {type(request) for request in mallory.heard}, seconds=20)
    await asyncio.sleep(1.0)
    before = len(mallory.heard)
    await asyncio.sleep(2.0)
    asked = [type(request) for request in mallory.heard[before:]]
    assert asked.count(wire.Digest) <= 4
    assert asked.count(wire.Tail) <= (4 if junk else 12)

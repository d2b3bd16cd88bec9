"""Nodes with a broker in memory: the feeds by another way than gossip, by the same rules."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from memory_broker import Carried, MemoryBroker, data_of, forge, held, signed_data
from nacl.signing import SigningKey

from devstream_desktop.control.messages.status import Why
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.carrier import entries, papers
from devstream_desktop.mesh.carrier.broker import Broker, BrokerError
from devstream_desktop.mesh.replica.catalogue import signed
from devstream_desktop.stream.entry import SIGNATURE_BYTES, body_hash

Carry = Callable[..., Carried]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "RELAY_S", 0.05)
    monkeypatch.setattr(papers, "RELAY_S", 0.05)
    monkeypatch.setattr(papers, "TRY_S", 0.05)


@pytest.fixture
async def carry(tmp_path: Path) -> AsyncIterator[Carry]:
    """Begin to carry for a node; all carriers are stopped at the end."""
    running: list[Carried] = []

    def begin(node: Any, broker: Broker) -> Carried:
        running.append(Carried(node, broker, tmp_path))
        return running[-1]

    yield begin
    await asyncio.gather(*(one.stop() for one in running))


@pytest.fixture
def broker() -> MemoryBroker:
    return MemoryBroker()


async def test_by_gossip_by_the_log_and_by_both_it_is_one_history(make_node, carry, broker):
    gossip = await make_node()
    both = await make_node(peers=[gossip])
    log_only = await make_node()
    carry(both, broker)
    carry(log_only, broker)
    nodes = [gossip, both, log_only]
    for node in nodes:
        await node.say(*(f"{node.device[:4]} {n}" for n in range(40)))
    for node in nodes:
        await node.until(lambda node=node: len(node.entries) == 120)
    assert held(gossip) == held(both) == held(log_only)
    assert all(len(node.entries) == len(held(node)) for node in nodes)
    assert len(broker.entries.messages) == 120, "each once"


async def test_nodes_that_share_a_site_send_what_one_of_them_heard_about_once(
    make_node, carry, broker
):
    author = await make_node()
    site = [await make_node(peers=[author]) for _ in range(3)]
    for node in site:
        carry(node, broker)
    for n in range(20):
        await author.say(f"commit {n}")
        await asyncio.sleep(0.01)
    for node in site:
        await node.until(lambda node=node: len(node.entries) == 20)
    await site[0].until(lambda: len(broker.entries.messages) >= 20)
    assert len(broker.entries.messages) == 20


async def test_a_fresh_node_has_the_newest_first(make_node, carry, broker, monkeypatch):
    monkeypatch.setattr(entries, "WINDOW", 100)
    old = await make_node()
    await old.say(*(f"commit {n}" for n in range(1000)))
    carry(old, broker)
    await old.until(lambda: len(broker.entries.messages) == 1000)
    fresh = await make_node()
    carry(fresh, broker)
    await fresh.until(lambda: len(fresh.entries) == 1000)
    order = [entry.seq for entry in fresh.entries]
    assert min(order[:60]) > 900
    assert fresh.history.newest() == 1000


async def test_after_a_restart_it_goes_on_where_it_was(make_node, carry, broker):
    author, reader = await make_node(), await make_node()
    carry(author, broker)
    first = carry(reader, broker)
    await author.say(*(f"commit {n}" for n in range(30)))
    await reader.until(lambda: len(reader.entries) == 30)
    await first.stop()
    broker.entries.reads.clear()
    await author.say("while it was away")
    carry(reader, broker)
    await reader.until(lambda: len(reader.entries) == 31)
    assert 31 in broker.entries.reads
    assert len(broker.entries.messages) == 31


async def test_without_the_broker_gossip_goes_on_and_the_rest_follows(make_node, carry, broker):
    one = await make_node()
    other = await make_node(peers=[one])
    far = await make_node()
    carried = carry(one, broker)
    carry(far, broker)
    await one.say("before")
    await far.until(lambda: far.entries)
    broker.gone(gone=True)
    await one.until(lambda: carried.carrier.status().state == "gone")
    assert carried.carrier.status().error == "it cannot be reached"
    await one.say("meanwhile")
    await far.say("far away")
    await other.until(lambda: len(other.entries) == 2)
    broker.gone(gone=False)
    await far.until(lambda: len(far.entries) == 3)
    await other.until(lambda: len(other.entries) == 3)
    await one.until(lambda: carried.carrier.status().state == "live")
    assert carried.carrier.status().error == ""


async def test_a_loss_with_another_reason_at_each_try_is_one_loss(
    make_node, carry, broker, monkeypatch
):
    node = await make_node()
    carried = carry(node, broker)
    await node.until(lambda: carried.carrier.status().state == "live", 60)
    tries = 0

    async def refuse():
        nonlocal tries
        tries += 1
        raise BrokerError(f"server {tries} cannot be used")

    monkeypatch.setattr(broker, "open", refuse)
    broker.gone(gone=True)
    await node.until(lambda: carried.carrier.status().state == "gone", 60)
    since = carried.carrier.status().since
    await node.until(lambda: tries > 2, 60)
    assert carried.carrier.status().since == since


async def test_what_a_broker_holds_back_is_named(make_node, carry, broker):
    author, reader = await make_node(), await make_node()
    carry(author, broker)
    await author.say(*(f"commit {n}" for n in range(5)))
    await author.until(lambda: len(broker.entries.messages) == 5)
    del broker.entries.messages[2]
    carry(reader, broker)
    await reader.until(lambda: reader.mesh.status().missing)
    (missing,) = reader.mesh.status().missing
    assert (missing.device, missing.why, missing.count) == (author.device, Why.NOBODY, 1)
    assert len(reader.entries) == 4


async def test_silence_is_not_taken_for_the_end(make_node, carry, broker, monkeypatch):
    author, reader = await make_node(), await make_node()
    carry(author, broker)
    await author.say(*(f"commit {n}" for n in range(5)))
    await author.until(lambda: len(broker.entries.messages) == 5)
    read, left = broker.entries.read, 4

    async def silent(first):
        nonlocal left
        left -= 1
        return [] if left >= 0 else await read(first)

    monkeypatch.setattr(broker.entries, "read", silent)
    carry(reader, broker)
    await reader.until(lambda: len(reader.entries) == 5)


async def test_what_was_deleted_at_the_broker_is_read_past(make_node, carry, broker):
    author, reader = await make_node(), await make_node()
    carry(author, broker)
    await author.say("one", "two")
    await author.until(lambda: len(broker.entries.messages) == 2)
    del broker.entries.messages[1]
    carried = carry(reader, broker)
    await reader.until(lambda: carried.carrier.status().state == "live")
    assert reader.titles() == ["one"]


async def test_a_broker_that_takes_nothing_is_said_until_it_does(
    make_node, carry, broker, monkeypatch
):
    author, other = await make_node(), await make_node()
    carried = carry(author, broker)
    carry(other, broker)
    await author.until(lambda: carried.carrier.status().state == "live")
    append = broker.entries.append

    async def refuse(messages):
        raise BrokerError("no room")

    monkeypatch.setattr(broker.entries, "append", refuse)
    await author.say("one")
    await author.until(lambda: carried.carrier.status().error)
    assert "it takes no events of this device: no room" in carried.carrier.status().error
    monkeypatch.setattr(broker.entries, "append", append)
    await other.until(lambda: other.entries)
    await author.until(lambda: not carried.carrier.status().error)


async def test_a_log_that_was_made_anew_gets_everything_again(make_node, carry, broker):
    one, other = await make_node(), await make_node()
    carry(one, broker)
    carry(other, broker)
    await one.say(*(f"commit {n}" for n in range(20)))
    await other.say(*(f"build {n}" for n in range(20)))
    for node in (one, other):
        await node.until(lambda node=node: len(node.entries) == 40)
    broker.entries.make_anew()
    broker.papers.make_anew()
    fresh = await make_node()
    carry(fresh, broker)
    await fresh.until(lambda: len(fresh.entries) == 40)
    assert held(fresh) == held(one) == held(other)
    assert len(one.entries) == len(other.entries) == 40


async def test_a_log_that_drops_the_old_is_not_filled_with_it_again(make_node, carry, broker):
    author = await make_node()
    said = await author.say(*(f"commit {n}" for n in range(5)))
    broker.entries.since = (said[-1].hlc >> 16) + 1
    carry(author, broker)
    fresh = await make_node()
    carried = carry(fresh, broker)
    await fresh.until(lambda: carried.carrier.status().state == "live")
    await author.until(lambda: broker.entries.reads)
    broker.entries.since = 0
    await author.say("now")
    await fresh.until(lambda: fresh.entries)
    assert fresh.titles() == ["now"]


class Hostile:
    """Somebody who may write to the log and is not in the team, or lies."""

    def __init__(self, broker: MemoryBroker, team: str) -> None:
        self.key = SigningKey.generate()
        self._log = broker.entries
        self._team = team

    def flood(self, feed: bytes) -> None:
        put = self._log.put
        for data in (b"", b"x" * 63, b"\xff" * 300, bytes(100_000), b"\x95" * 400):
            put("anything", data)
        for seq in range(1, 30):
            put("anything", forge(self._team, self.key, feed, seq=seq))


async def test_whatever_somebody_writes_there_nothing_of_it_is_believed(
    make_node, carry, broker, team
):
    author, reader = await make_node(), await make_node()
    feed = (await author.say("first"))[0].feed
    hostile = Hostile(broker, team.id)
    hostile.flood(feed)
    carry(author, broker)
    carried = carry(reader, broker)
    for n in range(20):
        hostile.flood(feed)
        await author.say(f"commit {n}")
    await reader.until(lambda: len(reader.entries) == 21)
    assert held(reader) == held(author)
    # A replay of all that was ever said.
    for message in list(broker.entries.messages):
        broker.entries.put(message.topic, message.data)
    await author.say("last")
    await reader.until(lambda: "last" in reader.titles())
    assert held(reader) == held(author)
    assert len(reader.entries) == 22
    assert carried.carrier.status().error == ""
    assert reader.mesh.status().frozen == 0


async def test_forged_ones_before_a_genuine_one_do_not_hide_it(make_node, carry, broker, team):
    author, reader = await make_node(), await make_node()
    genuine = await author.say(*(f"commit {n}" for n in range(9)))
    key = SigningKey.generate()
    for entry in genuine:
        broker.entries.put("x", forge(team.id, key, entry.feed, seq=entry.seq))
        broker.entries.put("x", data_of(entry))
    carry(reader, broker)
    await reader.until(lambda: len(reader.entries) == 9)


def test_a_message_is_measured_before_it_is_parsed(monkeypatch) -> None:
    parsed = []
    monkeypatch.setattr(entries, "parse_entry", lambda *parts: parsed.append(parts))
    for size in (0, 1, 63, 64, 64 + 4097, 1_000_000):
        assert entries._entry(bytes(size)) is None
    assert parsed == []
    entries._entry(bytes(64 + 4096))
    assert parsed


async def test_who_takes_the_id_of_an_entry_first_does_not_keep_it_out(
    make_node, carry, broker, team
):
    author, reader = await make_node(), await make_node()
    said = (await author.say("kept out?"))[0]
    broker.entries.put("x", b"not it", said.id)
    damaged = said.body
    broker.entries.put("x", bytes(64) + damaged)
    carry(author, broker)
    carry(reader, broker)
    await reader.until(lambda: reader.entries)
    assert reader.entries[0].signature == said.signature


async def test_what_was_refused_is_read_again_under_another_policy(make_node, carry, broker):
    author, reader = await make_node(), await make_node()
    reader.unwelcome = "its author is not in the team"
    carry(author, broker)
    carried = carry(reader, broker)
    await author.say(*(f"commit {n}" for n in range(5)))
    await reader.until(lambda: carried.carrier.status().state == "live")
    await reader.until(lambda: len(broker.entries.messages) == 5)
    await reader.until(lambda: 6 in broker.entries.reads)
    assert reader.entries == []
    reader.unwelcome = ""
    reader.mesh.policy_changed()
    await reader.until(lambda: len(reader.entries) == 5)


async def test_policies_travel_and_wrong_ones_hold_up_none(make_node, carry, broker):
    one, other = await make_node(), await make_node()
    one.policies.chain = [b"1", b"22", b"333"]
    garbage = b""
    broker.papers.put(f"policy.{body_hash(garbage).hex()}", garbage)
    broker.papers.put(f"policy.{body_hash(b'1').hex()}", b"written over")
    broker.papers.put("policy.nonsense", b"22")
    carry(one, broker)
    carry(other, broker)
    await other.until(lambda: other.policies.chain == one.policies.chain)
    one.policies.chain.append(b"4444")
    one.mesh.show_policies()
    await other.until(lambda: other.policies.chain[-1] == b"4444")


async def test_a_proof_that_a_feed_ended_travels(make_node, carry, broker, team):
    one, other = await make_node(), await make_node()
    author = await make_node(name="author")
    said = (await author.say("one story"))[0]
    # A copy of the same device wrote the same number.
    data = signed_data(team.id, author.signing, said.feed, seq=1, hlc=said.hlc + 1, title="another")
    rival = wire.SignedEntry(data[SIGNATURE_BYTES:], data[:SIGNATURE_BYTES])
    now = said.hlc >> 16
    one.mesh._core.replica.rules.ingest([signed(said)], author.device, now)
    one.mesh._core.replica.rules.ingest([rival], author.device, now)
    assert one.mesh.status().frozen == 1
    carry(one, broker)
    carry(other, broker)
    await other.until(lambda: other.mesh.status().frozen == 1)
    # No proof: two entries that agree.
    pair = msgspec.msgpack.encode(wire.Pair(signed(said), signed(said)))
    broker.papers.put(f"proof.{body_hash(pair).hex()}", pair)
    third = await make_node()
    carry(third, broker)
    await third.until(lambda: third.mesh.status().frozen == 1)

"""Poison.

Whatever a member with a genuine certificate sends, the node answers, starts again, and its doctor
tells what was set aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Iterable

import msgspec
import odd
import pytest
from raw_member import RawLink, RawMember, event, nested, now_ms

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.transport.link import LinkError
from devstream_desktop.stream.entry import MAX_BODY, next_hlc
from devstream_desktop.stream.words import Kind
from devstream_desktop.team.membership import policy_path
from devstream_desktop.team.policy.chain import PolicyChain

pytestmark = pytest.mark.process


async def test_an_entry_that_nests_deeply_is_stored_by_nobody_and_stops_no_start(victims) -> None:
    (ana,), (mallory,) = await victims()
    before = (await ana.status()).feeds
    # The most that the decoder itself allows depends on who calls it: so many are read at one place
    # and end the reader at another.
    for levels in range(930, 990, 3):
        with contextlib.suppress(LinkError):
            link = await mallory.dial(ana.mesh)
            await link.push(mallory.feed(levels).entry(nested(levels), version=2))
        await mallory.close()
    assert (await ana.status()).feeds == before
    await ana.restart()
    assert (await ana.status()).feeds == before


def put_in(victim, feed: bytes, entries) -> None:
    """Store entries as an earlier version did, which bounded nothing."""
    with contextlib.closing(sqlite3.connect(victim.desk.home.history)) as connection, connection:
        (number,) = connection.execute(
            "INSERT INTO feeds (feed) VALUES (?) RETURNING id", (feed,)
        ).fetchone()
        sql = (
            "INSERT INTO log (feed, seq, sender, verified, body, signature) VALUES (?, ?, "
            "(SELECT MIN(id) FROM senders), 1, ?, ?)"
        )
        connection.executemany(
            sql, [(number, seq, one.body, one.signature) for seq, one in enumerate(entries, 1)]
        )


@pytest.mark.parametrize("newest", [True, False])
async def test_an_entry_that_an_earlier_version_stored_is_set_aside_and_named(
    victims, newest
) -> None:
    (ana, bob), (mallory,) = await victims("bob")
    feed = mallory.feed()
    entries = [
        feed.entry(event(Kind.CLAIM, "claimed", actor="mallory", title="one")),
        feed.entry(nested(977), version=2),
    ]
    if not newest:
        entries.append(feed.entry(event(Kind.CLAIM, "claimed", actor="mallory", title="three")))
    named = f"entry 2 of device {mallory.device[:8]}"
    assert await asyncio.to_thread(ana.desk.stop) == 0
    put_in(ana, feed.id, entries)
    assert named in await ana.doctor(), "also while the node does not run"
    await asyncio.to_thread(ana.desk.start)

    async def others_have_the_rest() -> bool:
        return {line.event.title for line in await bob.rows()} >= {"one", *["three"] * (not newest)}

    await bob.until("the rest is passed on", others_have_the_rest)

    async def told() -> bool:
        return any(named in notice for notice in (await ana.status()).notices)

    await ana.until("it is told", told)
    assert (await ana.doctor()).count(named) == 1
    await ana.restart()
    assert await told()
    assert (await ana.doctor()).count(named) == 1


class Pusher:
    """Sends frames over a link of mallory's, and over the next one where the node cut it off."""

    def __init__(self, mallory: RawMember, address: str) -> None:
        self._mallory = mallory
        self._address = address
        self._link: RawLink | None = None
        self.cut = self.answered = 0

    async def send(self, requests: Iterable[wire.Request | bytes]) -> None:
        for request in requests:
            try:
                self._link = self._link or await self._mallory.dial(self._address)
                await self._link.ask(request)
                self.answered += 1
            except LinkError:
                self.cut += 1
                self._link = None
                await self._mallory.close()


async def still_works(ana, bob, feeds: int) -> None:
    """It answers now, after its next start and for others; and nothing had to be set aside."""
    before = await ana.status()
    await ana.restart()
    after = await ana.status()
    assert (after.device, after.members, after.policy_version) == (
        before.device,
        before.members,
        before.policy_version,
    )
    assert 0 < after.feeds <= feeds, "feeds of which everything was refused are forgotten"
    assert not [notice for notice in after.notices if "cannot be read" in notice]
    assert "whole" in await ana.doctor()
    await bob.run("duty", "off")

    async def heard() -> bool:
        return any(
            line.event.kind is Kind.DUTY and line.event.actor == "bob" for line in await ana.rows()
        )

    await ana.until("an honest word comes through", heard)


async def test_entries_of_any_version_with_anything_in_them(victims) -> None:
    (ana, bob), (mallory,) = await victims("bob")
    bodies = odd.generated(odd.entries(mallory.key.public, next_hlc(0, now_ms()), now_ms()), 600)
    pusher = Pusher(mallory, ana.mesh)
    signed = [mallory.sign(body) for body in bodies if len(body) <= MAX_BODY]
    await pusher.send(wire.Push(signed[at : at + 60], 0) for at in range(0, len(signed), 60))
    assert pusher.cut, "many of them are no entries"
    feeds = (await ana.status()).feeds
    assert feeds > 20, "and some are, of versions that nobody knows yet"
    await still_works(ana, bob, feeds)


async def test_messages_and_proofs_with_anything_in_them(victims) -> None:
    (ana, bob), (mallory,) = await victims("bob")
    feed = mallory.feed()
    one, other = (
        feed.entry(event(Kind.CLAIM, "claimed", actor="mallory")),
        feed.entry(nested(3), version=2),
    )
    requests = [
        mallory.hello(),
        wire.Tail(bytes(16), 1, 0, 1000, 0),
        wire.Push([one, other], 0),
        wire.Digest(bytes(512)),
        wire.Offer([wire.Record(feed.id, 0, 9, bytes(16), 1 << 40, [(2, 3)])], [feed.id]),
        wire.Fetch([wire.Range(feed.id, 1, 9)], 1000),
        wire.Proof([wire.Pair(one, other)], [feed.id]),
        wire.AskPolicy(3, [b"document"]),
    ]
    pusher = Pusher(mallory, ana.mesh)
    await pusher.send(odd.generated(odd.messages(requests), 40))
    assert pusher.cut > 10
    await still_works(ana, bob, (await ana.status()).feeds)


async def test_policies_with_anything_in_them(victims) -> None:
    (ana, bob), (mallory,) = await victims("bob")
    chain = await asyncio.to_thread(PolicyChain.load, policy_path(ana.desk.home))
    version = chain.stamp
    documents = odd.generated(
        odd.policies(chain.successor(chain.current, now_ms()), mallory.key), 300
    )
    for at in (-100, 0, 1 << 31):
        strange = msgspec.structs.replace(chain.current, version=at)
        payload = msgspec.json.encode(strange)
        documents.append(
            msgspec.msgpack.encode(
                [
                    1,
                    payload,
                    [[mallory.device, mallory.key.sign(b"devstream/policy/1\0" + payload)]],
                ]
            )
        )
    pusher = Pusher(mallory, ana.mesh)
    await pusher.send(
        wire.AskPolicy(5, documents[at : at + 10]) for at in range(0, len(documents), 10)
    )
    assert pusher.answered > 20
    status = await ana.status()
    assert PolicyChain.load(policy_path(ana.desk.home)).stamp == version
    assert "Traceback" not in ana.desk.home.log.read_text(encoding="utf-8")
    await still_works(ana, bob, status.feeds)

"""Poison: whatever a member with a genuine certificate sends, the node answers, starts again, and its doctor tells what was set aside."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3

import pytest
from raw_member import event, nested

from devstream_desktop.mesh.link import LinkError
from devstream_desktop.stream.words import Kind


async def test_an_entry_that_nests_deeply_is_stored_by_nobody_and_stops_no_start(victims) -> None:
    (ana,), (mallory,) = await victims()
    before = (await ana.status()).feeds
    # The most that the decoder itself allows depends on who calls it: so many are read at one place and end the reader at another.
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
        (number,) = connection.execute("INSERT INTO feeds (feed) VALUES (?) RETURNING id", (feed,)).fetchone()
        sql = "INSERT INTO log (feed, seq, sender, verified, body, signature) VALUES (?, ?, (SELECT MIN(id) FROM senders), 1, ?, ?)"
        connection.executemany(sql, [(number, seq, one.body, one.signature) for seq, one in enumerate(entries, 1)])


@pytest.mark.parametrize("newest", [True, False])
async def test_an_entry_that_an_earlier_version_stored_is_set_aside_and_named(victims, newest) -> None:
    (ana, bob), (mallory,) = await victims("bob")
    feed = mallory.feed()
    entries = [feed.entry(event(Kind.CLAIM, "claimed", actor="mallory", title="one")), feed.entry(nested(977), version=2)]
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

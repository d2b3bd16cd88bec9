"""Poison: whatever a member with a genuine certificate sends, the node answers, starts again, and its doctor tells what was set aside."""

from __future__ import annotations

import contextlib

from raw_member import nested

from devstream_desktop.mesh.link import LinkError


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

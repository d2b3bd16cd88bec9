"""Numbers and stamps at the ends of what an entry can hold.

Each is taken or refused, and the node answers and starts again.
"""

from __future__ import annotations

import pytest
from raw_member import event, now_ms

from devstream_desktop.mesh import wire
from devstream_desktop.stream.entry import MAX_HLC, MAX_SEQ, next_hlc

pytestmark = pytest.mark.process

CLAIM = {"kind": "claim", "state": "claimed", "actor": "mallory"}
LAST = (MAX_SEQ - 1, MAX_SEQ)
BEYOND = (MAX_SEQ + 1, MAX_HLC - 1, MAX_HLC)


async def test_the_last_numbers_and_stamps_stop_no_start(victims) -> None:
    (ana,), (mallory,) = await victims()
    epoch = 0
    for seq in (1, 2, *LAST, *BEYOND):
        for hlc in (1, next_hlc(0, now_ms()), next_hlc(0, now_ms() + 599_000) + 65_535, MAX_HLC):
            epoch += 1
            # Each that is no entry counts as bad, and after three a link is cut.
            link = await mallory.dial(ana.mesh)
            reply = await link.push(mallory.feed(epoch).entry(event(**CLAIM), seq=seq, hlc=hlc))
            assert isinstance(reply, wire.Pushed)
            assert reply.stored == 0 or seq <= MAX_SEQ
            await mallory.close()
    assert (await ana.status()).feeds > len(LAST)
    before = {line.entry for line in await ana.rows()}
    await ana.restart()
    assert before <= {line.entry for line in await ana.rows()}
    assert "✗ history" not in await ana.doctor()

"""A member who writes as fast as it can.

The history stays as large as it may be, and nobody else loses a line.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from raw_member import event, now_ms

from devstream_desktop.history import shares
from devstream_desktop.history.reader import Reader
from devstream_desktop.mesh import wire
from devstream_desktop.node.size_limit import ROLE_SHARE, SizeLimit
from devstream_desktop.stream.entry import next_hlc
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.words import Kind, Role

LARGE = b"\xc5\x0c\x00" + bytes(0x0C00)
"""A payload of three KiB that means nothing in version 2."""
BATCH = 60


@dataclass
class Standing:
    """As much of a policy as a share depends on."""

    names: dict[str, str]
    strong: set[str] = field(default_factory=set)

    def name_of(self, device: str) -> str:
        return self.names.get(device, device[:8])

    def has_role(self, device: str, role: Role) -> bool:
        return device in self.strong and role is Role.COLLECTOR


async def flood(link, mallory, batches: int, *, version: int) -> int:
    """Push batches of an hour ago, each in a feed of its own; the entries that were stored."""
    stored = 0
    for epoch in range(batches):
        feed, hlc = mallory.feed(epoch + 1), next_hlc(0, now_ms() - 3_600_000)
        payload = (
            LARGE
            if version == 2
            else event(Kind.CLAIM, "claimed", title="x" * 140, reason="y" * 200)
        )
        reply = await link.push(
            *(feed.entry(payload, version=version, hlc=hlc + n) for n in range(BATCH))
        )
        assert isinstance(reply, wire.Pushed)
        stored += reply.stored
    return stored


@pytest.mark.parametrize("version", [1, 2])
async def test_a_flood_pushes_out_nothing_but_itself(make_node, raw, monkeypatch, version) -> None:
    ana, mallory = await make_node(), raw()
    await ana.say(*(f"honest {n}" for n in range(100)))
    notices: dict[str, str] = {}
    standing = Standing({mallory.device: "mallory", ana.device: "ana"})
    fitting = SizeLimit(ana.history, ana.mesh.forget, lambda: standing, notices)
    link = await mallory.dial(ana.address)
    assert await flood(link, mallory, 20, version=version) == 20 * BATCH
    await fitting.look()
    assert notices == {}
    ana.history.checkpoint()
    monkeypatch.setattr(shares, "MOST_BYTES", ana.history.path.stat().st_size // 3)
    for _ in range(10):  # the words of what went are weeded out of the index by and by
        await fitting.look()
        while ana.history.tend():
            pass
    assert not ana.history.too_large
    with Reader(ana.history.path) as reader:
        shown = {
            line.event.title
            for line in reader.page(Query(kind=Kind.CHANGE), limit=1000, superseded=True)
        }
    assert shown == {f"honest {n}" for n in range(100)}
    assert "events of mallory, who took most" in notices["size"]
    assert ana.mesh.status().events < 100 + 20 * BATCH / 2


async def test_a_collector_has_a_larger_share(make_node) -> None:
    ana = await make_node()
    fitting = SizeLimit(ana.history, ana.mesh.forget, lambda: Standing({}, {ana.device}), {})
    assert fitting._share(ana.public) == ROLE_SHARE
    assert fitting._share(bytes(32)) == 1

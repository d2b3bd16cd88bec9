"""The tools of this room work.

What a raw member says honestly is taken, so that what is refused in other tests is refused for its
lie.
"""

from __future__ import annotations

import pytest
from raw_member import event, nested, records, shows

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.transport.link import LinkError
from devstream_desktop.stream.event import decode_event
from devstream_desktop.stream.words import Kind

CLAIM = {"kind": Kind.CLAIM, "state": "claimed"}


async def test_a_bare_mesh_takes_its_entries_and_dials_it(make_node, raw) -> None:
    mallory = raw()
    address = await mallory.listen(shows(records((mallory.feed().id, 9))))
    node = await make_node(peers=[address])
    link = await mallory.dial(node.address)
    feed = mallory.feed()
    pushed = await link.push(
        feed.entry(event(**CLAIM, title="one")), feed.entry(event(**CLAIM, title="two"))
    )
    assert isinstance(pushed, wire.Pushed)
    assert pushed.stored == 2
    assert node.titles() == ["one", "two"]
    news = await (await raw().dial(node.address)).tail()
    assert isinstance(news, wire.News)
    await node.until(lambda: wire.Fetch in {type(request) for request in mallory.heard})


async def test_any_frame_can_be_sent(make_node, raw) -> None:
    node = await make_node()
    link = await raw().dial(node.address)
    with pytest.raises(LinkError):
        await link.ask(b"\0" + nested(2000))


@pytest.mark.process
async def test_a_real_node_shows_what_it_says_and_restarts(victims) -> None:
    (ana, bob), (mallory,) = await victims("bob")
    assert (await ana.status()).members == 3
    feed = mallory.feed()
    await (await mallory.dial(ana.mesh)).push(
        feed.entry(event(**CLAIM, actor="mallory", title="mine"))
    )
    for victim in (ana, bob):

        async def shown(victim=victim) -> list[str]:
            return [line.event.actor for line in await victim.rows() if line.event.title == "mine"]

        assert await victim.until("it is shown", shown) == ["mallory"]
    await ana.restart()
    assert "mine" in {record["title"] for record in await ana.records("kind:claim")}
    assert "history" in await ana.doctor()
    assert decode_event(event(**CLAIM)).service == "shop"

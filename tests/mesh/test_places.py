"""The memory of a listener and a dialer: places, pauses, and reasons of failed dials."""

from __future__ import annotations

import time

from devstream_desktop.mesh.overlay import dialer
from devstream_desktop.mesh.overlay.backoff import REFUSED_MIN_MS


async def test_a_caller_that_has_left_takes_no_place_but_is_remembered(make_node):
    hub = await make_node()
    caller = await make_node(peers=[hub])
    accepted = hub.mesh._core.accepted
    await hub.until(lambda: accepted.served() == {caller.device})
    make_node.nodes.remove(caller)
    await caller.stop()
    await hub.until(lambda: not accepted.served(), seconds=5)
    assert caller.device in [peer.device for peer in accepted.all()]


async def test_who_is_only_asked_to_push_slower_is_back_in_seconds(make_node):
    hub = await make_node()
    caller = await make_node(peers=[hub])
    await hub.until(lambda: hub.mesh._core.accepted.works(caller.device))
    (peer,) = hub.mesh._core.accepted.all()
    peer.busy_until = time.monotonic() + 60
    await caller.say("one")
    await caller.until(lambda: "push slower" in caller.refusals())
    next_try = caller.mesh._overlay._known[hub.address].next_try
    assert next_try < time.time_ns() // 1_000_000 + REFUSED_MIN_MS, (
        "a full peer is left alone for minutes"
    )
    await hub.until(lambda: hub.titles() == ["one"], seconds=15)


async def test_why_a_dial_failed_is_remembered_of_known_addresses_only(make_node, monkeypatch):
    async def why(*_: object, **__: object) -> str:
        return "nobody listens there"

    monkeypatch.setattr(dialer, "why", why)
    node = await make_node()
    for address in ("192.0.2.1:7000", "192.0.2.2:7000"):
        node.mesh._overlay.learn(address, dialer.Source.GOSSIP)
        assert (
            await node.mesh._dialer._explain(address, address, reached=False)
            == "nobody listens there"
        )
    assert len(node.mesh._dialer._explained) == 2
    del node.mesh._overlay._known["192.0.2.1:7000"]
    node.mesh._overlay.learn("192.0.2.3:7000", dialer.Source.GOSSIP)
    await node.mesh._dialer._explain("192.0.2.3:7000", "192.0.2.3:7000", reached=False)
    assert set(node.mesh._dialer._explained) <= {"192.0.2.2:7000", "192.0.2.3:7000"}

"""The word of a site's relay: whose it is, for how long it counts, and for which numbers.

How a site chooses its relay is told in virtual time: tests/simulation/test_sites.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from memory_broker import MemoryBroker

from devstream_desktop.mesh.carrier import beat as beats
from devstream_desktop.mesh.carrier.beat import Beat, seal, unseal
from devstream_desktop.mesh.carrier.entries import Entries
from devstream_desktop.mesh.carrier.place import Place
from devstream_desktop.mesh.carrier.site import Site

Word = Callable[..., bytes]


def site_of(node: Any) -> Site:
    broker, core = MemoryBroker(), node.mesh._core
    entries = Entries(core, broker.entries, Place(), relay=True, elected=True)
    return Site(core, broker, "berlin", entries, may_relay=lambda: True, level=lambda: True)


def word(of: Any, site: str = "berlin", *, later: int = 0) -> bytes:
    core = of.mesh._core
    return seal(core, Beat(site, core.device, core.team_time() + later))


async def test_only_a_member_speaks_for_a_site_and_only_for_its_own(make_node, team):
    node, member, stranger = await make_node(), await make_node(), await make_node()
    node.barred[stranger.device] = "it is not in the team"
    mine = node.mesh._core
    assert unseal(mine, "berlin", word(member)) is not None
    assert unseal(mine, "berlin", word(stranger)) is None
    assert unseal(mine, "berlin", word(member, "lisbon")) is None
    body = msgspec.msgpack.encode(Beat("berlin", member.device, 1))
    for wrong in (
        b"",
        bytes(64),
        bytes(64) + body,
        word(stranger)[:64] + word(member)[64:],
        member.signing.sign(body).signature + body,
        member.mesh._core.replica.signatures.sign(body) + body,
        word(member) + bytes(beats.MOST_BYTES),
        bytes(64) + b"\x91" * 3000,
        bytes(64) + msgspec.msgpack.encode(Beat("berlin", "nobody", 1)),
    ):
        assert unseal(mine, "berlin", wrong) is None


@pytest.mark.parametrize("later", [-60_000, 60_000])
async def test_a_word_said_again_later_keeps_no_relay_alive(make_node, later):
    node, member = await make_node(), await make_node()
    site = site_of(node)
    site._hear(word(member, later=later))
    assert site.relay == ""
    said = word(member)
    site._hear(said)
    assert site.relay == member.device
    site._alive = 0.0
    site._hear(said)
    assert site._alive == 0.0


async def test_a_flood_of_words_is_not_looked_at(make_node, monkeypatch):
    node, member = await make_node(), await make_node()
    site, said = site_of(node), word(member)
    looked = 0

    def count(*_: object) -> None:
        nonlocal looked
        looked += 1

    monkeypatch.setattr("devstream_desktop.mesh.carrier.site.unseal", count)
    for _ in range(10_000):
        site._hear(said)
    assert looked < 1000


def test_a_word_about_numbers_that_the_log_has_not_given_counts_for_nothing() -> None:
    place = Place()
    place.follow("a log", b"", 0)
    place.trust([(1, 1 << 50)], 0)
    place.bound(100)
    assert place.missing(1, 120) == [(101, 120)]
    assert Beat("s", "d", 0, "m", [(5, 1), (1, 1 << 60)]).ranges() == []


def test_what_another_node_read_is_told_on_and_what_it_could_not_take_is_not() -> None:
    place = Place()
    place.follow("a log", b"", 0)
    place.trust([(1, 50)], 7)
    place.took(51, 60, doubtful=[55])
    assert place.taken() == [(1, 54), (56, 60)]
    assert (place.own, place.others) == (0, 7)
    place.follow("another", b"", 0)
    assert place.taken() == []

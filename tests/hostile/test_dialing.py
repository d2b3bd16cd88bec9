"""The addresses that a node dials because a peer named them.

Only those where nodes of the team may be, seldom, and never for long in vain.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st
from raw_member import INDEX, now_ms

from devstream_desktop.control.node_words import LINK_NO_NODE
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.address import LOWEST_PORT, join, may_be_named
from devstream_desktop.mesh.limits import NAMED_BURST
from devstream_desktop.mesh.overlay import dialer
from devstream_desktop.mesh.overlay.choice import MAX_UNDER_WAY, SLOW_MS
from devstream_desktop.mesh.overlay.known import Source
from devstream_desktop.mesh.overlay.table import MAX_BARRED, NOBODY_MS, Overlay
from devstream_desktop.mesh.service import UnreachableError
from devstream_desktop.mesh.timing import Timing
from devstream_desktop.stream.entry import device_id

EVERYWHERE = "0.0.0.0"
NOW = 1_700_000_000_000
HOSTILE = [
    "127.0.0.1:7000",
    "127.1.2.3:7000",
    "[::1]:7000",
    "[::ffff:127.0.0.1]:7000",
    "[::ffff:169.254.169.254]:7000",
    "[64:ff9b::a9fe:a9fe]:7000",
    "[2002:7f00:1::]:7000",
    "0.0.0.0:7000",
    "0.1.2.3:7000",
    "[::]:7000",
    "169.254.169.254:8080",
    "[fe80::1]:7000",
    "[fe80::1%eth0]:7000",
    "[fd00::1%eth0]:7000",
    "224.0.0.251:7000",
    "[ff02::1]:7000",
    "255.255.255.255:7000",
    "240.0.0.1:7000",
    "10.0.0.1:22",
    "10.0.0.1:25",
    "10.0.0.1:1023",
    "10.0.0.1:0",
    "10.0.0.1:65536",
    "10.0.0.1:+7000",
    "010.0.0.1:7000",
    "10.1:7000",
    "0x0a000001:7000",
    "167772161:7000",
    "localhost:7000",
    "internal.example.com:7000",
    "user@10.0.0.1:7000",
    " 10.0.0.1:7000",
    "10.0.0.1:7000/x",
    "[10.0.0.1]:7000",
    "[FD00::1]:7000",
    "",
    ":",
]
HONEST = [
    "10.0.0.1:7000",
    "192.168.1.20:7400",
    "172.16.0.9:1024",
    "100.64.0.7:7000",
    "93.184.216.34:7400",
    "[fd12::7]:7000",
    "[2a00::1]:7000",
]


@pytest.mark.parametrize("address", HOSTILE)
def test_what_nobody_can_mean_is_not_dialed(address: str) -> None:
    assert not may_be_named(address, EVERYWHERE)


@pytest.mark.parametrize("address", HONEST)
def test_where_a_node_may_be_is_dialed(address: str) -> None:
    assert may_be_named(address, EVERYWHERE)


def test_this_machine_is_dialed_by_whoever_is_found_only_there() -> None:
    for here in ("127.0.0.1", "::1", "localhost"):
        assert may_be_named("127.0.0.1:7000", here)
        assert not may_be_named("127.0.0.1:22", here)
        assert not may_be_named("169.254.1.1:7000", here)
    assert not may_be_named("127.0.0.1:7000", "192.168.1.2")
    assert not may_be_named("127.0.0.1:7000", "desk.example.com")


@given(st.ip_addresses(), st.integers(0, 65535))
def test_no_address_of_a_special_kind_passes(ip, port: int) -> None:
    """The oracle asks of the number what each kind is, in another way than the check."""
    if not may_be_named(join(str(ip), port), EVERYWHERE):
        return
    assert port >= LOWEST_PORT
    forbidden = [
        "127.0.0.0/8",
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/3",
        "::/127",
        "::ffff:0:0/96",
        "fe80::/10",
        "ff00::/8",
        "64:ff9b::/96",
    ]
    assert not any(
        ip in ipaddress.ip_network(network)
        for network in forbidden
        if ipaddress.ip_network(network).version == ip.version
    )


# Real nodes. They listen on 127.0.0.1, so that others on it may be named to them.


@asynccontextmanager
async def trap(
    host: str = "127.0.0.1", port: int = 0, answer: bytes = b"220 mail.example.com ESMTP\r\n"
) -> AsyncIterator[tuple[str, list]]:
    """Something that is no node; its address and who connected."""
    met: list = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer.get_extra_info("peername"))
        with contextlib.suppress(OSError):
            writer.write(answer)
            await writer.drain()
            await reader.read(100)
            writer.close()

    server = await asyncio.start_server(serve, host, port)
    try:
        yield join(host, server.sockets[0].getsockname()[1]), met
    finally:
        server.close()


def known(node) -> set[str]:
    return {one.address for one in node.mesh._overlay.all()}


async def names(node, mallory, addresses: list[str], *, way: str) -> None:
    """Mallory tells the node of addresses, as those of other members."""
    told = [
        wire.PeerAddress(device_id(bytes([1, number % 250]) * 16), address)
        for number, address in enumerate(addresses)
    ]
    match way:
        case "welcome" | "peers":
            welcome = wire.Welcome(
                wire.PROTOCOL,
                mallory.team,
                mallory.device,
                INDEX,
                0,
                now_ms(),
                told if way == "welcome" else [],
            )
            answers = {wire.Hello: lambda _: welcome, wire.AskPeers: lambda _: wire.PeerList(told)}
        case "refused":
            answers = {wire.Hello: lambda _: wire.Refused("full, try these", told, busy=True)}
    node.mesh.add_peer(await mallory.listen(answers))
    await node.until(lambda: wire.Hello in {type(one) for one in mallory.heard})


@pytest.mark.parametrize("way", ["welcome", "peers", "refused"])
async def test_names_and_the_places_of_every_machine_are_not_even_noted(
    make_node, raw, way: str
) -> None:
    node = await make_node(timing=Timing(peers=0.2))
    mallory = raw()
    hostile = [address for address in HOSTILE if "127." not in address and "::1]" not in address][
        :14
    ]
    async with trap() as (real, met):
        await names(node, mallory, [*hostile, real], way=way)
        await node.until(lambda: met)
    assert known(node) & set(hostile) == set()


async def test_a_port_of_the_system_is_no_place_to_dial_back(make_node, raw) -> None:
    node, other = await make_node(), raw()
    for port in (22, 25, 1023):
        mallory = raw()
        await mallory.dial(node.address, port=port)
    assert known(node) == set()
    link = await other.dial(node.address)
    reply = await link.ask(wire.AskPeers())
    assert isinstance(reply, wire.PeerList)
    assert reply.peers == [], "and nobody else is told of it"


async def test_devices_of_no_member_are_not_dialed(make_node, raw) -> None:
    node, mallory = await make_node(), raw()
    node.barred.update(
        dict.fromkeys((device_id(bytes([1, number]) * 16) for number in range(9)), "no member")
    )
    await names(
        node, mallory, [f"127.0.0.1:{number}" for number in range(20_000, 20_009)], way="welcome"
    )
    await node.until(lambda: mallory.device in node.live())
    assert len(known(node)) == 1


async def test_of_one_peer_few_new_addresses_are_noted_and_of_another_as_many(
    make_node, raw
) -> None:
    node, mallory = await make_node(), raw()
    rounds = iter(range(10_000))

    def told() -> list[wire.PeerAddress]:
        number = next(rounds)
        return [
            wire.PeerAddress(device_id(bytes([1, n]) * 16), f"10.{number}.0.{n + 1}:7000")
            for n in range(wire.MAX_PEERS)
        ]

    links = [await one.dial(node.address) for one in (mallory, raw())]
    assert links
    for teller in ("mallory", "bob"):
        before = len(known(node))
        for _ in range(10):
            node.mesh._dialer.hear_of(teller, told())
        assert len(known(node)) - before == NAMED_BURST


@pytest.mark.slow
async def test_where_no_node_answers_is_dialed_once_however_often_it_is_named(
    make_node, raw
) -> None:
    node, mallory = await make_node(timing=Timing(connect=1.5, peers=0.2)), raw()
    async with trap() as (address, met):
        await names(node, mallory, [address], way="peers")
        await node.until(lambda: LINK_NO_NODE in node.refusals(), seconds=20)
        before = len(met)
        await asyncio.sleep(2.0)
        assert len(met) == before <= 6, (
            "one dial, its retries within a second and a half, and one look at why"
        )
        assert address not in known(node)


async def test_what_a_person_named_is_dialed_wherever_it_is(make_node) -> None:
    async with trap() as (address, met):
        node = await make_node(peers=[address.replace("127.0.0.1", "localhost")])
        await node.until(lambda: met)


async def test_a_hint_that_nobody_can_mean_is_dropped(make_node) -> None:
    node = await make_node(
        hints=["localhost:7000", "169.254.1.1:7000", "10.0.0.1:22", "10.0.0.1:7000"]
    )
    assert known(node) == {"10.0.0.1:7000"}


async def test_an_issuer_may_name_a_router_and_nothing_that_every_machine_has(make_node) -> None:
    node = await make_node(listen="0.0.0.0:0")
    said = ["office.example:7400", "10.0.0.1:7000", "[2a00::1]:7000"]
    node.mesh.know([*said, "localhost:7000", "127.0.0.1:7000", "a.example:22", "x", "10.0.0.1:22"])
    assert known(node) == set(said)


async def test_a_name_that_an_issuer_said_leads_to_no_address_of_every_machine(
    make_node, monkeypatch
) -> None:
    async def resolve(_: str) -> list[str]:
        return ["127.0.0.1:7400", "169.254.169.254:7400"]

    monkeypatch.setattr(dialer, "resolve", resolve)
    node = await make_node(listen="0.0.0.0:0")
    node.mesh.know(["office.example:7400"])
    await node.until(lambda: "another's word" in str(node.refusals()))
    # Nor does a question to one node go there.
    node.mesh._overlay.learn("office.example:7400", Source.HINT, "d" * 64)
    with pytest.raises(UnreachableError, match="another's word"):
        await node.mesh.ask("d" * 64, "deploy", b"", 2)


# The table.


def table() -> Overlay:
    return Overlay("me", random.Random(1))


def test_a_barred_address_is_news_again_after_an_hour_and_the_bar_is_bounded() -> None:
    one = table()
    for number in range(MAX_BARRED + 9):
        address = f"10.{number // 250}.0.{number % 250}:7000"
        one.learn(address, Source.GOSSIP, f"d{number}")
        one.lost(address, NOW, nobody=True)
        assert not one.is_news(address, NOW + NOBODY_MS - 1)
    assert one.is_news(address, NOW + NOBODY_MS)
    assert len(one._barred) == MAX_BARRED


@pytest.mark.parametrize("source", [Source.DISCOVERED, Source.HINT, Source.STATIC])
def test_only_a_rumour_is_barred(source: Source) -> None:
    one = table()
    one.learn("10.0.0.1:7000", source, "a")
    one.lost("10.0.0.1:7000", NOW, nobody=True)
    one.learn("10.0.0.2:7000", Source.GOSSIP, "b")
    one.linked("10.0.0.2:7000", "b", NOW)
    one.lost("10.0.0.2:7000", NOW, nobody=True)
    assert one.knows("10.0.0.1:7000")
    assert one.knows("10.0.0.2:7000")


def test_false_addresses_hold_no_place_of_true_ones() -> None:
    """Eight of them are being dialed in vain; whoever was reached before is dialed all the same."""
    one = table()
    false = [f"10.1.0.{number}:7000" for number in range(1, 60)]
    for number, address in enumerate(false):
        one.learn(address, Source.GOSSIP, f"false{number}")
        one.lost(address, NOW)
    later = NOW + 120_000
    busy = one.choose([], [], later)
    assert len(busy) == 4
    for _ in range(3):
        busy += one.choose(busy, [], later + SLOW_MS)
        later += SLOW_MS
    assert len(busy) == MAX_UNDER_WAY
    for number in range(3):
        one.linked(f"10.2.0.{number}:7000", f"true{number}", NOW)
    assert set(one.choose(busy, [], later)) == {f"10.2.0.{number}:7000" for number in range(3)}


def test_a_false_address_of_a_neighbour_covers_no_subnet() -> None:
    one = table()
    for number in range(9):
        one.linked(f"10.0.0.{number}:7000", f"d{number}", NOW)
    one.learn("10.9.0.1:7000", Source.GOSSIP, "d0")
    one.learn("10.9.0.2:7000", Source.GOSSIP, "far")
    busy, linked = (
        [f"10.0.0.{number}:7000" for number in range(9)],
        [f"d{number}" for number in range(9)],
    )
    assert one.choose(busy, linked, NOW) == ["10.9.0.2:7000"]

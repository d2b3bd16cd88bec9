"""Nodes with real NATS servers from Debian's package, on loopback."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import nats
import pytest
from memory_broker import Carried, data_of, forge, held
from nacl.signing import SigningKey
from nats_server import Server, free_port, needs_nats, nkey, servers

from devstream_desktop.mesh.carrier import entries, papers
from devstream_desktop.mesh.carrier.broker import BrokerError
from devstream_desktop.mesh.carrier.nats import Access, NatsBroker, Wanted
from devstream_desktop.mesh.carrier.nats.connection import MOST_AT_ONCE, Connection
from devstream_desktop.shared_files import shared

pytestmark = [pytest.mark.process, needs_nats]
DAY_S = 86_400


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "RELAY_S", 0.1)
    monkeypatch.setattr(papers, "RELAY_S", 0.1)
    monkeypatch.setattr(papers, "TRY_S", 0.1)


@pytest.fixture
def make_server(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    with servers(tmp_path) as start:
        yield start


@pytest.fixture
async def carry(tmp_path: Path) -> AsyncIterator[Callable[..., Carried]]:
    """Begin to carry for a node; all carriers are stopped at the end."""
    running: list[Carried] = []

    def begin(
        node: Any,
        server: Server,
        *,
        url: str = "",
        relay: bool = True,
        site: str = "",
        **access: Any,
    ) -> Carried:
        access_ = Access([url or server.url], **access)
        broker = NatsBroker(node.team.id, access_, Wanted(30 * DAY_S))
        running.append(Carried(node, broker, tmp_path, relay=relay, site=site))
        return running[-1]

    yield begin
    await asyncio.gather(*(one.stop() for one in running))


def live(carried: Carried) -> bool:
    return carried.carrier.status().state == "live"


async def test_gossip_the_stream_and_both_end_with_equal_histories_whatever_happens(
    make_node, make_server, carry
):
    server = make_server()
    gossip = await make_node()
    both = [await make_node(peers=[gossip]) for _ in range(2)]
    stream = [await make_node() for _ in range(2)]
    carried = [carry(node, server) for node in (*both, *stream)]
    nodes = [gossip, *both, *stream]
    for n in range(20):
        await asyncio.gather(*(node.say(f"{node.device[:4]} {n}") for node in nodes))
    for node in nodes:
        await node.until(lambda node=node: len(node.entries) == 100)

    server.end()
    await nodes[1].until(lambda: all(one.carrier.status().error for one in carried))
    await asyncio.gather(*(node.say(f"{node.device[:4]} without it") for node in nodes))
    for node in (gossip, *both):
        await node.until(lambda node=node: len(node.entries) >= 103)
    server.start()
    for node in nodes:
        await node.until(lambda node=node: len(node.entries) == 105, 60)

    server.end()
    server.wipe()
    server.start()
    fresh = await make_node()
    carry(fresh, server)
    await gossip.say("after")
    for node in (*nodes, fresh):
        await node.until(lambda node=node: len(node.entries) == 106, 60)
    assert len({frozenset(held(node)) for node in (*nodes, fresh)}) == 1
    assert all(len(node.entries) == len(held(node)) for node in nodes)


async def test_a_publisher_with_valid_credentials_is_believed_nothing(
    make_node, make_server, carry, team
):
    server = make_server()
    author, reader = await make_node(), await make_node()
    carried = carry(author, server)
    await author.until(lambda: live(carried))
    said = await author.say("genuine")
    hostile = await nats.connect(server.url)
    stream, key = hostile.jetstream(), SigningKey.generate()
    subject = f"devstream.{team.id}.feed.x"
    for data in (b"", b"x" * 64, b"\xff" * 4000, forge(team.id, key, said[0].feed, seq=2)):
        await stream.publish(subject, data)
    await author.until(lambda: carried.carrier.status().unsent == 0)
    for _ in range(3):
        await stream.publish(subject, data_of(said[0]))
    with pytest.raises(Exception, match="message size exceeds"):
        await stream.publish(subject, bytes(100_000))
    await stream.publish(f"devstream.{team.id}.paper.policy.{'0' * 32}", b"a policy")
    await hostile.close()
    carry(reader, server)
    await author.say("after that")
    await reader.until(lambda: len(reader.entries) == 2)
    assert reader.titles() == ["genuine", "after that"]
    assert held(reader) == held(author)
    assert reader.policies.chain == []


async def test_a_stream_with_a_lost_connection_in_the_middle_of_a_catch_up(
    make_node, make_server, carry
):
    server = make_server()
    old, fresh = await make_node(), await make_node()
    carried = carry(old, server)
    await old.say(*(f"commit {n}" for n in range(3000)))
    await old.until(lambda: live(carried) and not carried.carrier.status().unsent)
    carry(fresh, server)
    await fresh.until(lambda: len(fresh.entries) > 100)
    server.end()
    server.start()
    await fresh.until(lambda: len(fresh.entries) == 3000, 60)
    assert held(fresh) == held(old)


def certify(authority: Any, folder: Path) -> tuple[Path, Path, Path]:
    """Make an authority and a server's certificate of it: authority, certificate, key."""
    found = authority.credentials("localhost")
    files = (folder / "ca.pem", folder / "cert.pem", folder / "key.pem")
    for file, pem in zip(
        files, (found.ca_pem, found.certificate_pem, found.key_pem), strict=True
    ):  # fmt: skip
        file.write_text(pem)
    return files


def written(name: str, words: dict[str, str]) -> str:
    """Return an example with the words that a person writes there."""
    example = shared("examples", name).read_text()
    for word, meant in words.items():
        assert word in example
        example = example.replace(word, meant)
    return example


async def test_the_example_of_a_server_stops_who_writes_another_ones_feed(
    make_node, make_server, carry, team, other_team, tmp_path
):
    relay, own = await make_node(), await make_node()
    ca, certificate, key = certify(other_team, tmp_path)
    (relay_seed, relay_key), (own_seed, own_key) = nkey(), nkey()
    server = make_server()
    server.end()
    words = {
        "0.0.0.0:4222": f"127.0.0.1:{server.port}",
        "/var/lib/nats": str(tmp_path / "store"),
        "/etc/nats/cert.pem": str(certificate),
        "/etc/nats/key.pem": str(key),
        "KEY_OF_RELAY": relay_key,
        "KEY_OF_DEVICE": own_key,
        "TEAM": team.id,
        "DEVICE": own.device,
    }
    server.start(written("nats-server.conf", words))
    url = f"tls://localhost:{server.port}"

    carried = carry(relay, server, url=url, ca=str(ca), credentials=relay_seed)
    await relay.until(lambda: live(carried))
    limited = carry(own, server, url=url, ca=str(ca), credentials=own_seed, relay=False)
    await relay.say("of the relay")
    await own.say("its own")
    for node in (relay, own):
        await node.until(lambda node=node: len(node.entries) == 2)
    assert limited.carrier.status().error == ""

    access = Access([url], str(ca), own_seed)
    broker = NatsBroker(team.id, access, Wanted(30 * DAY_S, replicas=3))
    await broker.open()
    try:
        assert await broker.may_send(own.device)
        assert not await broker.may_send(relay.device)
        assert await broker.may_say("berlin")
        (entry,) = [one for one in own.entries if one.device == own.device]
        found = await broker.entries.newest(entries.topic_of(entry.feed))
        assert found is not None
        assert found.data == data_of(entry)
        assert await broker.entries.newest("nobody.0") is None
        (remark,) = await broker.remarks()
        assert "has 1 replicas, and 3 were asked for" in remark
    finally:
        await broker.close()
    connection = Connection(access)
    await connection.open()
    try:
        # The server does not answer what is not allowed.
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await connection.context().purge_stream(f"devstream-{team.id}")
    finally:
        await connection.close()
    for wrong, said in ((nkey()[0], "uthorization"), ("", "uthorization")):
        broker = NatsBroker(team.id, Access([url], str(ca), wrong), Wanted(DAY_S))
        with pytest.raises(BrokerError, match=said):
            await broker.open()
        await broker.close()
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    broker = NatsBroker(team.id, Access([url], str(certify(team, stranger)[0])), Wanted(DAY_S))
    with pytest.raises(BrokerError, match="its certificate is not trusted"):
        await broker.open()
    await broker.close()


@pytest.mark.parametrize("begin", [b"MSG x 1 4000000000\r\n", b"", b"INFO ", b"-ERR 'x"])
async def test_a_server_that_sends_without_end_is_left(begin: bytes, monkeypatch) -> None:
    monkeypatch.setattr("devstream_desktop.mesh.carrier.nats.connection.ANSWER_S", 0.5)
    sent, left = 0, asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b'INFO {"server_id":"x","version":"2.9.10","headers":true}\r\n')
        while b"PING" not in await reader.readline():
            pass
        writer.write(b"PONG\r\n" + begin)
        with contextlib.suppress(ConnectionError):
            while sent < 64 * MOST_AT_ONCE:
                writer.write(bytes(65536).replace(b"\0", b"x"))
                await writer.drain()
                sent += 65536
        writer.close()
        left.set()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"nats://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
    broker = NatsBroker("acme", Access([url]), Wanted(DAY_S))
    with pytest.raises(BrokerError):
        await broker.open()
    await asyncio.wait_for(left.wait(), 60)
    await broker.close()
    listener.close()
    # What the kernel buffers is on its way as well.
    assert sent < 32 * MOST_AT_ONCE


async def test_a_server_knows_devices_by_the_certificates_of_their_team(
    make_node, make_server, carry, team, other_team, tmp_path, caplog
):
    node, far = await make_node(), await make_node()
    ca, certificate, key = certify(other_team, tmp_path)
    trusted = tmp_path / "team.pem"
    trusted.write_text(team.credentials("x").ca_pem)
    server = make_server()
    server.end()
    rights = f'"devstream.{team.id}.paper.>", "$JS.API.>"'
    users = "\n".join(
        f'{{ user: "{one.device}", permissions: {{ subscribe: "_INBOX.>", publish:'
        f' [ "devstream.{team.id}.feed.{one.device}.>", {rights} ] }} }}'
        for one in (node, far)
    )
    server.start(
        f"listen: 127.0.0.1:{server.port}\njetstream {{ store_dir: {server.folder}/store }}\n"
        f"tls {{ cert_file: {certificate}, key_file: {key}, ca_file: {trusted},"
        f" verify_and_map: true }}\nauthorization {{ users = [ {users} ] }}\n"
    )
    url = f"tls://localhost:{server.port}"

    def shown(by: Any, device: str) -> Callable[[], tuple[str, str]]:
        own = by.credentials(device)
        return lambda: (own.certificate_pem, own.key_pem)

    for one in (node, far):
        carry(one, server, url=url, ca=str(ca), own=shown(team, one.device), relay=False)
    for one in (node, far):
        await one.say("by its certificate")
    for one in (node, far):
        await one.until(lambda one=one: len(one.entries) == 2, 60)
    mine = NatsBroker(team.id, Access([url], str(ca), own=shown(team, node.device)), Wanted(DAY_S))
    await mine.open()
    assert await mine.may_send(node.device)
    assert not await mine.may_send(far.device)
    await mine.close()
    assert "eof_received" not in caplog.text
    # Another team's, a member's whom the server does not know, and none.
    unknown = shown(team, (await make_node()).device)
    for own in (shown(other_team, node.device), unknown, None):
        broker = NatsBroker(team.id, Access([url], str(ca), own=own), Wanted(DAY_S))
        with pytest.raises(BrokerError):
            await broker.open()
        await broker.close()


async def test_the_example_of_a_leaf_carries_a_site_by_one_relay(
    make_node, make_server, carry, team, other_team, tmp_path
):
    ca, certificate, key = certify(other_team, tmp_path)
    seed, public = nkey()
    hub, leaf = make_server(), make_server()
    hub.end()
    leaf.end()
    door = free_port()
    files = {"/etc/nats/cert.pem": str(certificate), "/etc/nats/key.pem": str(key)}
    both = {"TEAM": team.id, "KEY_OF_RELAY": public, "WORD_OF_LEAVES": "between-servers", **files}
    doors = "\n".join(
        f"# {line}"
        for line in (
            "leafnodes {",
            "  listen: 0.0.0.0:7422",
            "  tls { cert_file: /etc/nats/cert.pem, key_file: /etc/nats/key.pem }",
            "  authorization { user: leaf, password: WORD_OF_LEAVES }",
            "}",
        )
    )
    used = {
        doors: doors.replace("# ", "").replace("0.0.0.0:7422", f"127.0.0.1:{door}"),
        "0.0.0.0:4222": f"127.0.0.1:{hub.port}",
        "/var/lib/nats": str(tmp_path / "store"),
        "KEY_OF_DEVICE": nkey()[1],
        "DEVICE": "x",
    }
    hub.start(written("nats-server.conf", {**used, **both}))
    place = {
        "0.0.0.0:4222": f"127.0.0.1:{leaf.port}",
        "nats-1.example.org:7422": f"localhost:{door}",
        "/etc/nats/ca.pem": str(ca),
        "SITE": "berlin",
    }
    leaf.start(written("nats-leaf.conf", {**place, **both}))

    here = [await make_node()]
    here.append(await make_node(peers=here))
    far = await make_node()
    access = {"ca": str(ca), "credentials": seed}
    carried = [
        carry(node, leaf, url=f"tls://localhost:{leaf.port}", site="berlin", **access)
        for node in here
    ]
    carry(far, hub, url=f"tls://localhost:{hub.port}", **access)
    await far.until(
        lambda: (
            carried[0].carrier.status().relay
            and carried[0].carrier.status().relay == carried[1].carrier.status().relay
        ),
        60,
    )
    await far.say("from far")
    for node in here:
        await node.say("from here")
    for node in (*here, far):
        await node.until(lambda node=node: len(node.entries) == 3, 60)
    assert len({frozenset(held(node)) for node in (*here, far)}) == 1


async def test_a_server_that_wants_no_tls_hears_nothing_of_a_client_that_does():
    heard = b""
    info = b'INFO {"server_id":"x","version":"2.9.10","nonce":"abc","auth_required":true}\r\n'

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(info)
        heard += await reader.read()
        writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    url = f"tls://localhost:{port}"
    broker = NatsBroker("acme", Access([url], credentials=nkey()[0]), Wanted(DAY_S))
    with pytest.raises(BrokerError, match="it does not speak TLS"):
        await broker.open()
    await broker.close()
    listener.close()
    assert heard == b""


async def test_a_carrier_ends_although_the_client_keeps_that_to_itself():
    connection = Connection(Access(["nats://127.0.0.1:9"]))
    began = asyncio.Event()

    async def work(error: Exception | None) -> None:
        while True:
            async with connection.told():
                began.set()
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    # As it does where it waits for room to publish, and where it flushes.
                    if error is not None:
                        raise error from None

    for error in (None, ValueError("too many stalled messages")):
        began.clear()
        task = asyncio.create_task(work(error))
        await began.wait()
        task.cancel()
        async with asyncio.timeout(60):
            await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

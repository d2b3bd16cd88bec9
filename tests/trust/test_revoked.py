"""A revoked device: it loses its links at once, comes back by none, and writes nothing more."""

from __future__ import annotations

import asyncio
import statistics
import time

import pytest
from raw_member import RawMember, event

from devstream_desktop.home import Home
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.mesh.transport.link import Credentials, Lane, Link, LinkError, tls_config
from devstream_desktop.mesh.wire import (
    PROTOCOL,
    Hello,
    Pushed,
    SignedEntry,
    Welcome,
    decode_reply,
    encode,
)
from devstream_desktop.node.core import Node
from devstream_desktop.node.options import Options
from devstream_desktop.stream.entry import device_id, next_hlc
from devstream_desktop.stream.event import fact_key, make_event
from devstream_desktop.stream.words import Kind
from devstream_desktop.team.certificates import TlsKey
from devstream_desktop.team.policy import changes
from devstream_desktop.team.policy.policy import End
from devstream_desktop.team.team import Team

pytestmark = pytest.mark.slow

RECONNECTS = 500
REVOKED = 20
AT_ONCE = 10
INDEX = bytes(16)


def hello(team: str, device: str) -> bytes:
    return encode(Hello(PROTOCOL, team, device, INDEX, 0, time.time_ns() // 1_000_000, 0))


class Thief(RawMember):
    """Whoever has cy's keys: signs what he likes under any date."""

    def __init__(self, team: Team) -> None:
        own = team.certificate
        super().__init__(team.id, team.device, Credentials(team.ca_pem, own.pem, own.key_pem))
        self.person = team.person
        self.made = 0

    def lie(self, at: int, *, feed: bytes = b"", seq: int = 1, prev: bytes = b"") -> SignedEntry:
        self.made += 1
        raw = self.feed(self.made)
        raw.id = feed or raw.id
        said = event(
            Kind.DUTY,
            "on",
            time=at,
            service="team",
            subject=f"duty/{self.person}",
            actor=self.person,
        )
        return raw.entry(said, seq=seq, hlc=next_hlc(0, at), prev=prev)

    async def knock(self, address: str, entries: list[SignedEntry]) -> str:
        """Connect, say HELLO and push; what came of it: "answered", or how it ended."""
        try:
            link = await self.dial(address)
            await link.push(*entries)
        except LinkError as error:
            return str(error)
        finally:
            await self.close()
        return "answered"


@pytest.fixture
async def three(tmp_path, monkeypatch):
    """Ana, who founded the team, bo and cy: real nodes in this process, linked with each other."""
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "key"))
    nodes: dict[str, Node] = {}

    async def start(name: str, *peers: str) -> Node:
        node = nodes[name] = Node(
            Home(tmp_path / name),
            Options(listen="127.0.0.1:0", discovery=False, peers=peers),
            lambda: None,
        )
        await node.start()
        return node

    home = Home(tmp_path / "ana")
    await asyncio.to_thread(lambda: Team.create(home, Vault.open(home), "acme", "ana"))
    ana = await start("ana")
    for name in ("bo", "cy"):
        place = Home(tmp_path / name)
        invite = await ana.trust.enrolment.invite(600, approved=True)
        await Team.join(place, await asyncio.to_thread(Vault.open, place), invite, name)
        await start(name, *(node.mesh_address for node in nodes.values()))
    yield nodes
    await asyncio.gather(*(node.stop() for node in nodes.values()))


def links(node: Node, device: str) -> list:
    return [
        peer
        for peer in node.mesh.status().peers
        if peer.device == device and peer.state in ("live", "syncing")
    ]


async def until(look, seconds: float = 20.0) -> None:
    for _ in range(round(seconds * 50)):
        if look():
            return
        await asyncio.sleep(0.02)
    pytest.fail("waited in vain")


def told_by(node: Node, device: str) -> int:
    return sum(
        entry.device == device for entry in node.history.after(0, max_bytes=1 << 24, not_from="")[0]
    )


def duty(person: str, state: str, number: int, at: int):
    key = fact_key("duty", Kind.DUTY, f"{person} {number}")
    return make_event(
        kind=Kind.DUTY,
        state=state,
        service="team",
        subject=f"duty/{person}",
        key=key,
        time=at,
        actor=person,
    )


class Arrivals:
    """The times at which each node got the policy that revokes.

    By the node's person.
    """

    def __init__(self, device: str, *nodes: Node) -> None:
        self.at: dict[str, float] = {}
        for node in nodes:
            self._listen(node, device)

    def _listen(self, node: Node, device: str) -> None:
        follow = node.team.on_change

        def changed() -> None:
            if device in node.team.chain.current.revoked:
                self.at.setdefault(node.team.person, time.monotonic())
            follow()

        node.team.on_change = changed


async def revoke(node: Node, device: str) -> None:
    """Revoke a device for theft, at what its feeds have by now."""
    now = node.team.now()
    ends = [End(feed, seq, found) for feed, seq, found in node.mesh.ends(device, now)]
    await asyncio.to_thread(node.team.change, changes.revoke([device], "stolen", now, ends))


async def linked_by(issuer: Node, node: Node, device: str) -> Link:
    """An answered link of a device, which `issuer` certified, with a node."""
    link = Link(node.mesh_address, lambda _: None)
    await link.open(tls_config(certified(issuer.team, device), server=False), 10)
    answer = await link.call(hello(node.team.id, device), Lane.OTHER, 5)
    assert isinstance(decode_reply(answer), Welcome)
    return link


async def test_twenty_revoked_devices_lose_their_live_links_to_every_node_within_five_seconds(
    three, record_property
):
    """Each is linked with the node that revokes it, and with another that learns of it."""
    ana, bo = three["ana"], three["bo"]
    took: dict[str, list[float]] = {"ana": [], "bo": []}
    for number in range(REVOKED):
        device = device_id(bytes([number + 1]) * 32)
        await asyncio.to_thread(ana.team.change, changes.admit(device, f"guest {number}"))
        await until(lambda device=device: bo.team.chain.current.is_member(device))
        opened = {"ana": await linked_by(ana, ana, device), "bo": await linked_by(ana, bo, device)}
        arrivals = Arrivals(device, ana, bo)

        async def closed(person: str, link: Link, arrivals: Arrivals = arrivals) -> None:
            await asyncio.wait_for(link.lost.wait(), 20)
            took[person].append(time.monotonic() - arrivals.at[person])

        await asyncio.gather(
            revoke(ana, device), *(closed(person, link) for person, link in opened.items())
        )
        await asyncio.gather(*(link.close() for link in opened.values()))
    for person, seconds in took.items():
        figure = (
            f"median {statistics.median(seconds) * 1000:.0f} ms, at most "
            f"{max(seconds) * 1000:.0f} ms of {len(seconds)}"
        )
        record_property(
            f"a revoked device's link with {person} closed after the policy came", figure
        )
        assert max(seconds) < 5


async def test_a_revoked_device_reconnects_five_hundred_times_and_nothing_of_it_comes_in(three):
    ana, bo, cy = three["ana"], three["bo"], three["cy"]
    lost = cy.device
    await cy.publish([duty("cy", "off", 1, ana.team.now())])
    for node in (ana, bo):
        await until(lambda node=node: links(node, lost) and told_by(node, lost) == 1)
    thief = Thief(cy.team)

    arrivals = Arrivals(lost, ana, bo)
    await revoke(ana, lost)
    for node in (ana, bo):
        await until(lambda node=node: not links(node, lost))
        closed = time.monotonic()
        assert closed - arrivals.at[node.team.person] < 5, (
            f"{node.team.person}'s link lived on after the policy had come"
        )
    await cy.stop()
    del three["cy"]

    said: set[str] = set()
    tried = 0
    while tried < RECONNECTS:
        targets = [(ana, bo)[number % 2] for number in range(AT_ONCE)]
        lies = [[thief.lie(ana.team.now() - day * 3_600_000)] for day in range(AT_ONCE)]
        knocks = (
            Thief(cy.team).knock(node.mesh_address, one)
            for node, one in zip(targets, lies, strict=True)
        )
        said |= set(await asyncio.gather(*knocks))
        tried += AT_ONCE
    assert "answered" not in said
    for node in (ana, bo):
        assert told_by(node, lost) == 1
        assert links(node, lost) == []
        refused = [one for one in node.mesh.status().refused if one.device == lost]
        assert sum(one.count for one in refused) >= RECONNECTS // 2
        assert {one.reason for one in refused} == {f"cy's device {lost[:8]} was revoked: stolen"}
    assert links(ana, bo.device), "and the others are linked all the while"


async def test_what_a_revoked_device_writes_comes_in_by_no_relay_under_any_date(three):
    ana, bo, cy = three["ana"], three["bo"], three["cy"]
    lost = cy.device
    await cy.publish([duty("cy", "off", number, ana.team.now()) for number in range(3)])
    await until(lambda: told_by(ana, lost) == 3)
    head = ana.history.after(0, max_bytes=1 << 24, not_from="")[0][-1]
    await revoke(ana, lost)
    await until(lambda: lost in bo.team.chain.current.revoked)
    await cy.stop()
    del three["cy"]
    thief, now = Thief(cy.team), ana.team.now()
    lies = [thief.lie(now - hours * 3_600_000) for hours in (0, 1, 24, 24 * 20)]
    lies += [
        thief.lie(now, feed=head.feed, seq=head.seq + 1, prev=head.hash),
        thief.lie(now, feed=head.feed, seq=head.seq, prev=head.prev),
    ]

    # Mel is a member who helps the thief: her own link is good, and she pushes what he signed.
    key = DeviceKey.generate()
    await asyncio.to_thread(ana.team.change, changes.admit(key.id, "mel"))
    mel = RawMember(ana.team.id, key, certified(ana.team, key.id))
    try:
        reply = await (await mel.dial(ana.mesh_address)).push(*lies)
        assert isinstance(reply, Pushed)
        assert reply.stored == 0
    finally:
        await mel.close()
    for node in (ana, bo):
        assert told_by(node, lost) == 3
        assert node.mesh.status().frozen == 0


def certified(team: Team, device: str) -> Credentials:
    """A good certificate for a device, as its issuer made it."""
    key = TlsKey.generate()
    return Credentials(
        team.ca_pem, team.admissions.authority().issue(device, key.request(), team.now()), key.pem
    )

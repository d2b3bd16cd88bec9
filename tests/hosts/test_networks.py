"""Teams in networks as people have them: each joins, is linked, and renews its certificate."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from member import Member, until
from network import Host, Network, why_no_firewall

from devstream_desktop.address import split
from devstream_desktop.team.joining.invite import read_invite

pytestmark = [pytest.mark.hosts, pytest.mark.process, pytest.mark.slow, pytest.mark.timeout(240)]
Settle = Callable[..., list[Member]]
PORT = 7400
ON_A_PORT = f'[mesh]\nlisten = "[::]:{PORT}"\n'
firewalled = pytest.mark.skipif(bool(why_no_firewall()), reason=why_no_firewall() or "none")


@pytest.fixture
def settle(tmp_path: Path, runtime: Path) -> Iterator[Settle]:
    """Give hosts to people, the first of whom founds the team; their nodes end with the test."""
    members: list[Member] = []

    def make(hosts: list[Host], *people: str) -> list[Member]:
        members.extend(
            Member(host, tmp_path, person) for host, person in zip(hosts, people, strict=True)
        )
        members[0].run("team", "create", "acme", "--person", people[0])
        return members

    yield make
    for member in members:
        member.stop()


def invited(by: Member) -> str:
    return by.run("team", "invite", "--pre-approved")


def everybody_is_linked(members: list[Member]) -> None:
    people = {member.person for member in members}
    for member in members:
        others = people - {member.person}
        until(f"{member.person} is linked", lambda m=member, o=others: m.linked() >= o)


def renews(member: Member) -> None:
    before = member.certificate()
    member.run("team", "renew")
    assert member.certificate() != before


@firewalled
def test_one_open_port_is_enough(network: Network, settle: Settle) -> None:
    ana, bob, cy = settle(network.hosts(0, 3), "ana", "bob", "cy")
    ana.host.guard(PORT)
    # Whom nobody can call, and who hears no multicast either.
    bob.host.guard()
    cy.host.guard()
    ana.set(ON_A_PORT)
    ana.start()
    for member in (bob, cy):
        member.join(invited(ana))
        member.start()
    until("both are linked", lambda: ana.linked() == {"bob", "cy"})
    ana.run("team", "grant", "bob", "collector")
    until("bob may say something", lambda: "collector" in bob.status().roles)
    key = bob.says("through ana alone")
    until("it is passed on", lambda: cy.hears(key))
    renews(cy)


@firewalled
def test_an_office_behind_a_router_with_one_forwarded_port(
    network: Network, settle: Settle
) -> None:
    office, home = network.hosts(0, 2), network.hosts(1, 1)
    outer = network.translate(office[0], home, PORT)
    ana, cy, bob = settle([*office, *home], "ana", "cy", "bob")
    ana.set(f'{ON_A_PORT}addresses = ["{outer}:{PORT}"]\n')
    ana.start()
    invite = invited(ana)
    assert read_invite(invite).addresses[:2] == (f"{outer}:{PORT}", f"{ana.host.address}:{PORT}")
    bob.join(invite)
    bob.start()
    # The same invite's second address serves whoever is in the office.
    cy.join(invited(ana))
    cy.start()
    until("home and office are linked", lambda: "ana" in bob.linked() and "ana" in cy.linked())
    key = ana.says("from the office")
    until("it is heard at home", lambda: bob.hears(key))
    # As devices whose certificates have ended: by the outer address alone.
    bob.stop()
    renews(bob)
    # Let in inside, and at home for the first time: ana's word has named the outer address.
    cy.stop()
    cy.home.peers.unlink()
    cy.host.pull()
    cy.host.plug_into(home[0], "eth1", "10.77.1.77")
    cy.start("--no-discovery")
    until("the office is found from home", lambda: "ana" in cy.linked())
    renews(cy)


def test_an_issuer_that_moved_is_found_again(network: Network, settle: Settle) -> None:
    ana, bob, cy = settle(network.hosts(0, 3), "ana", "bob", "cy")
    ana.start()
    for member in (bob, cy):
        member.join(invited(ana))
        member.start()
    everybody_is_linked([ana, bob, cy])
    ana.stop()
    ana.host.take_address("10.77.0.99")
    ana.home.ports.unlink()
    ana.start()
    assert split(ana.status().mesh)[0] == "10.77.0.99"
    everybody_is_linked([ana, bob, cy])
    renews(bob)
    # As a device whose certificate has ended: stopped, with no link.
    doors = cy.home.team / "doors.json"
    until("ana's new address is kept", lambda: "10.77.0.99" in doors.read_text())
    cy.stop()
    renews(cy)


def test_only_link_local_and_then_an_address(network: Network, settle: Settle) -> None:
    ana, bob = settle(network.hosts(0, 2), "ana", "bob")
    ana.start()
    bob.join(invited(ana))
    ana.stop()
    for member in (ana, bob):
        member.host.take_no_address()
        member.home.peers.unlink(missing_ok=True)
        member.start()
    assert ana.status().addresses == ()
    assert "no network address" in ana.run("team", "invite", code=1)
    everybody_is_linked([ana, bob])
    for member, address in ((ana, "10.77.0.61"), (bob, "10.77.0.62")):
        member.host.take_address(address)
    until("the address is named", lambda: "10.77.0.61" in ana.status().mesh)
    assert split(read_invite(invited(ana)).address)[0] == "10.77.0.61"
    everybody_is_linked([ana, bob])


def test_only_ipv6(network: Network, settle: Settle) -> None:
    hosts = network.hosts(0, 3)
    for number, host in enumerate(hosts):
        host.take_six(f"2001:db8:77::{number + 1}")
    ana, bob, cy = settle(hosts, "ana", "bob", "cy")
    ana.start()
    assert ana.status().closed, "nobody can join yet"
    invite = invited(ana)
    assert split(read_invite(invite).address)[0] == "2001:db8:77::1"
    assert not ana.status().closed
    bob.join(invite)
    bob.start()
    cy.join(invited(ana))
    cy.start()
    everybody_is_linked([ana, bob, cy])
    for member in (bob, cy):
        # By multicast alone.
        member.stop()
        member.home.peers.unlink(missing_ok=True)
        member.start()
    everybody_is_linked([ana, bob, cy])
    renews(cy)


def test_a_vpn_as_the_way_out_hides_no_lan(network: Network, settle: Settle) -> None:
    ana, bob = settle(network.hosts(0, 2), "ana", "bob")
    lan = ana.host.address
    ana.host.tunnel("10.8.0.1")
    ana.start("--no-discovery")
    invite = invited(ana)
    assert [split(one)[0] for one in read_invite(invite).addresses] == ["10.8.0.1", lan]
    bob.join(invite)
    bob.start("--no-discovery")
    everybody_is_linked([ana, bob])
    renews(bob)


def test_two_networks_that_share_one_member(network: Network, settle: Settle) -> None:
    left, right = network.hosts(0, 2), network.hosts(1, 1)
    ana, mid, bob = settle([*left, *right], "ana", "mid", "bob")
    mid.host.plug_into(bob.host, "eth1", "10.77.1.50")
    ana.start()
    mid.join(invited(ana))
    mid.start()
    everybody_is_linked([ana, mid])
    ana.run("team", "grant", "mid", "admin")
    until("mid may invite", lambda: mid.status().can_invite)
    invite = invited(mid)
    assert {split(one)[0] for one in read_invite(invite).addresses} == {
        mid.host.address,
        "10.77.1.50",
    }
    bob.join(invite)
    bob.start()
    until("mid is linked with both", lambda: mid.linked() == {"ana", "bob"})
    key = ana.says("across")
    until("it is passed on", lambda: bob.hears(key))
    assert bob.linked() == {"mid"}
    renews(bob)

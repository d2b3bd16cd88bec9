"""Real nodes renew certificates over their links; addresses are for those that ended."""

from __future__ import annotations

import time

import pytest
from test_trust import aged, port_of

from devstream_desktop.home import Home
from devstream_desktop.node.ports import save_port
from devstream_desktop.team import membership

pytestmark = pytest.mark.process
DAY = 86_400_000


def forget_doors(home: Home) -> None:
    """Take every address of an issuer away."""
    (home.team / "doors.json").unlink(missing_ok=True)


def is_fresh(desk) -> bool:
    return bool(desk.status().certificate_expires > (time.time() + 29 * 86_400) * 1000)


def linked(desk, person: str) -> bool:
    return any(p.person == person and p.state == "live" for p in desk.status().peers)


def test_a_member_renews_through_a_neighbour_and_knows_no_address_of_an_issuer(
    world, until
) -> None:
    ana, bob, cy = world.team("bob", "cy")
    cy.stop()
    aged(cy, ana, 16)
    forget_doors(cy.home)
    (cy.home.peers).unlink(missing_ok=True)
    # Ana dials bob and bob alone, so cy and she are two links apart.
    ana.stop()
    bob.stop()
    for desk in (ana, bob):
        desk.home.peers.unlink(missing_ok=True)
    bob.start()
    ana.start("--peer", bob.ready["mesh"])
    until("ana and bob are linked", lambda: linked(bob, "ana"))
    cy.start("--peer", bob.ready["mesh"])
    until("cy has a new one", lambda: is_fresh(cy), 15)
    until("and keeps its link with it", lambda: linked(cy, "bob"))
    assert not [one for one in cy.status().notices if "certificate" in one]


def test_who_is_never_awake_with_the_issuer_renews_all_the_same(world, until) -> None:
    ana, bob, cy = world.team("bob", "cy")
    ana.stop()
    cy.stop()
    aged(cy, ana, 16)
    cy.start("--peer", bob.ready["mesh"])
    until("cy and bob are linked", lambda: linked(cy, "bob"))
    until(
        "cy says at once why it is not renewed",
        lambda: [one for one in cy.status().notices if "not renewed yet" in one],
        60,
    )
    (notice,) = [one for one in cy.status().notices if "not renewed yet" in one]
    assert "ends in 14 days" in notice
    assert "ana at 127.0.0.1" in notice
    cy.stop()
    ana.start("--peer", bob.ready["mesh"])
    until("ana and bob are linked", lambda: linked(ana, "bob"))
    until(
        "ana has answered what bob kept",
        lambda: "a certificate was issued over the links" in ana.home.log.read_text(),
    )
    ana.stop()
    forget_doors(cy.home)
    cy.start("--peer", bob.ready["mesh"])
    until("cy has a new one", lambda: is_fresh(cy))


def test_a_device_whose_certificate_ended_finds_a_moved_issuer_by_hand(world, until) -> None:
    ana, bob = world.team("bob")
    bob.stop()
    ana.stop()
    aged(bob, ana, 40)
    bob.home.peers.unlink(missing_ok=True)
    membership.note_doors(bob.home, {ana.ready["device"]: "127.0.0.1:9"})
    save_port(ana.home, 0)
    ana.start()
    assert "ds1-" in ana.run("team", "invite")
    bob.start()
    until(
        "bob says why he has no links",
        lambda: [one for one in bob.status().notices if "certificate ended on" in one],
    )
    assert "is not an address" in bob.run("team", "renew", "--at", "nonsense", code=1)
    said = bob.run("team", "renew", "--at", f"127.0.0.1:{port_of(ana)}")
    assert "this device has a new certificate, until" in said
    assert is_fresh(bob)
    assert not [one for one in bob.status().notices if "certificate" in one]


def test_a_stopped_node_renews_by_hand(world, until) -> None:
    ana, bob = world.team("bob")
    bob.stop()
    old = aged(bob, ana, 40)
    assert "ds1-" in ana.run("team", "invite")
    assert "new certificate" in bob.run("team", "renew", "--at", ana.ready["mesh"])
    bob.start("--peer", ana.ready["mesh"])
    until("they are linked", lambda: linked(bob, "ana"))
    assert bob.status().certificate_expires > old

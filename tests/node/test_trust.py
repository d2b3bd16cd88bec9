"""Real nodes over a team's life.

Who is let in, who is revoked, several admins, and the day the only one is gone.
"""

from __future__ import annotations

import json
import time

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.members import GetMembers, Members
from devstream_desktop.control.messages.policy import GetPolicy, PolicyState
from devstream_desktop.keys.vault import Vault
from devstream_desktop.team import membership
from devstream_desktop.team.certificates import TlsKey, expiry_ms
from devstream_desktop.team.team import Team

pytestmark = pytest.mark.process

DAY = 86_400_000


def members(desk) -> Members:
    with Client(desk.home.control_url()) as client:
        return client.ask(GetMembers())


def policy(desk) -> PolicyState:
    with Client(desk.home.control_url()) as client:
        return client.ask(GetPolicy())


def device(desk, person: str) -> str:
    return next(
        member.devices[0].device for member in members(desk).members if member.person == person
    )


def port_of(desk) -> str:
    return desk.ready["mesh"].rpartition(":")[2]


def states(desk) -> list[tuple[str, str]]:
    return [
        (line.event.state, line.event.actor) for line in desk.lines() if line.event.kind == "team"
    ]


def test_the_third_person_waits_and_everybody_sees_the_same_six_words(world, until) -> None:
    ana, bob = world.team("bob")
    cy = world.desk("cy")
    joining = cy.begin("team", "join", ana.run("team", "invite"), "--person", "cy")
    assert joining.stdout is not None
    assert "ana of acme has to approve" in joining.stdout.readline()
    words = joining.stdout.readline().strip()
    until("bob sees that cy asks", lambda: ("asked", "cy") in states(bob))
    (asked,) = [line for line in bob.lines() if line.event.state == "asked"]
    assert asked.event.reason.startswith(f"{words}: ")
    assert [(one.person, one.words) for one in members(bob).waiting] == [("cy", words)]
    assert any("cy waits to join" in sentence for sentence in ana.status().advice)
    assert "only an admin's device can change the team; ana can" in bob.run(
        "team", "approve-join", "cy", code=1
    )
    assert "cy is in the team" in ana.run("team", "approve-join", "cy")
    out, _ = joining.communicate(timeout=30)
    assert "cy joined team acme" in out
    assert joining.returncode == 0
    cy.start()
    for desk in (ana, bob, cy):
        until(
            "all see it",
            lambda desk=desk: ("joined", "cy") in states(desk) and len(members(desk).waiting) == 0,
        )

    dan = world.desk("dan")
    invite = ana.run("team", "invite")
    dan.run("team", "join", invite, "--person", "dan", "--no-wait", code=1)
    until("dan's wish is known", lambda: [one.person for one in members(ana).waiting] == ["dan"])
    assert "dan is rejected" in ana.run("team", "approve-join", "dan", "--reject")
    until(
        "dan hears it",
        lambda: (
            "rejected this device"
            in dan.run("team", "join", invite, "--person", "dan", "--no-wait", code=1)
        ),
    )


def test_a_revoked_device_is_out_within_seconds_and_its_past_stays(world, until) -> None:
    ana, bob, cy = world.team("bob", "cy")
    cy.run("duty", "off")
    until(
        "cy's word is everywhere",
        lambda: any(line.event.subject == "duty/cy" for line in bob.lines()),
    )
    lost = device(ana, "cy")
    until(
        "cy is linked",
        lambda: any(peer.device == lost for desk in (ana, bob) for peer in desk.status().peers),
    )
    assert "cy is revoked" in ana.run("team", "revoke", "cy", "--why", "laptop stolen")
    began = time.monotonic()
    for desk in (ana, bob):
        until(
            "no link with cy",
            lambda desk=desk: (
                not [p for p in desk.status().peers if p.device == lost and p.state != "lost"]
            ),
            20,
        )
        until("they are told", lambda desk=desk: ("revoked", "cy") in states(desk))
    assert time.monotonic() - began < 20
    cy.run("duty", "on")
    until(
        "cy is refused",
        lambda: any(
            "was revoked: laptop stolen" in one.reason
            for desk in (ana, bob)
            for one in desk.status().refused
        ),
    )
    assert [line.event.state for line in bob.lines() if line.event.subject == "duty/cy"] == ["off"]
    assert "(revoked on" in bob.run("team", "members")
    assert "that is this device" in ana.run("team", "revoke", "ana", code=1)
    assert "is no person of the team" in ana.run("team", "revoke", "eve", code=1)

    dan = world.desk("dan")
    dan.run("team", "join", ana.run("team", "invite", "--pre-approved"), "--person", "dan")
    cy.stop()
    dan.start()
    until(
        "who comes later has the honest past",
        lambda: any(line.event.subject == "duty/cy" for line in dan.lines()),
    )
    assert "off" in [line.event.state for line in dan.lines() if line.event.subject == "duty/cy"]


def test_two_admins_at_once_and_then_two_who_must_sign(world, until) -> None:
    ana, bob = world.team("bob")
    assert any("if ana's device is lost" in sentence for sentence in ana.status().advice)
    ana.run("team", "grant", "bob", "admin")
    until("bob is admin", lambda: policy(bob).may_change)
    assert not any("is lost" in sentence for sentence in ana.status().advice)

    commands = [
        desk.begin("team", "grant", desk.home.root.name, "deployer", f"t{number}/*")
        for number in range(2)
        for desk in (ana, bob)
    ]
    assert [(command.communicate(timeout=60), command.returncode)[1] for command in commands] == [
        0
    ] * 4
    wanted = {"deployer t0/*", "deployer t1/*"}
    for desk in (ana, bob):
        until(
            "both have every change",
            lambda desk=desk: all(wanted <= set(one.roles) for one in members(desk).members),
        )
    until(
        "and one policy",
        lambda: (
            policy(ana).version == policy(bob).version
            and not policy(ana).forked
            and not policy(bob).forked
        ),
    )

    cy = world.desk("cy")
    cy.run("team", "join", bob.run("team", "invite", "--pre-approved"), "--person", "cy")
    cy.start("--peer", ana.ready["mesh"])
    until(
        "ana trusts whom bob let in",
        lambda: any(p.person == "cy" and p.state == "live" for p in ana.status().peers),
    )

    assert "proposed" in ana.run("team", "set", "--threshold", "2")
    until("bob sees it", lambda: policy(bob).proposals)
    assert "admins who must sign a change: 2 instead of 1" in bob.run("team", "policy")
    assert "the change is signed (policy version" in bob.run("team", "approve-policy")
    until("it is in force", lambda: policy(ana).threshold == 2)
    assert "proposed" in bob.run("team", "grant", "cy", "collector")
    until("ana sees it", lambda: policy(ana).proposals)
    ana.run("team", "approve-policy", policy(ana).proposals[0].id)
    until("cy is collector", lambda: "collector" in cy.status().roles)


def test_the_only_admin_is_gone_and_the_paper_helps(world, until) -> None:
    ana, bob = world.team("bob")
    paper = ana.run("team", "recovery-key")
    assert paper.startswith("dsr1-")
    until("bob knows of the paper", lambda: policy(bob).recovery_key)
    ana.stop()
    assert "only an admin's device" in bob.run("team", "grant", "bob", "deployer", code=1)
    assert "mistyped" in bob.run("team", "recover", stdin=paper[:-2] + "\n", code=1)
    assert "bob is admin on this device" in bob.run("team", "recover", stdin=paper + "\n")
    assert "bob is deployer" in bob.run("team", "grant", "bob", "deployer")
    cy = world.desk("cy")
    cy.run("team", "join", bob.run("team", "invite", "--pre-approved"), "--person", "cy")
    assert [
        one["person"] for one in json.loads(cy.run("team", "members", "--json"))["members"]
    ] == ["ana", "bob", "cy"]
    log = (bob.home.log).read_text()
    assert paper not in log
    for path in (*bob.home.root.rglob("*"), *ana.home.root.rglob("*")):
        assert not path.is_file() or paper[5:20].encode() not in path.read_bytes()


def aged(desk, issuer, days: int) -> int:
    """Give a stopped desk a certificate issued so many days ago; returns when it ends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DEVSTREAM_KEY_FILE", issuer.environment["DEVSTREAM_KEY_FILE"])
        authority = Team.load(issuer.home, Vault.open(issuer.home)).admissions.authority()
        patch.setenv("DEVSTREAM_KEY_FILE", desk.environment["DEVSTREAM_KEY_FILE"])
        vault, key = Vault.open(desk.home), TlsKey.generate()
        device = Team.load(desk.home, vault).device.id
        pem = authority.issue(device, key.request(), round((time.time() - days * 86_400) * 1000))
        membership.save_tls(desk.home, vault, pem, key.pem)
    return expiry_ms(pem)


@pytest.mark.parametrize("days", [16, 40])
def test_a_certificate_past_half_its_life_or_its_end_is_renewed_at_the_start(
    world, until, days: int
) -> None:
    ana, bob = world.team("bob")
    bob.stop()
    old = aged(bob, ana, days)
    # The door is shut: as far as ana knows bob's certificate is fresh. An invite opens it here; in
    # life it is time that does.
    assert "ds1-" in ana.run("team", "invite")
    bob.start("--peer", ana.ready["mesh"])
    until("bob has a new one", lambda: bob.status().certificate_expires > old + 10 * 86_400_000)
    until("and is linked with it", lambda: any(peer.state == "live" for peer in bob.status().peers))
    assert bob.status().certificate_expires > (time.time() + 29 * 86_400) * 1000


def test_an_issuer_that_once_started_with_its_clock_ahead_is_in_its_team_again_when_that_is_right(
    world, until, clock
) -> None:
    ana, bob = world.team("bob")
    ana.stop()
    clock.set(40 * DAY)
    ana.start("--listen", f"127.0.0.1:{port_of(ana)}", program=clock.program)
    assert ana.status().certificate_expires > (time.time() + 60 * 86_400) * 1000, (
        "by that clock it was time"
    )
    clock.set(0)
    until("they are linked", lambda: any(peer.state == "live" for peer in bob.status().peers))


def test_an_issuer_whose_clock_is_weeks_behind_is_not_asked_again_and_again(
    world, until, clock
) -> None:
    ana, bob = world.team("bob")
    bob.stop()
    ana.stop()
    aged(bob, ana, 16)
    clock.set(-20 * DAY)
    ana.start("--listen", f"127.0.0.1:{port_of(ana)}", program=clock.program)
    assert "ds1-" in ana.run("team", "invite")
    bob.start("--peer", ana.ready["mesh"])

    def renewed() -> int:
        return bob.home.log.read_text().count("this device has a new certificate")

    until("bob has a new one", renewed)
    clock.set(0)
    for service in ("one", "two", "three"):
        ana.run("team", "grant", "bob", "deployer", f"{service}/*")
        until("bob knows", lambda: policy(bob).version == policy(ana).version)
    assert renewed() == 1


def test_the_founder_is_revoked_and_everybody_gets_a_certificate_of_another_issuer(
    world, until
) -> None:
    ana, bob, cy = world.team("bob", "cy")
    ana.run("team", "grant", "bob", "admin")
    until("bob accepts joins", lambda: bob.status().can_invite)
    until("cy knows where", lambda: ("issuing", "bob") in states(cy))
    bob.run("team", "revoke", "ana", "--why", "stolen")
    until(
        "cy has one of bob's",
        lambda: "this device has a new certificate" in cy.home.log.read_text(),
        60,
    )
    until(
        "bob and cy are linked",
        lambda: any(p.person == "bob" and p.state == "live" for p in cy.status().peers),
        60,
    )
    assert not any(peer.person == "ana" for peer in cy.status().peers)


def test_who_slept_while_the_only_issuer_was_revoked_is_back_when_it_wakes(world, until) -> None:
    ana, bob, cy = world.team("bob", "cy")
    ana.run("team", "grant", "bob", "admin")
    until("bob accepts joins", lambda: bob.status().can_invite)
    until("cy knows where", lambda: ("issuing", "bob") in states(cy))
    cy.stop()
    bob.run("team", "revoke", "ana", "--why", "stolen")
    until(
        "bob has a certificate of his own",
        lambda: "this device has a new certificate" in bob.home.log.read_text(),
        60,
    )
    ana.stop()
    cy.start("--peer", bob.ready["mesh"])
    until(
        "bob and cy are linked",
        lambda: any(p.person == "bob" and p.state == "live" for p in cy.status().peers),
        60,
    )

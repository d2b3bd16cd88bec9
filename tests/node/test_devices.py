"""Real nodes of one person: a second laptop, a new one, one that leaves, one that comes back."""

from __future__ import annotations

import json
import re

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.members import Device, GetMembers, Members

pytestmark = pytest.mark.process


def members(desk) -> Members:
    with Client(desk.home.control_url()) as client:
        return client.ask(GetMembers())


def devices(desk, person: str) -> dict[str, Device]:
    (found,) = [one for one in members(desk).members if one.person == person]
    return {device.device: device for device in found.devices}


def told(desk) -> list[str]:
    return [line for line in desk.run("tail", "--limit", "500").splitlines() if " team " in line]


def claims(desk) -> list[str]:
    """The claims that hold: one row a person and subject."""
    lines = [line for line in desk.lines() if line.event.kind == "claim"]
    return [line.event.state for line in lines if not line.superseded]


def linked(until, *desks) -> None:
    for desk in desks:
        until(
            "it is linked",
            lambda desk=desk: any(peer.state == "live" for peer in desk.status().peers),
        )


def rejected(until, desk) -> None:
    until(
        "its screen says that it is rejected",
        lambda: any("it rejected this device" in one.reason for one in desk.status().refused),
    )


def ended(desk) -> None:
    """Wait until a node ends by itself, which it does without an error."""
    desk.process.communicate(timeout=20)
    assert desk.process.returncode == 0
    desk.process = None


def test_a_second_laptop_is_the_same_persons(world, until) -> None:
    ana, bob = world.team("bob")
    ana.run("team", "grant", "bob", "deployer", "shop/*")
    laptop = world.desk("bobs-laptop")
    joined = laptop.run("team", "join", ana.run("team", "invite", "--for", "bob", "--pre-approved"))
    first, second = bob.ready["device"], joined.split(" with ")[1].split()[1].rstrip(";")
    assert re.fullmatch(
        rf"bob joined team acme with \S+ {second}; other devices of bob: \S+ {first[:8]}", joined
    )
    laptop.start("--peer", ana.ready["mesh"])
    linked(until, bob, laptop)
    for desk in (ana, bob, laptop):
        until(
            "the stream says which device came",
            lambda desk=desk: any("bob joined with another device" in one for one in told(desk)),
        )
    assert laptop.status().person == "bob"
    assert "deployer shop/*" in laptop.status().roles
    assert laptop.status().members == 2

    # Duty is the person's: said on one device, it holds on both, for popups as well.
    bob.run("duty", "off")
    until("the laptop knows", lambda: not laptop.status().on_duty)
    until("and says so to screens", lambda: "bob" not in ana.status().duty)
    laptop.run("duty", "on")
    until("the desk knows", lambda: bob.status().on_duty)

    # Claims and their end, too: one row, whoever of the two devices said it.
    claim = ("--kind", "claim", "--service", "shop", "--subject", "build/shop/1")
    bob.run("emit", *claim, "--state", "claimed")
    until("ana sees it", lambda: claims(ana) == ["claimed"])
    laptop.run("emit", *claim, "--state", "released")
    until("it is let go", lambda: claims(ana) == ["released"])

    shown = ana.run("team", "members")
    for device in (first, ana.ready["device"], laptop.ready["device"]):
        (row,) = [line for line in shown.splitlines() if device[:8] in line]
        assert re.search(r"since \d{4}-\d\d-\d\d", row), row
        assert "certificate ends in" in row, row
        assert "this device" in row or "linked" in row or "last heard" in row, row
    (record,) = [
        one
        for one in json.loads(ana.run("team", "members", "--json"))["members"]
        if one["person"] == "bob"
    ]
    assert {"machine", "since", "certificate_expires", "linked", "seen"} <= set(
        record["devices"][0]
    )


def test_a_new_laptop_takes_the_place_of_a_broken_one(world, until) -> None:
    ana, bob = world.team("bob")
    bob.run("duty", "off")
    until("ana has bob's word", lambda: any("bob is off duty" in one for one in told(ana)))
    old = bob.ready["device"]
    bob.stop()
    # As whoever reinstalled it does it first; the sentence names the way.
    new = world.desk("new")
    refused = new.run(
        "team", "join", ana.run("team", "invite", "--pre-approved"), "--person", "bob", code=1
    )
    assert "devstream team invite --for NAME" in refused
    invite = ana.run("team", "invite", "--for", "bob", "--replace", old[:8], "--pre-approved")
    joined = new.run("team", "join", invite)
    assert f" {old[:8]}" in joined.split("in place of")[1]
    new.start("--peer", ana.ready["mesh"])
    linked(until, new)
    until("the old one is out", lambda: devices(ana, "bob")[old].revoked)
    assert devices(ana, "bob")[old].why == f"replaced by {new.ready['device'][:8]}"
    until(
        "the stream says so",
        lambda: any(
            f"bob joined with {new.ready['device'][:8]} in place of {old[:8]}" in one
            for one in told(new)
        ),
    )
    until("its past is believed", lambda: any("bob is off duty" in one for one in told(new)))
    until("and the duty is still bob's", lambda: not new.status().on_duty)
    assert [line.struck for line in new.lines() if line.event.kind == "duty"] == [False]

    # The broken one is mended and comes back: it is out, and has the way of a revoked one.
    bob.start("--peer", ana.ready["mesh"])
    rejected(until, bob)
    assert "which rejects it" in bob.run("team", "leave")
    ended(bob)
    bob.run("team", "join", ana.run("team", "invite", "--for", "bob", "--pre-approved"))
    bob.start("--peer", ana.ready["mesh"])
    linked(until, bob)
    inside = [device for device, one in devices(ana, "bob").items() if not one.revoked]
    assert sorted(inside) == sorted([new.ready["device"], bob.ready["device"]])


def test_a_device_leaves_and_is_out_and_its_home_joins_anew(world, until) -> None:
    ana, bob = world.team("bob")
    linked(until, bob)
    assert "devstream team grant bob admin" in ana.run("team", "leave", code=1)
    first = bob.ready["device"]
    bob.run("duty", "off")
    assert "this device left team acme" in bob.run("team", "leave")
    ended(bob)
    until("it is out of the policy", lambda: devices(ana, "bob")[first].revoked)
    assert devices(ana, "bob")[first].why == "left by its own will"
    until("the stream says it", lambda: any("bob left the team" in one for one in told(ana)))
    assert "in no team yet" in bob.run("team", "members", code=1)

    # The same home, the same team, the same person: another device.
    bob.run("team", "join", ana.run("team", "invite", "--for", "bob", "--pre-approved"))
    bob.start("--peer", ana.ready["mesh"])
    linked(until, bob)
    assert bob.ready["device"] != first
    until("what bob said counts", lambda: not bob.status().on_duty)
    bob.run("duty", "on")
    until("and bob goes on", lambda: any("bob is on duty" in one for one in told(ana)))

    # And a home of a former team joins another.
    bob.run("team", "leave")
    ended(bob)
    eve = world.desk("eve")
    eve.run("team", "create", "other", "--person", "eve")
    eve.start()
    bob.run("team", "join", eve.run("team", "invite", "--pre-approved"), "--person", "bob")
    bob.start("--peer", eve.ready["mesh"])
    linked(until, bob)
    assert not [one for one in told(bob) if "ana" in one], "nothing of the team before"


def test_a_revoked_device_says_how_it_comes_back_and_that_works(world, until) -> None:
    ana, bob = world.team("bob")
    linked(until, bob)
    ana.run("team", "revoke", bob.ready["device"][:8], "--why", "a mistake")
    # Nobody talks to it any more, so all it can know is that it was rejected.
    rejected(until, bob)
    checks = json.loads(bob.begin("doctor", "--json").communicate(timeout=60)[0])["checks"]
    (way,) = {one["advice"] for one in checks if "rejected this device" in one["what"]}
    assert "devstream team invite --for NAME" in way
    assert "devstream team leave, and devstream team join INVITE" in way
    invite = ana.run("team", "invite", "--for", "bob", "--pre-approved")
    bob.run("team", "join", invite, code=1)
    bob.run("team", "leave")
    ended(bob)
    assert "bob joined team acme" in bob.run("team", "join", invite)
    bob.start("--peer", ana.ready["mesh"])
    linked(until, bob)


def test_without_a_node_or_a_peer_nobody_leaves_unheard(world) -> None:
    ana, bob = world.team("bob")
    ana.stop()
    bob.stop()
    refused = bob.run("team", "leave", code=1)
    assert "no node runs" in refused
    # With --force it goes unheard, but never so that nobody could change the team again.
    assert "devstream team grant bob admin" in ana.run("team", "leave", "--force", code=1)
    bob.start()
    refused = bob.run("team", "leave", code=1)
    assert "no member is linked" in refused
    assert f"devstream team revoke {bob.ready['device'][:8]}" in refused
    assert "devstream team revoke" in bob.run("team", "leave", "--force")

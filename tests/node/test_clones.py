"""A whole machine that is cloned: two living nodes under one key. Nothing that either acknowledged is lost, and people are told."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.history.epoch import FeedMirror, place_of
from devstream_desktop.mesh.replica.clones import SIDE_BY_SIDE_MS

pytestmark = pytest.mark.process

LEVEL_S = 60
"""Both dial the same neighbours, and each of those serves one device once: the copies take turns."""


def say(desk, *titles: str) -> set[str]:
    """Claim each of these; the keys of what was acknowledged."""
    with Client(desk.home.control_url()) as client:
        return {client.ask(Emit(kind="claim", state="claimed", service="shop", subject=title, title=title)).text for title in titles}


def image_of(desk, twin) -> None:
    """Copy a stopped machine: what names the place of the database is the same on both, unlike for a home that was copied on one."""
    shutil.copytree(desk.home.root, twin.home.root)
    shutil.copy(desk.environment["DEVSTREAM_KEY_FILE"], twin.environment["DEVSTREAM_KEY_FILE"])
    mirror = json.loads(desk.home.feed_mirror.read_text())
    assert mirror["place"] == place_of(desk.home.history)
    FeedMirror(twin.home.feed_mirror).remember(bytes.fromhex(mirror["epoch"]), mirror["last"], place_of(twin.home.history))


def offer(desk) -> None:
    """Make a desk the executor of shop/production; a run of it leaves a line in its home."""
    script = desk.home.root / "deploy.sh"
    script.write_text('#!/bin/sh\necho once >> "$(dirname "$0")/deployed"\n')
    script.chmod(0o700)
    desk.home.targets.write_text('[target.shop.production]\nrun = ["./deploy.sh"]\n')


def deploy(desk, *, code: int = 0) -> str:
    return desk.run("deploy", "shop", "production", "--sha", "a" * 40, "--yes", code=code)


def printed(desk, *command: str) -> str:
    """What a command says, whatever it ends with."""
    return desk.begin(*command).communicate(timeout=60)[0]


def told(desk, words: str) -> bool:
    return any(words in notice for notice in desk.status().notices)


def test_a_machine_that_was_cloned_loses_nothing_and_is_told_what_to_do(world, until: Callable[..., object], clock) -> None:
    ana, bob, carl = world.team("bob", "carl")
    offer(bob)
    ana.run("team", "grant", "bob", "executor")
    ana.run("team", "grant", "ana", "deployer", "*/*")
    until("the target is known", lambda: ana.status().targets == 1)
    bob.stop()
    twin = world.desk("twin")
    bob.start(program=clock.program)
    acknowledged = say(bob, "before")
    until("all know it", lambda: acknowledged <= ana.facts() & carl.facts())
    bob.stop()
    image_of(bob, twin)
    for desk in (ana, carl):
        desk.stop()
        desk.start("--listen", f"127.0.0.1:{desk.ready['mesh'].rpartition(':')[2]}", program=clock.program)
        desk.process.send_signal(signal.SIGSTOP)
    for desk in (bob, twin):
        desk.start(program=clock.program)
    epochs = {json.loads(desk.home.feed_mirror.read_text())["epoch"] for desk in (bob, twin)}
    assert len(epochs) == 1, "a copy of a whole machine cannot know that it is one"
    for number in range(20):
        acknowledged |= say(bob, f"bob {number}") | say(twin, f"twin {number}")
    for desk in (ana, carl):
        desk.process.send_signal(signal.SIGCONT)

    everybody = (ana, carl, bob, twin)
    until("all have all", lambda: all(acknowledged <= desk.facts() for desk in everybody), LEVEL_S)
    for desk in everybody:
        until("the feed is closed and told", lambda desk=desk: told(desk, "wrote two different entries under one number"))
    assert "two machines write" not in printed(carl, "doctor")
    for number in range(20):
        acknowledged |= say(bob, f"bob goes on {number}") | say(twin, f"twin goes on {number}")
    # No further: what the clock says here may still be told to one whose own is right.
    clock.set(SIDE_BY_SIDE_MS)
    acknowledged |= say(bob, "bob later") | say(twin, "twin later")
    until("all have all again", lambda: all(acknowledged <= desk.facts() for desk in everybody), LEVEL_S)
    assert ana.facts() == carl.facts() == bob.facts() == twin.facts()
    for desk in everybody:
        until("both are known to be alive", lambda desk=desk: told(desk, "two machines write as bob's device"))
    for text in (printed(twin, "status"), printed(bob, "doctor"), printed(carl, "team", "members")):
        assert "On one of them end devstream and join again with a fresh --home and another name (devstream team invite)" in text

    error = deploy(ana, code=1)
    assert "two machines write as this executor" in error
    twin.stop()
    bob.stop()
    bob.start(program=clock.program)
    until("they are linked again", lambda: any(peer.state == "live" for peer in bob.status().peers))
    assert "ana deployed" in deploy(ana)
    assert (bob.home.root / "deployed").read_text() == "once\n"
    assert not (twin.home.root / "deployed").exists()

    clock.set(0)
    fresh = world.desk("fresh")
    invite = ana.run("team", "invite", "--pre-approved")
    fresh.run("team", "join", invite, "--person", "bob two")
    fresh.start()
    acknowledged |= say(fresh, "as itself") | say(bob, "alone again")
    until("all have what the two say", lambda: all(acknowledged <= desk.facts() for desk in (ana, carl, bob, fresh)), LEVEL_S)

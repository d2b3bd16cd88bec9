"""A whole machine that is cloned: two living nodes under one key.

Nothing that either acknowledged is lost, and people are told.
"""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable

import pytest

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.stream import Emit
from devstream_desktop.history.epoch import FeedMirror, place_of
from devstream_desktop.mesh.overlay.backoff import BACKOFF_MAX_MS
from devstream_desktop.mesh.replica.clones import SIDE_BY_SIDE_MS

pytestmark = [pytest.mark.process, pytest.mark.timeout(900)]

LEVEL_S = 3 * BACKOFF_MAX_MS // 1000
"""Seconds until all have all.

Both dial the same neighbours, and each of those serves one device once: the copies take turns. Each
turn may wait for the longest back-off, and a third brings to the first what the second said.
"""
CLOSED = "wrote two different entries under one number"
ALIVE = "two machines write as bob's device"
ADVICE = (
    "On one of them end devstream and join again with a fresh --home and another name"
    " (devstream team invite)"
)


def say(desk, *titles: str) -> set[str]:
    """Claim each of these; the keys of what was acknowledged."""
    with Client(desk.home.control_url()) as client:
        return {
            client.ask(
                Emit(kind="claim", state="claimed", service="shop", subject=title, title=title)
            ).text
            for title in titles
        }


def image_of(desk, twin) -> None:
    """Copy a stopped machine.

    The place of the database has the same name on both, unlike in a home that was copied on one.
    """
    shutil.copytree(desk.home.root, twin.home.root)
    shutil.copy(desk.environment["DEVSTREAM_KEY_FILE"], twin.environment["DEVSTREAM_KEY_FILE"])
    mirror = json.loads(desk.home.feed_mirror.read_text())
    assert mirror["place"] == place_of(desk.home.history)
    FeedMirror(twin.home.feed_mirror).remember(
        bytes.fromhex(mirror["epoch"]), mirror["last"], place_of(twin.home.history)
    )


def offer(desk) -> None:
    """Make a desk the executor of shop/production; a run of it leaves a line in its home."""
    script = desk.home.root / "deploy.sh"
    script.write_text('#!/bin/sh\necho once >> "$(dirname "$0")/deployed"\n')
    script.chmod(0o700)
    desk.home.targets.write_text('[target.shop.production]\nrun = ["./deploy.sh"]\n')


def deploy(desk, *, code: int = 0) -> str:
    return desk.run("deploy", "shop", "production", "--sha", "a" * 40, "--yes", code=code)


def printed(desk, *command: str) -> str:
    """The output of a command, whatever it ends with."""
    return desk.begin(*command).communicate(timeout=60)[0]


def told(desk, words: str) -> bool:
    return any(words in notice for notice in desk.status().notices)


class Scene:
    """Bob's machine, which is an executor, and its clone, among two other members."""

    def __init__(self, world, until: Callable[..., object], clock) -> None:
        self.world, self.until, self.clock = world, until, clock
        self.ana, self.bob, self.carl = world.team("bob", "carl")
        self.twin = world.desk("twin")
        self.acknowledged: set[str] = set()
        """Keys of all that a node said it has."""

    @property
    def everybody(self) -> tuple:
        return (self.ana, self.carl, self.bob, self.twin)

    def bob_becomes_an_executor(self) -> None:
        offer(self.bob)
        self.ana.run("team", "grant", "bob", "executor")
        self.ana.run("team", "grant", "ana", "deployer", "*/*")
        self.until("the target is known", lambda: self.ana.status().targets == 1)
        self.bob.stop()

    def bob_is_cloned(self) -> None:
        self.bob.start(program=self.clock.program)
        self.acknowledged |= say(self.bob, "before")
        self.all_have_all(self.ana, self.carl)
        self.bob.stop()
        image_of(self.bob, self.twin)

    def both_write_before_anybody_hears_of_it(self) -> None:
        for desk in (self.ana, self.carl):
            desk.stop()
            port = desk.ready["mesh"].rpartition(":")[2]
            desk.start("--listen", f"127.0.0.1:{port}", program=self.clock.program)
            desk.process.send_signal(signal.SIGSTOP)
        for desk in (self.bob, self.twin):
            desk.start(program=self.clock.program)
        mirrors = [json.loads(one.home.feed_mirror.read_text()) for one in (self.bob, self.twin)]
        assert len({mirror["epoch"] for mirror in mirrors}) == 1, "it cannot know that it is a copy"
        self.both_say("first", 20)
        for desk in (self.ana, self.carl):
            desk.process.send_signal(signal.SIGCONT)

    def both_say(self, what: str, times: int = 1) -> None:
        for number in range(times):
            self.acknowledged |= say(self.bob, f"bob {what} {number}")
            self.acknowledged |= say(self.twin, f"twin {what} {number}")

    def all_have_all(self, *desks) -> None:
        self.until(
            "all have all",
            lambda: all(self.acknowledged <= desk.facts() for desk in desks),
            LEVEL_S,
        )

    def everybody_is_told(self, words: str) -> None:
        for desk in self.everybody:
            self.until(f"told: {words}", lambda desk=desk: told(desk, words), LEVEL_S)

    def the_advice_is_shown(self) -> None:
        commands = [(self.twin, "status"), (self.bob, "doctor"), (self.carl, "team", "members")]
        for desk, *command in commands:
            assert ADVICE in printed(desk, *command)

    def nothing_is_deployed_while_both_live(self) -> None:
        assert "two machines write as this executor" in deploy(self.ana, code=1)

    def it_deploys_once_the_clone_has_ended(self) -> None:
        self.twin.stop()
        self.bob.stop()
        self.bob.start(program=self.clock.program)
        self.until(
            "they are linked again",
            lambda: any(peer.state == "live" for peer in self.bob.status().peers),
        )
        assert "ana deployed" in deploy(self.ana)
        assert (self.bob.home.root / "deployed").read_text() == "once\n"
        assert not (self.twin.home.root / "deployed").exists()

    def the_clone_joins_anew(self) -> None:
        fresh = self.world.desk("fresh")
        invite = self.ana.run("team", "invite", "--pre-approved")
        fresh.run("team", "join", invite, "--person", "bob two")
        fresh.start()
        self.acknowledged |= say(fresh, "as itself") | say(self.bob, "alone again")
        self.all_have_all(self.ana, self.carl, self.bob, fresh)


def test_a_machine_that_was_cloned_loses_nothing_and_is_told_what_to_do(
    world, until: Callable[..., object], clock
) -> None:
    scene = Scene(world, until, clock)
    scene.bob_becomes_an_executor()
    scene.bob_is_cloned()
    scene.both_write_before_anybody_hears_of_it()

    scene.all_have_all(*scene.everybody)
    scene.everybody_is_told(CLOSED)
    assert "two machines write" not in printed(scene.carl, "doctor"), "it may be over"

    scene.both_say("goes on", 20)
    # No further: what the clock says here may still be told to one whose own is right.
    scene.clock.set(SIDE_BY_SIDE_MS)
    scene.both_say("later")
    scene.all_have_all(*scene.everybody)
    assert len({frozenset(desk.facts()) for desk in scene.everybody}) == 1
    scene.everybody_is_told(ALIVE)
    scene.the_advice_is_shown()

    scene.nothing_is_deployed_while_both_live()
    scene.it_deploys_once_the_clone_has_ended()
    scene.clock.set(0)
    scene.the_clone_joins_anew()

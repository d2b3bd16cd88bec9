"""A team that keeps less from now on.

Every running node forgets what is older, by the policy alone.
"""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.process

DAY = 86_400_000


def titles(desk) -> set[str]:
    return {line.event.title for line in desk.lines() if line.event.kind == "build"}


def emit(desk, title: str) -> None:
    desk.run("emit", "--kind", "build", "--state", "failed", "--service", "shop", "--title", title)


def test_a_shorter_time_in_the_policy_forgets_on_every_node_and_a_longer_one_keeps(
    world, until, clock
) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.run("team", "set", "--retention", "12")
    clock.set(-10 * DAY)
    ana.start("--intake", "127.0.0.1:0", program=clock.program)
    emit(ana, "ten days old")
    ana.stop()
    ana.start("--intake", "127.0.0.1:0")
    emit(ana, "new")
    bob = world.desk("bob")
    bob.run("team", "join", ana.run("team", "invite", "--pre-approved"), "--person", "bob")
    bob.start()
    until("bob has both", lambda: titles(bob) == {"ten days old", "new"})
    ana.run("team", "set", "--retention", "20")
    until("bob keeps longer", lambda: "kept for 20 days" in bob.run("team", "policy"))
    assert titles(ana) == titles(bob) == {"ten days old", "new"}
    ana.run("team", "set", "--retention", "5")
    for desk in (ana, bob):
        until("the old is forgotten", lambda desk=desk: titles(desk) == {"new"})

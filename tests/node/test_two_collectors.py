"""Two collectors of one team take in the same sources.

Each fact is one row on every desk, and either collector may die.
"""

from __future__ import annotations

import signal
from collections import Counter
from pathlib import Path

import pytest
from real_git import commit, git
from senders import SECRET, deliver

pytestmark = pytest.mark.process


@pytest.fixture
def push(tmp_path: Path):
    """`push("Fix it")`: commit to main of `tmp_path/shop.git`; the new revision."""
    bare, clone = tmp_path / "shop.git", tmp_path / "shop"

    git(tmp_path, "init", "-q", "--bare", "-b", "main", str(bare))
    git(tmp_path, "init", "-q", "-b", "main", str(clone))

    def push(subject: str) -> str:
        revision = commit(clone, subject)
        git(clone, "push", "-q", str(bare), "main")
        return revision

    push("First")
    return push


def test_the_same_fact_by_both_is_one_row_and_either_may_die(world, until, push, tmp_path) -> None:
    ana, bob, cy = world.team("bob", "cy")
    ana.run("team", "grant", "bob", "collector")
    bob.stop()
    bob.start("--intake", "127.0.0.1:0")
    until("bob is a collector", lambda: bob.ready.get("intake") or bob.status().intake)
    (tmp_path / "secret").write_bytes(SECRET)
    urls = {}
    for desk in (ana, bob):
        path = desk.run("source", "add", "github", "hub", "--secret-file", str(tmp_path / "secret"))
        urls[desk.home.root.name] = desk.status().intake + path
        desk.run("source", "add", "git", "shop", str(tmp_path / "shop.git"), "--branch", "main")
        until(
            "its repository was looked at",
            lambda desk=desk: any(one.name == "shop" and one.seen for one in desk.status().sources),
        )

    def rows(desk) -> Counter[str]:
        return Counter(
            line.event.number for line in desk.lines() if line.event.kind in ("change", "ticket")
        )

    revisions = [push("Both see it")]
    for number in range(1, 6):
        assert deliver(urls["ana"], number) == 202
        assert deliver(urls["bob"], number) == 202
    expected = {revisions[0], *map(str, range(1, 6))}
    for desk in (ana, bob, cy):
        until("each fact is there", lambda desk=desk: set(rows(desk)) == expected)
    until("all know the same", lambda: ana.facts() == bob.facts() == cy.facts())

    ana.stop(signal.SIGKILL)
    revisions.append(push("Only bob sees it"))
    assert deliver(urls["bob"], 6) == 202
    expected |= {revisions[1], "6"}
    for desk in (bob, cy):
        until("the one that lives takes over", lambda desk=desk: set(rows(desk)) == expected)
    ana.start("--intake", "127.0.0.1:0")
    for desk in (ana, bob, cy):
        until("all have all of it again", lambda desk=desk: set(rows(desk)) == expected)
        assert set(rows(desk).values()) == {1}, "one row a fact"

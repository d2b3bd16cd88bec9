"""The team of one that a first start makes.

It follows the repository one stands in, and is left behind when one joins a team.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial

import pytest
from real_git import commit, git

pytestmark = pytest.mark.process


@pytest.fixture
def checkout(tmp_path):
    folder = tmp_path / "My Shop"
    folder.mkdir()

    git(folder, "init", "-q", "-b", "main")
    for number in range(3):
        commit(folder, f"Commit {number}")
    return folder, partial(commit, folder)


def test_without_a_display_the_lines_come_to_the_terminal(world, until, checkout) -> None:
    folder, commit = checkout
    desk = world.desk("me")
    process = subprocess.Popen(
        [sys.executable, "-m", "devstream_desktop", "--home", str(desk.home.root)],
        cwd=folder,
        env=desk.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    history = [process.stdout.readline() for _ in range(3)]
    assert all(f"Commit {number}" in line for number, line in enumerate(history))
    assert all(line.event.quiet for line in desk.lines() if line.event.kind == "change")
    commit("The next commit")
    assert "My Shop" in (line := process.stdout.readline())
    assert "The next commit" in line
    assert not next(
        line for line in desk.lines() if line.event.title == "The next commit"
    ).event.quiet
    status = desk.status()
    assert status.solo
    assert {"admin", "collector", "executor", "deployer */*"} <= set(status.roles)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 0, errors
    assert "there is no display" in errors


def test_joining_leaves_the_team_of_one_behind(world, until, checkout) -> None:
    folder, _ = checkout
    (ana,) = world.team()
    bob = world.desk("bob")
    bob.start("--solo", "--follow", str(folder))
    until("the repository was read", lambda: bob.status().events >= 3)
    device = bob.status().device
    bob.run("team", "join", ana.run("team", "invite"), "--person", "bob")
    status = bob.status()
    assert (status.team, status.person, status.solo) == ("acme", "bob", False)
    assert status.device != device
    until("the new team's history is there", lambda: bob.facts() == ana.facts())
    assert not any(line.event.service == "My Shop" for line in bob.lines())
    assert list(bob.home.root.glob("history-*.sqlite"))
    assert "is in" in bob.run("team", "join", ana.run("team", "invite"), "--person", "bob", code=1)


def test_the_repository_is_followed_once(world, until, checkout) -> None:
    folder, _ = checkout
    desk = world.desk("me")
    for _ in range(2):
        desk.start("--solo", "--follow", str(folder))
        until("the repository was read", lambda: desk.status().events >= 3)
        assert len(desk.status().sources) == 1
        desk.stop()
    assert len(desk.facts()) == 3

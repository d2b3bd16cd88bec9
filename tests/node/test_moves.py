"""A branch that moves in every way, by real git.

Each move is told once, and a deploy ships where it is.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from git_forge import Forge, serving
from real_git import git

from devstream_desktop.control.client import Client
from devstream_desktop.control.messages.deploys import PlanDeploy

pytestmark = pytest.mark.process
HOOK = Path(__file__).parents[2] / "resources" / "hooks" / "post-receive"


class Repository:
    """A bare repository whose `main` is set anywhere."""

    def __init__(self, folder: Path) -> None:
        self.bare, self._clone = folder / "shop.git", folder / "shop"
        git(folder, "init", "-q", "--bare", "-b", "trunk", str(self.bare))
        git(folder, "init", "-q", "-b", "trunk", str(self._clone))
        git(self._clone, "remote", "add", "origin", str(self.bare))
        self.commits = [self._commit(name) for name in ("One", "Two")]
        git(self._clone, "push", "-q", "origin", "trunk")

    def _commit(self, subject: str) -> str:
        git(self._clone, "commit", "-q", "--allow-empty", "-m", subject)
        return git(self._clone, "rev-parse", "HEAD")

    def move(self, to: str, branch: str = "main") -> None:
        """Push the branch to a commit; nothing deletes it."""
        git(self._clone, "push", "-q", "--force", "origin", f"{to}:refs/heads/{branch}")

    def hook(self, desk) -> None:
        """Ship the hook, for the node of a desk."""
        words = " ".join(shlex.quote(word) for word in (sys.executable, "-m", "devstream_desktop"))
        command = self.bare.parent / "devstream"
        exports = "".join(
            f"export {name}={shlex.quote(value)}\n"
            for name, value in desk.environment.items()
            if name.startswith(("DEVSTREAM", "XDG"))
        )
        command.write_text(f'#!/bin/sh\n{exports}exec {words} "$@"\n')
        command.chmod(0o755)
        installed = self.bare / "hooks" / "post-receive"
        # The shipped one gives up after two seconds; a loaded machine starts Python in more.
        installed.write_text(HOOK.read_text().replace("timeout 2 ", "timeout 30 "))
        installed.chmod(0o755)
        for name, value in {
            "devstream.command": str(command),
            "devstream.home": str(desk.home.root),
            "devstream.branch": "main",
        }.items():
            git(self.bare, "config", name, value)


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def told(desk) -> list[tuple[str, str]]:
    """Each row of main: its state, and where it says that the branch is."""
    rows: dict[str, tuple[str, str]] = {}
    for line in reversed(desk.lines()):
        if line.event.kind == "change":
            # Of two words on one move the later one says more.
            rows[line.event.number] = (line.event.state, line.event.revision)
    return list(rows.values())


def planned(desk, ref: str = "main") -> str:
    """The commit that a deploy would ship."""
    with Client(desk.home.control_url()) as client:
        plan = PlanDeploy(target="shop", environment="production", ref=ref)
        return client.ask(plan).sha


@pytest.fixture
def forge(repository: Repository) -> Iterator[Forge]:
    git(repository.bare, "config", "uploadpack.allowFilter", "true")
    with serving(repository.bare.parent) as server:
        yield server


@pytest.mark.parametrize("ways", ["poll", "hook", "poll and hook", "http", "http and hook"])
def test_k1_each_move_is_a_line_and_a_deploy_ships_where_the_branch_is(
    world, until, repository, forge, ways
) -> None:
    (ana,) = world.team()
    target = '[target.shop.production]\nrun = ["./deploy.sh"]\n'
    ana.home.targets.write_text(target)
    if "poll" in ways:
        ana.run("source", "add", "git", "shop", str(repository.bare), "--branch", "main")
    if "http" in ways:
        remote = f"{forge.url}/{repository.bare.name}"
        ana.run("source", "add", "git", "shop", remote, "--branch", "main", "--interval", "1")
    if ways != "hook":
        until("the source was looked at", lambda: ana.status().sources[0].seen)
    if "hook" in ways:
        repository.hook(ana)
    until("the target is offered", lambda: ana.status().targets == 1)
    one, two = repository.commits
    moves = [one, "", one, two, one, two, "", two]
    for number, commit in enumerate(moves, 1):
        repository.move(commit)
        until(f"move {number} is told", lambda number=number: len(told(ana)) >= number)
        if commit:
            assert planned(ana) == commit
    assert [revision for _, revision in told(ana)] == moves
    states = [state for state, _ in told(ana)]
    if "and" in ways:
        # The first one's word stands, and a look may have missed what was before.
        assert [state == "deleted" for state in states] == [not commit for commit in moves]
        return
    assert states == [
        "created",
        "deleted",
        "created",
        "pushed",
        "reset",
        "pushed",
        "deleted",
        "created",
    ]


def test_a_deploy_ships_what_the_repository_has_and_not_what_was_told(
    world, until, repository
) -> None:
    (ana,) = world.team()
    bare = repository.bare
    ana.home.targets.write_text(
        f'[target.shop.production]\nrun = ["./deploy.sh"]\nrepository = "{bare}"\n'
    )
    until("the target is offered", lambda: ana.status().targets == 1)
    one, two = repository.commits
    repository.move(two)
    ana.run("emit", "--kind", "change", "--state", "pushed", "--service", "shop", "--ref", "main",
            "--revision", one)  # fmt: skip
    assert planned(ana) == two
    asked = ["deploy", "shop", "production", "--ref", "gone", "--yes"]
    assert "there is no gone in the repository of shop" in ana.run(*asked, code=1)


def test_a_poll_puts_right_what_was_told_of_a_branch(world, until, repository) -> None:
    """A report that was wrong, or came very late, is the last word until the next look but one."""
    (ana,) = world.team()
    one, two = repository.commits
    repository.move(two)
    ana.run("source", "add", "git", "shop", str(repository.bare), "--branch", "main")
    until("the source was looked at", lambda: ana.status().sources[0].seen)
    late = ["emit", "--kind", "change", "--state", "pushed", "--service", "shop", "--ref", "main"]
    ana.run(*late, "--revision", one)
    until("it is put right", lambda: [revision for _, revision in told(ana)] == [one, two], 60)

"""The post-receive hook that is shipped.

Real pushes, a stand-in for the command that writes down what it was called with.
"""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path

import pytest
from real_git import git

pytestmark = pytest.mark.process

HOOK = Path(__file__).parents[2] / "resources" / "hooks" / "post-receive"


@pytest.fixture
def hooked(repository, tmp_path):
    calls = tmp_path / "calls"
    command = tmp_path / "devstream"
    command.write_text(
        f'#!/bin/sh\nfor word in "$@"; do printf "%s\\037" "$word"; done >> "{calls}.new"\n'
        f'printf "\\n" >> "{calls}.new"\n'
    )
    command.chmod(0o755)
    hook = repository.bare / "hooks" / "post-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_bytes(HOOK.read_bytes())
    hook.chmod(0o755)
    git(repository.bare, "config", "devstream.command", str(command))

    def read(count: int) -> list[list[str]]:
        written = Path(f"{calls}.new")
        deadline = time.monotonic() + 10
        while not written.exists() or written.read_text().count("\n") < count:
            assert time.monotonic() < deadline, "the hook did not call in time"
            time.sleep(0.02)
        words = [line.split("\x1f")[:-1] for line in written.read_text().splitlines()]
        for call in words:
            place = call.index("--time")
            said = datetime.fromisoformat(call[place + 1]).timestamp()
            assert 0 <= time.time() - said < 60, "the time of the push"
            del call[place : place + 2]
        return words

    return read


def test_every_kind_of_push_is_told(repository, hooked):
    first = repository.commit("First")
    repository.push()
    hooked(1)
    second = repository.commit('Second -- "quoted" $(date) ;x')
    repository.push()
    hooked(2)
    repository.git("reset", "--quiet", "--hard", first)
    third = repository.commit("--state=deleted")
    repository.push("--force", "HEAD")
    hooked(3)
    repository.git("reset", "--quiet", "--hard", first)
    repository.push("--force", "HEAD")
    calls = hooked(4)
    base = ["emit", "--service", "shop", "--kind", "change", "--state"]
    said = ["--actor=Ana", '--title=Second -- "quoted" $(date) ;x']
    from_first = ["--previous", first, "--count", "1", "--ref", "main", "--revision", second]
    from_second = ["--previous", second, "--count", "1", "--ref", "main", "--revision", third]
    from_third = ["--previous", third, "--count", "0", "--ref", "main", "--revision", first]
    assert calls == [
        [*base, "created", "--ref", "main", "--revision", first, "--actor=Ana", "--title=First"],
        [*base, "pushed", *from_first, *said],
        [*base, "force-pushed", *from_second, "--actor=Ana", "--title=--state=deleted"],
        [*base, "reset", *from_third, "--actor=Ana", "--title=First"],
    ]


def test_k4_of_a_push_of_60_branches_50_are_told_and_the_rest_counted(repository, hooked):
    git(repository.bare, "config", "devstream.branch", "*")
    repository.commit("One")
    repository.push(*(f"HEAD:refs/heads/b{n:02}" for n in range(60)))
    calls = hooked(51)
    assert len(calls) == 51
    assert calls[-1][3:11] == [
        "--kind",
        "source",
        "--state",
        "active",
        "--subject",
        "source/shop/hook",
        "--count",
        "10",
    ]


def test_branches_that_count_are_configured(repository, hooked, tmp_path):
    for pattern in ("main", "release/*"):
        git(repository.bare, "config", "--add", "devstream.branch", pattern)
    git(repository.bare, "config", "devstream.service", "till")
    git(repository.bare, "config", "devstream.home", str(tmp_path / "a home"))
    revision = repository.commit("One")
    repository.git("tag", "v1")
    repository.push("HEAD:release/1", "HEAD:maintenance", "HEAD:feature/x", "v1")
    hooked(1)
    repository.push("--delete", "release/1", "feature/x")
    calls = hooked(2)
    base = [
        "--home",
        str(tmp_path / "a home"),
        "emit",
        "--service",
        "till",
        "--kind",
        "change",
        "--state",
    ]
    assert calls[0] == [
        *base,
        "created",
        "--ref",
        "release/1",
        "--revision",
        revision,
        "--actor=Ana",
        "--title=One",
    ]
    assert calls[1] == [
        *base,
        "deleted",
        "--ref",
        "release/1",
        "--revision",
        revision,
        "--previous",
        revision,
    ]


def test_a_command_that_hangs_or_is_missing_does_not_hold_the_push(repository, hooked, tmp_path):
    pids = tmp_path / "pids"
    slow = tmp_path / "slow"
    slow.write_text(f'#!/bin/sh\necho $$ > "{pids}"\nexec sleep 30\n')
    slow.chmod(0o755)
    git(repository.bare, "config", "devstream.command", str(slow))
    repository.commit("One")
    began = time.monotonic()
    repository.push()
    assert time.monotonic() - began < 15
    while not pids.exists() or not pids.read_text():
        assert time.monotonic() - began < 25
        time.sleep(0.02)
    pid = int(pids.read_text())
    while _alive(pid):
        assert time.monotonic() - began < 25, "the command was not ended after two seconds"
        time.sleep(0.05)
    git(repository.bare, "config", "devstream.command", "/nonexistent/devstream")
    repository.commit("Two")
    repository.push()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False

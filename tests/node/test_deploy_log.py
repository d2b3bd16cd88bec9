"""The output of a deploy, read on another desk: live, later, and never replicated."""

from __future__ import annotations

import os

import pytest

pytestmark = pytest.mark.process
SHA = "4f" * 20


def test_a_run_is_followed_from_another_desk(world, until, tmp_path) -> None:
    ana, bo = world.team("bo")
    ana.run("team", "grant", "bo", "deployer", "shop/*")
    go_on = tmp_path / "go-on"
    os.mkfifo(go_on)
    script = ana.home.root / "deploy.sh"
    script.write_text(
        "#!/bin/sh\n"
        "printf '\\033[32mfirst\\033[0m https://ana:hunter2@git.example.org/x\\n'\n"
        f"cat {go_on}\necho second\necho the end\nexit 3\n"
    )
    script.chmod(0o700)
    ana.home.targets.write_text('[target.shop.staging]\nrun = ["./deploy.sh"]\n')
    until("bo knows the target", lambda: "shop" in str(bo.targets()))
    ask = ("deploy", "shop", "staging", "--sha", SHA, "--yes", "--no-wait")
    number = bo.run(*ask).splitlines()[-1].split()[-1]
    until("it prints", lambda: "first" in bo.run("deploy", "log", number[:8]))
    following = bo.begin("deploy", "log", number[:8], "--follow")
    go_on.write_text("")
    out, _ = following.communicate(timeout=60)
    assert out == "first https://***@git.example.org/x\nsecond\nthe end\n"
    assert following.returncode == 1
    assert bo.run("deploy", "log", number) == out.strip()
    ana.stop()
    for desk in (ana, bo):
        files = list(desk.home.root.glob("history.sqlite*"))
        assert desk.home.history in files
        for path in files:
            assert b"second" not in path.read_bytes()
    away = bo.run("deploy", "log", number, code=1)
    assert "what it printed is on ana" in away


def test_what_is_not_there_is_said(world) -> None:
    (ana,) = world.team()
    assert "no deploy 12345678 is known here" in ana.run("deploy", "log", "12345678", code=1)
    assert "usage: devstream deploy log" in ana.run("deploy", "log", code=2)

"""One node a home, found and reached from the home itself, whatever the environment is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from devstream_desktop.home import Home

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="named pipes have no path"),
]


def desk_at(world, tmp_path: Path, name: bytes):
    """A desk whose home is a folder of that name."""
    desk = world.desk("ana")
    desk.home = Home(Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name)))
    return desk


ENVIRONMENTS: dict[str, dict[str, str | None]] = {
    "another runtime folder": {"XDG_RUNTIME_DIR": "other"},
    "cron": {"XDG_RUNTIME_DIR": None},
    "another temporary folder": {"XDG_RUNTIME_DIR": None, "TMPDIR": "other"},
    "a runtime folder that is gone": {"XDG_RUNTIME_DIR": "/nowhere"},
    "a deep temporary folder": {"XDG_RUNTIME_DIR": None, "TMPDIR": "deep"},
    "no home folder": {"XDG_RUNTIME_DIR": None, "HOME": None},
}
HOMES = {
    "short": b"home",
    "long": b"d" * 150,
    "not UTF-8": b"caf\xe9",
    "long and not UTF-8": b"\xff" * 120,
    "another script": "家".encode() * 10,
    "blanks and quotes": b"my 'home' ?#%41",
}


@pytest.mark.parametrize("name", HOMES.values(), ids=HOMES)
def test_commands_reach_the_node_and_a_second_one_says_who_has_the_home(
    world, tmp_path, name
) -> None:
    desk = desk_at(world, tmp_path, name)
    desk.start("--solo")
    pid = desk.process.pid
    (tmp_path / "other").mkdir(mode=0o700)
    deep = tmp_path / ("t" * 100)
    deep.mkdir()
    places = {"other": str(tmp_path / "other"), "deep": str(deep)}
    base = desk.environment
    device = desk.ready["device"]
    log = desk.home.log.read_bytes()
    for changes in ENVIRONMENTS.values():
        desk.environment = dict(base)
        for variable, value in changes.items():
            desk.environment.pop(variable, None)
            if value is not None:
                desk.environment[variable] = places.get(value, value)
        status = json.loads(desk.run("status", "--json"))
        assert status["device"] == device
        assert desk.run("emit", "--kind", "build", "--state", "failed", "--service", "shop")
        refusal = desk.run("node", code=1)
        assert f"another node has this home already (process {pid})" in refusal
        assert f"kill {pid}" in refusal
        refusal = desk.run("team", "create", "acme", "--person", "eve", code=1)
        assert f"process {pid}" in refusal
    assert desk.home.log.read_bytes().startswith(log)
    assert b"another node" not in desk.home.log.read_bytes()
    # The advice is followed.
    os.kill(pid, 15)
    desk.process.communicate(timeout=20)
    desk.process = None
    desk.start()
    desk.environment = base


def test_a_home_is_the_same_by_every_name(world, tmp_path) -> None:
    desk = world.desk("ana")
    desk.start("--solo")
    link = tmp_path / "link"
    link.symlink_to(desk.home.root)
    other = desk_at(world, tmp_path, b"link")
    assert json.loads(other.run("status", "--json"))["device"] == desk.ready["device"]
    assert "another node has this home already" in other.run("node", code=1)


def test_a_copy_of_a_home_never_reaches_the_node_of_the_first(world, tmp_path) -> None:
    desk = world.desk("ana")
    desk.start("--solo")
    subprocess.run(["cp", "-a", desk.home.root, tmp_path / "copy"], check=True, timeout=30)
    copy = desk_at(world, tmp_path, b"copy")
    copy.environment["DEVSTREAM_KEY_FILE"] = desk.environment["DEVSTREAM_KEY_FILE"]
    assert "no node runs for this home" in copy.run("duty", "off", code=1)
    copy.run("team", "set", "--retention", "20")
    before = json.loads(desk.run("team", "policy", "--json"))["retention_days"]
    assert before != 20


def test_a_socket_that_somebody_removed_comes_back(world) -> None:
    desk = world.desk("ana")
    desk.start("--solo")
    (desk.home.root / "control").unlink()
    # A command waits for it, and never takes the home for its own.
    assert json.loads(desk.run("team", "policy", "--json"))["version"] == 1
    deadline = time.monotonic() + 20
    while not (desk.home.root / "control").exists():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert json.loads(desk.run("status", "--json"))["device"] == desk.ready["device"]


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="only root is everybody")
def test_root_reaches_the_node_of_a_user_and_changes_nothing_beside_it(world, tmp_path) -> None:
    desk = world.desk("ana")
    desk.start("--solo")
    status = desk.run("status", "--json")
    desk.stop()
    for path in (desk.home.root, *desk.home.root.rglob("*")):
        shutil.chown(path, 65534, 65534)
    before = sorted((path.name, path.stat().st_uid) for path in desk.home.root.rglob("*"))
    assert "belongs to another user (nobody)" in desk.run("team", "policy", code=1)
    assert "belongs to another user (nobody)" in desk.run("node", code=1)
    after = sorted((path.name, path.stat().st_uid) for path in desk.home.root.rglob("*"))
    assert before == after
    assert json.loads(status)["device"]

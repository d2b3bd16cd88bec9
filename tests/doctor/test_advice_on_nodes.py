"""Advice on a machine, its node and its peers: it is followed, and the fault is gone."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

import pytest
from faults import DAY, aged
from following import DEVSTREAM, in_a_shell, node_of, running, start
from real_git import git
from rooms import load

from devstream_desktop.control.check import Check, Verdict
from devstream_desktop.doctor import doctor, storage
from devstream_desktop.home import Home

pytestmark = pytest.mark.process
_doctor = load("doctor/test_doctor.py")
found, key_of = _doctor.found, _doctor.key_of
Patch = pytest.MonkeyPatch
FOLLOWED = (
    "devstream, or devstream node",
    "end the node and start it again",
    "set DEVSTREAM_KEY_FILE as the node has it",
    "set the clock right (network time)",
    "free some space where ",
    "sudo chown -R $USER ",
    "start a node elsewhere; where it is not found, name it here",
    "name peers by address: [mesh] peers =",
    'set [mesh] listen = "[::]:0" in settings.toml and restart the node',
    "when that is put right: devstream source test {}",
)
"""The advices that are followed here."""


def test_who_starts_the_node_has_one(home: Home) -> None:
    assert found(home)["node"].advice == "devstream, or devstream node"
    for command in (["node", "--no-discovery", "--listen", "127.0.0.1:0"], []):
        with running(home, *command):
            assert found(home)["node"].verdict is Verdict.OK


def test_a_node_that_does_not_answer_is_ended_and_started(home: Home, monkeypatch: Patch) -> None:
    monkeypatch.setattr(doctor, "NODE_MS", 500)
    with node_of(home) as node:
        node.send_signal(signal.SIGSTOP)
        assert "end the node and start it again" in found(home)["node"].advice
    start(home)
    with node_of(home):
        assert found(home)["node"].verdict is Verdict.OK


def test_a_node_of_another_version_is_ended_and_started(home: Home, monkeypatch: Patch) -> None:
    with node_of(home), monkeypatch.context() as patch:
        # An upgrade, under a node that goes on.
        patch.setattr(doctor, "__version__", "99")
        assert found(home)["node"].advice == "end the node and start it again"
    with node_of(home):
        assert found(home)["node"].verdict is Verdict.OK


def test_the_environment_of_the_node_opens_its_keys(home: Home, monkeypatch: Patch) -> None:
    given = str(key_of(home))
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", given + ".other")
    key_of(home).with_name("sealing.other").unlink(missing_ok=True)
    monkeypatch.delenv("DEVSTREAM_KEY_FILE")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    assert "set DEVSTREAM_KEY_FILE as the node has it" in found(home)["keys"].advice
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", given)
    assert found(home)["keys"].verdict is Verdict.OK


def test_a_clock_that_is_set_right(home: Home, monkeypatch: Patch) -> None:
    aged(-400)(home)
    said = found(home)
    assert said["certificate"].advice == "set the clock right (network time)"
    true = time.time_ns() + 400 * DAY * 1_000_000
    monkeypatch.setattr(doctor.time, "time_ns", lambda: true)
    assert found(home)["certificate"].verdict is Verdict.OK


def test_space_that_is_freed(home: Home, monkeypatch: Patch) -> None:
    usage = storage.shutil.disk_usage(home.root)
    for free in (storage.DISK_OUT - 1, storage.DISK_LOW - 1):
        with monkeypatch.context() as patch:
            patch.setattr(
                storage.shutil, "disk_usage", lambda _, free=free: usage._replace(free=free)
            )
            assert found(home)["disk"].advice.startswith("free some space where ")
    assert found(home)["disk"].verdict is Verdict.OK


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() != 0, reason="root alone can")
def test_a_home_of_another_user_is_taken_over(home: Home) -> None:
    os.chown(home.root, 12345, 12345)
    advice = found(home)["home"].advice
    assert advice.startswith("sudo chown -R $USER ")
    in_a_shell(home, advice)
    assert found(home)["home"].verdict is Verdict.OK


def checks_of(desk, name: str) -> list[Check]:
    return [check for check in doctor.examine(desk.home) if check.name == name]


def mesh_settings(desk, **settings: object) -> None:
    """Write `settings.toml` as an advice says."""
    lines = [f"{name} = {value}" for name, value in settings.items()]
    desk.home.settings.write_text("\n".join(["[mesh]", *lines, ""]))


def test_peers_that_are_named_by_address_are_linked(world, until) -> None:
    ana, bob = world.team("bob")
    bob.stop()
    bob.home.peers.unlink(missing_ok=True)
    ana_at = ana.ready["mesh"]
    ana.stop()
    # Nobody is at the address that the invite named.
    mesh_settings(ana, listen='"127.0.0.1:0"')
    ana.home.ports.unlink(missing_ok=True)
    bob.start()
    (nobody,) = checks_of(bob, "peers")
    assert "start a node elsewhere; where it is not found, name it here" in nobody.advice
    (off,) = checks_of(bob, "discovery")
    assert off.advice.startswith('name peers by address: [mesh] peers = ["HOST:PORT"]')
    ana.start()
    assert ana_at
    mesh_settings(bob, peers=f'["{ana.ready["mesh"]}"]')
    bob.stop()
    bob.start()
    until("they are linked", lambda: not checks_of(bob, "peers"))
    assert [check.verdict for check in checks_of(bob, "discovery")] == [Verdict.OK]


def test_a_node_that_listens_for_itself_alone_is_opened(world, until) -> None:
    ana, _ = world.team("bob")
    until("they are linked", lambda: not checks_of(ana, "peers"))
    (closed,) = checks_of(ana, "address")
    assert closed.verdict is Verdict.WARNING
    (setting,) = re.findall(r'set \[mesh\] (listen = "\[::\]:0") in settings', closed.advice)
    ana.stop()
    ana.home.settings.write_text(f"[mesh]\n{setting}\n")
    with subprocess.Popen(
        [*DEVSTREAM, "--home", ana.home.root, "node", "--no-discovery"],
        env=ana.environment,
        stdout=subprocess.PIPE,
        text=True,
    ) as node:
        assert node.stdout is not None
        assert node.stdout.readline().startswith("ready ")
        found_now = checks_of(ana, "address")
        node.terminate()
        node.communicate(timeout=20)
    # A machine without a network has no better address, which is then said in other words.
    assert found_now[0].verdict is Verdict.OK or "127.0.0.1" in found_now[0].what


def test_a_repository_that_was_moved_is_named_until_it_is_back(world, until, tmp_path) -> None:
    (ana,) = world.team()
    repository, away = tmp_path / "shop", tmp_path / "away"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    ana.run("source", "add", "git", "shop", str(repository), "--interval", "1")
    until("it is read", lambda: ana.status().sources[0].state == "active")
    assert [one.verdict for one in checks_of(ana, "source")] == [Verdict.OK]
    repository.rename(away)
    until("it is silent", lambda: ana.status().sources[0].state == "silent")
    (silent,) = checks_of(ana, "source")
    assert silent.verdict is Verdict.WARNING
    assert silent.what.startswith("shop: ")
    away.rename(repository)
    said, command = silent.advice.split(": ")
    assert said == "when that is put right"
    assert "branches" in ana.run(*command.split()[1:])
    until(
        "the doctor is content",
        lambda: [one.verdict for one in checks_of(ana, "source")] == [Verdict.OK],
    )

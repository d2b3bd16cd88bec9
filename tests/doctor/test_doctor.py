"""`devstream doctor` on real homes, whole and broken, with a node and without.

Each fault is found and named, and has its advice.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pynng
import pytest
from babel.messages import Catalog
from babel.messages.mofile import write_mo

from devstream_desktop import language
from devstream_desktop.cli.doctor import doctor as command
from devstream_desktop.control.check import Check, Verdict
from devstream_desktop.control.messages.status import GetStatus
from devstream_desktop.control.server_wire import decode_request
from devstream_desktop.doctor import doctor, keys, storage
from devstream_desktop.history.epoch import FeedMirror
from devstream_desktop.history.log import History
from devstream_desktop.home import Home
from devstream_desktop.keys import os_keyring
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.team.team import Team

DAY = 86_400_000
PROBLEM, WARNING = Verdict.PROBLEM, Verdict.WARNING


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runtime: Path) -> Home:
    """The home of a team of one with a history, whose node does not run."""
    monkeypatch.setenv("DEVSTREAM_KEY_FILE", str(tmp_path / "sealing"))
    return make(Home(tmp_path / "home"))


def make(home: Home, ago_ms: int = 0) -> Home:
    home.create()
    team = Team.create(
        home, Vault.open(home), "acme", "ana", now=lambda: time.time_ns() // 1_000_000 - ago_ms
    )
    History(home.history, FeedMirror(home.feed_mirror), team.device.public, team.id).close()
    return home


def found(home: Home) -> dict[str, Check]:
    """The worst of each check."""
    order = [Verdict.OK, WARNING, PROBLEM]
    return {
        check.name: check
        for check in sorted(doctor.examine(home), key=lambda check: order.index(check.verdict))
    }


def write(path: Path, content: bytes, mode: int = 0o600) -> None:
    path.write_bytes(content)
    path.chmod(mode)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def newer(home: Home) -> None:
    with closing(sqlite3.connect(home.history)) as connection:
        connection.execute("PRAGMA user_version = 99")


BROKEN: dict[str, tuple[Callable[[Home], object], str, Verdict, str, str]] = {
    "open home": (
        lambda home: home.root.chmod(0o755),
        "home",
        PROBLEM,
        "0755, should be 0700",
        "chmod -R go=",
    ),
    "open secrets": (
        lambda home: home.secrets.chmod(0o750),
        "home",
        PROBLEM,
        "secrets is open",
        "chmod -R go=",
    ),
    "open secret": (
        lambda home: (home.secrets / "device-key.sealed").chmod(0o644),
        "home",
        PROBLEM,
        "device-key.sealed",
        "chmod",
    ),
    "open history": (
        lambda home: home.history.chmod(0o640),
        "home",
        WARNING,
        "history.sqlite",
        "chmod",
    ),
    "settings": (
        lambda home: write(home.settings, b"[mesh]\nlisten = 1\n"),
        "settings",
        PROBLEM,
        "line 2",
        "settings.toml",
    ),
    "sources": (
        lambda home: write(home.sources, b"[nonsense\n"),
        "sources",
        PROBLEM,
        "sources.toml",
        "source add",
    ),
    "targets": (
        lambda home: write(home.targets, b"[target.a.b]\n"),
        "targets",
        PROBLEM,
        "run is missing",
        "examples",
    ),
    "no team": (
        lambda home: (home.team / "team.json").unlink(),
        "team",
        PROBLEM,
        "in no team",
        "team create",
    ),
    "team.json": (
        lambda home: write(home.team / "team.json", b"{"),
        "home",
        WARNING,
        "team.json cannot be read",
        "begun anew",
    ),
    "policy": (
        lambda home: write(home.team / "policy.msgpack", b"junk"),
        "team",
        PROBLEM,
        "polic",
        "backup",
    ),
    "certificate": (
        lambda home: write(home.team / "certificate.pem", b"junk"),
        "team",
        PROBLEM,
        "not a certificate",
        "backup",
    ),
    "open key": (
        lambda home: key_of(home).chmod(0o644),
        "keys",
        PROBLEM,
        "can be read by others",
        "chmod 600",
    ),
    "no key": (lambda home: key_of(home).unlink(), "keys", PROBLEM, "is gone", "backup"),
    "spoilt key": (
        lambda home: write(home.secrets / "device-key.sealed", b"dss1" + bytes(60)),
        "keys",
        PROBLEM,
        "does not open",
        "backup",
    ),
    "other key": (
        lambda home: Vault.open(home).seal("device-key", DeviceKey.generate().seed),
        "keys",
        PROBLEM,
        "not the one",
        "join again",
    ),
    "history": (
        lambda home: damage(home.history),
        "history",
        PROBLEM,
        "damaged",
        "keeps what can be read",
    ),
    "newer history": (newer, "history", PROBLEM, "newer devstream", "later one"),
    "no node": (lambda _: None, "node", WARNING, "no node runs", "devstream node"),
    "no home": (
        lambda home: shutil.rmtree(home.root),
        "home",
        PROBLEM,
        "does not exist",
        "team join",
    ),
}


def key_of(home: Home) -> Path:
    return home.root.parent / "sealing"


def test_a_whole_home_has_no_problem(home: Home) -> None:
    checks = found(home)
    assert [
        check
        for check in checks.values()
        if check.verdict is not Verdict.OK and check.name != "node"
    ] == []
    assert set(checks) >= {
        "home",
        "settings",
        "sources",
        "targets",
        "node",
        "team",
        "keys",
        "admins",
        "policy",
        "certificate",
        "history",
    }
    assert set(checks) >= {"disk", "clock", "transport"}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_home_is_noticed_with_its_advice(home: Home, name: str) -> None:
    break_it, check, verdict, what, advice = BROKEN[name]
    break_it(home)
    said = found(home)[check]
    assert said.verdict is verdict
    assert what in said.what
    assert advice in said.advice


def test_nothing_is_changed_by_looking(home: Home) -> None:
    def everything() -> set[tuple[str, int]]:
        # SQLite itself keeps two files beside a database while it is read.
        return {
            (path.name, path.stat().st_mode)
            for path in home.root.rglob("*")
            if not path.name.startswith("history.sqlite-")
        }

    home.root.chmod(0o755)
    key_of(home).unlink()
    before = everything()
    found(home)
    assert everything() == before
    assert (home.root.stat().st_mode & 0o777, key_of(home).exists()) == (0o755, False)


def test_a_home_on_a_read_only_disk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        os, "access", lambda *_: False
    )  # root may write to whatever is not mounted read-only
    said = found(home)["home"]
    assert said.verdict is PROBLEM
    assert "cannot be written to" in said.what
    assert "read-only" in said.advice


def test_what_has_expired(tmp_path: Path, home: Home) -> None:
    checks = found(make(Home(tmp_path / "old"), ago_ms=100 * DAY))
    assert checks["policy"].verdict is checks["certificate"].verdict is PROBLEM


def test_a_full_disk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(home.root)
    for free, verdict in ((50_000_000, PROBLEM), (500_000_000, WARNING)):
        monkeypatch.setattr(
            storage.shutil, "disk_usage", lambda _, free=free: usage._replace(free=free)
        )
        assert found(home)["disk"].verdict is verdict
        assert "free some space" in found(home)["disk"].advice


def test_a_locked_keyring_is_told_and_never_waited_for(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    unlocked = threading.Event()
    monkeypatch.delenv("DEVSTREAM_KEY_FILE")
    monkeypatch.setattr(keys, "KEYRING_S", 0.2)
    monkeypatch.setattr(os_keyring, "stores", lambda: unlocked.wait(60))
    started = time.monotonic()
    said = found(home)["keys"]
    unlocked.set()
    assert time.monotonic() - started < 10
    assert (said.verdict, said.what.startswith("locked: ")) == (PROBLEM, True)
    assert "DEVSTREAM_KEY_FILE" in said.advice


def test_a_node_that_does_not_answer(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "NODE_MS", 300)
    with pynng.Rep0(listen=home.control_url(), recv_timeout=5_000) as silent:
        said = found(home)["node"]
        assert isinstance(decode_request(silent.recv()), GetStatus)
    assert said.verdict is PROBLEM
    assert "does not answer" in said.what
    assert "node.log" in said.advice


@pytest.mark.process
def test_for_real_with_nodes_that_run(world, until) -> None:
    ana, bob = world.team("bob")

    def report(desk) -> tuple[int, dict[str, dict[str, str]]]:
        command = [
            sys.executable,
            "-m",
            "devstream_desktop",
            "--home",
            str(desk.home.root),
            "doctor",
            "--json",
        ]
        done = subprocess.run(
            command, env=desk.environment, capture_output=True, text=True, timeout=60, check=False
        )
        told = json.loads(done.stdout)
        assert (done.returncode == 1) is (told["problems"] > 0)
        return told["problems"], {check["name"]: check for check in told["checks"]}

    until("they are linked", lambda: any(peer.state == "live" for peer in ana.status().peers))
    problems, checks = report(ana)
    assert problems == 0
    assert [checks[name]["verdict"] for name in ("node", "keys", "peer", "missing", "history")] == [
        "ok"
    ] * 5
    assert "bob" in checks["peer"]["what"]
    assert "grant bob admin" in checks["admins"]["advice"]
    assert "nothing is broken" in ana.run("doctor")
    bob.stop()
    until(
        "ana notices",
        lambda: not any(peer.state in ("live", "syncing") for peer in ana.status().peers),
    )
    problems, checks = report(ana)
    assert (problems, checks["peers"]["verdict"]) == (1, "problem")
    assert report(bob)[1]["node"]["verdict"] == "warning"


def test_the_command_speaks_english_unless_the_desk_runs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As the desk has it: the words are another language's, the names and verdicts are not."""
    folder = tmp_path / "languages/de"
    folder.mkdir(parents=True)
    catalogue = Catalog(locale="de", fuzzy=False)
    catalogue.add("{folder} does not exist", "{folder} gibt es nicht")
    with (folder / "devstream.mo").open("wb") as file:
        write_mo(file, catalogue)
    monkeypatch.setattr(language, "FOLDER", folder.parent)
    home, options = Home(tmp_path / "none"), Namespace(json=True, test_popup=False)
    try:
        for wanted, said in (("", "does not exist"), ("de", "gibt es nicht")):
            monkeypatch.setenv(language.VARIABLE, wanted)
            assert command(home, options) == 1
            checks = {one["name"]: one for one in json.loads(capsys.readouterr().out)["checks"]}
            assert checks["home"]["what"] == f"{home.root} {said}"
            assert checks["home"]["verdict"] == "problem"
    finally:
        language.use([])

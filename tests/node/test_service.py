"""A node as a service: ready, alive, its files read again, and its log in fields."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import socket
import sqlite3
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from devstream_desktop.home import Home
from devstream_desktop.node.journal import JournalHandler, leads_to_journal
from devstream_desktop.node.log_file import NodeLog, start_logging
from devstream_desktop.node.log_lines import JsonLine
from devstream_desktop.node.service_manager import ServiceManager
from devstream_desktop.settings import LogSettings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no service manager")


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(30)
        self.heard: list[str] = []

    def next(self, *wanted: str) -> dict[str, str]:
        """The fields of the next datagram that has one of these."""
        while True:
            text = self.socket.recv(4096).decode()
            self.heard.append(text)
            fields = dict(line.split("=", 1) for line in text.splitlines())
            if set(fields) & set(wanted):
                return fields


@pytest.fixture
def manager(runtime: Path) -> Iterator[Manager]:
    made = Manager(runtime / "notify")
    yield made
    made.socket.close()


async def told_until(service: ServiceManager, manager: Manager, *wanted: str) -> dict[str, str]:
    alive = asyncio.create_task(service.run())
    try:
        return await asyncio.to_thread(manager.next, *wanted)
    finally:
        alive.cancel()


async def test_a_start_that_takes_long_asks_for_more_time_and_then_says_that_it_lives(
    manager: Manager,
) -> None:
    environment = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "40000"}
    service = ServiceManager(environment)
    # A deploy of this node must not speak for it.
    assert environment == {}
    assert int((await told_until(service, manager, "EXTEND_TIMEOUT_USEC")).popitem()[1]) > 10**7
    service.ready("in team acme\nWATCHDOG_USEC=1")
    assert manager.next("READY")["STATUS"].startswith("in team acme")
    assert await told_until(service, manager, "WATCHDOG") == {"WATCHDOG": "1"}
    assert "WATCHDOG_USEC" not in "".join(one.split("STATUS")[0] for one in manager.heard)
    service.close()


def test_a_manager_that_does_not_read_holds_up_nothing(manager: Manager) -> None:
    service = ServiceManager({"NOTIFY_SOCKET": str(manager.path)})
    for _ in range(2_000):
        service.ready("still here")
    service.close()


def test_without_a_manager_nothing_is_said() -> None:
    service = ServiceManager({"NOTIFY_SOCKET": "nowhere", "WATCHDOG_PID": "1"})
    service.ready("there is nobody")
    service.stopping()
    service.close()


@pytest.mark.process
def test_a_service_is_ready_reads_its_files_again_and_ends(
    world, manager: Manager, until: Callable[..., object]
) -> None:
    ana = world.desk("ana")
    ana.environment |= {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "10000000"}
    ana.run("team", "create", "acme", "--person", "ana")
    ana.home.sources.write_text("[source\n")
    # In a terminal the signal means that its window was closed.
    ana.start(program=["setsid", sys.executable, "-m", "devstream_desktop"])
    assert "team acme" in manager.next("READY")["STATUS"]
    node = ana.process.pid
    assert any("nothing is received" in one for one in ana.status().notices)
    ana.home.settings.write_text(
        '[mesh]\npeers = ["127.0.0.1:9"]\n[intake]\nlisten = "127.0.0.1:0"\n'
        '[log]\nformat = "json"\nrooms = {node = "debug"}\n'
    )
    ana.home.sources.write_text(f'[source.shop]\ntype = "git"\nurl = "{ana.home.root}/none.git"\n')
    ana.home.targets.write_text('[target.shop.production]\nrun = ["/bin/true"]\n')
    ana.run("team", "grant", "ana", "executor")
    ana.process.send_signal(signal.SIGHUP)
    assert manager.next("RELOADING", "READY").get("RELOADING") == "1"
    manager.next("READY")
    status = ana.status()
    assert [one.name for one in status.sources] == ["shop"]
    assert not any("nothing is received" in one for one in status.notices)
    assert status.intake.startswith("http://127.0.0.1:")
    until("the target is offered", lambda: ana.status().targets == 1)
    assert "127.0.0.1:9" in {one.address for one in (*status.peers, *status.refused)}
    # A mistake changes nothing, and is told until it is mended.
    ana.home.settings.write_text("[mesh]\npears = []\n")
    ana.process.send_signal(signal.SIGHUP)
    manager.next("READY")
    assert any("settings.toml, line 2" in one for one in ana.status().notices)
    assert ana.status().intake == status.intake
    assert json.loads(ana.home.log.read_text().splitlines()[-1])["room"] == "node"
    # Another network takes new links; the process is the same one.
    ana.home.settings.write_text("[mesh]\ndiscovery = true\npeers = []\n")
    ana.process.send_signal(signal.SIGHUP)
    manager.next("READY")
    manager.next("READY")
    assert not any("settings.toml" in one for one in ana.status().notices)
    assert ana.status().intake == ""
    assert ana.process.pid == node
    assert ana.stop() == 0
    assert manager.next("STOPPING")["STATUS"] == "ending"


@pytest.mark.process
def test_a_mistake_is_told_no_more_once_it_is_mended_however_the_intake_began_anew(
    world, manager: Manager
) -> None:
    ana = world.desk("ana")
    ana.environment["NOTIFY_SOCKET"] = str(manager.path)
    ana.run("team", "create", "acme", "--person", "ana")
    ana.start(program=["setsid", sys.executable, "-m", "devstream_desktop"])
    manager.next("READY")

    def notices() -> str:
        ana.process.send_signal(signal.SIGHUP)
        manager.next("READY")
        return " ".join(ana.status().notices)

    ana.home.sources.write_text("[source\n")
    assert "the sources are as they were" in notices()
    ana.home.settings.write_text('[intake]\nlisten = "127.0.0.1:0"\n')
    assert "nothing is received" in notices()
    ana.home.sources.unlink()
    said = notices()
    assert "nothing is received" not in said
    assert "the sources are as they were" not in said


@pytest.mark.process
def test_a_device_whose_role_ended_is_ready_whatever_its_files_say(
    world, until: Callable[..., object]
) -> None:
    ana = world.desk("ana")
    ana.run("team", "create", "acme", "--person", "ana")
    ana.home.sources.write_text("[source\n")
    with closing(sqlite3.connect(ana.home.deploy)) as newer:
        newer.execute("PRAGMA user_version = 99")
    ana.start("--metrics", "127.0.0.1:0")

    def why() -> list[str]:
        try:
            with urllib.request.urlopen(f"{ana.status().metrics}/health") as answer:
                return json.load(answer).get("why", [])
        except urllib.error.HTTPError as error:
            return json.load(error)["why"]

    assert why() == ["intake stopped", "executor stopped"]
    for role in ("collector", "executor"):
        ana.run("team", "ungrant", "ana", role)
    until("it has nothing to do but to hear", lambda: why() == [])


def raised(text: str) -> object:
    """The traceback of an error."""
    try:
        int(text)
    except ValueError as error:
        error.args = (text,)
        return sys.exc_info()
    raise AssertionError("that was a number")


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield root
    for one in set(root.handlers) - set(before):
        one.close()
    NodeLog([]).follow(LogSettings())
    root.handlers[:] = before
    root.setLevel(level)


def test_a_line_in_json_is_one_object_whatever_is_in_it(tmp_path: Path, logger) -> None:
    home = Home(tmp_path)
    start_logging(home, verbose=False, form="json")
    logging.getLogger("devstream_desktop.intake.service").error(
        "%s", '\x1b[31m"}\n{"message": "forged"}', exc_info=raised('"}\n{"level": "critical')
    )
    logging.getLogger("zeroconf").warning("a template %d without a number", "x")
    first, second = (json.loads(line) for line in home.log.read_text().splitlines())
    assert (first["level"], first["room"]) == ("error", "intake")
    assert "forged" in first["message"]
    assert "\x1b" not in first["message"]
    assert 'ValueError: "}' in first["trace"]
    assert second["room"] == "zeroconf"
    assert second["time"].endswith("+00:00")


def test_a_room_has_a_level_of_its_own_and_loses_it_again(tmp_path: Path, logger) -> None:
    log = start_logging(
        Home(tmp_path), verbose=False, settings=LogSettings(level="warning", rooms={"mesh": "info"})
    )
    mesh, intake = (logging.getLogger(f"devstream_desktop.{one}.x") for one in ("mesh", "intake"))
    assert [one.isEnabledFor(logging.INFO) for one in (mesh, intake)] == [True, False]
    log.follow(LogSettings(rooms={"intake": "error"}))
    assert [one.isEnabledFor(logging.INFO) for one in (mesh, intake)] == [True, False]
    log.follow(LogSettings(level="error"))
    assert not intake.isEnabledFor(logging.WARNING)
    assert not mesh.isEnabledFor(logging.INFO)


def test_a_chosen_form_stays_and_the_clients_requests_are_quiet(tmp_path: Path, logger) -> None:
    handler = logging.NullHandler()
    NodeLog([handler], "json").follow(LogSettings(level="debug"))
    assert isinstance(handler.formatter, JsonLine)
    assert not logging.getLogger("httpx2").isEnabledFor(logging.INFO)
    NodeLog([handler]).follow(LogSettings(level="error"))
    assert not logging.getLogger("httpx2").isEnabledFor(logging.WARNING)


def test_the_journal_gets_fields_that_no_text_can_forge(runtime: Path) -> None:
    journal = Manager(runtime / "journal")
    handler = JournalHandler(journal.path)
    record = logging.LogRecord(
        "devstream_desktop.mesh.link",
        logging.WARNING,
        "link.py",
        7,
        "a\nPRIORITY=0",
        None,
        raised("first\nPRIORITY=0"),
    )
    handler.emit(record)
    found = list(_fields(journal.socket.recv(65_536)))
    fields = dict(found)
    assert len(fields) == len(found)
    assert fields["PRIORITY"] == "4"
    assert (fields["DEVSTREAM_ROOM"], fields["CODE_LINE"]) == ("mesh", "7")
    message = fields["MESSAGE"].splitlines()
    assert message[0] == "a PRIORITY=0"
    assert message[-1] == "  PRIORITY=0"
    journal.socket.close()
    # It is gone: the node goes on.
    handler.emit(record)
    handler.close()


def _fields(datagram: bytes) -> Iterator[tuple[str, str]]:
    """Fields as the journal reads them."""
    rest = datagram
    while rest:
        line, rest = rest.split(b"\n", 1)
        if b"=" in line:
            name, value = line.split(b"=", 1)
        else:
            name, size = line, int.from_bytes(rest[:8], "little")
            value, rest = rest[8 : 8 + size], rest[9 + size :]
        yield name.decode(), value.decode()


def test_a_stream_is_the_journal_only_by_device_and_inode() -> None:
    reading, writing = os.pipe()
    found = os.fstat(writing)
    assert leads_to_journal(writing, {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
    assert not leads_to_journal(writing, {"JOURNAL_STREAM": f"{found.st_dev}:1"})
    assert not leads_to_journal(writing, {})
    os.close(reading)
    os.close(writing)
    assert not leads_to_journal(writing, {"JOURNAL_STREAM": "1:1"})

"""A notification server that fails is told in the tray, and popups go another way.

One that closes a popup while the next of its key is on the way loses nothing.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from panel import Panel
from running import HERE

from devstream_desktop.desk.notification_server import reason
from devstream_desktop.desktop.platform.session_bus import SessionBus
from devstream_desktop.desktop.popups.dbus import DBusNotifier
from devstream_desktop.desktop.popups.notifier import Notice

pytestmark = [pytest.mark.desktop, pytest.mark.process]
SERVICE = "[D-BUS Service]\nName=org.freedesktop.Notifications\nExec={command}\n"


@pytest.fixture
def services(tmp_path: Path) -> Path:
    """A folder of the programs that the bus starts."""
    folder = tmp_path / "services"
    folder.mkdir()
    return folder


@pytest.fixture
def bus(services: Path, tmp_path: Path) -> Iterator[str]:
    """The address of a session bus that starts what is in `services`."""
    config = tmp_path / "bus.conf"
    text = (HERE / "bus.conf").read_text()
    config.write_text(text.replace("<type>", f"<servicedir>{services}</servicedir><type>"))
    daemon = subprocess.Popen(
        ["dbus-daemon", f"--config-file={config}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert daemon.stdout is not None
    with daemon.stdout:
        address = daemon.stdout.readline().strip()
    yield address
    daemon.terminate()
    daemon.wait(5)


def install(services: Path, command: str) -> None:
    (services / "notifications.service").write_text(SERVICE.format(command=command))


class Told:
    """A notifier, and what it says of itself."""

    def __init__(self, *, answer_ms: int = 15_000) -> None:
        self.connection = SessionBus()
        self.notifier = DBusNotifier(self.connection, answer_ms=answer_ms)
        self.troubles: list[str] = []
        self.unshown: list[Notice] = []
        self.notifier.trouble.connect(self.troubles.append)
        self.notifier.unshown.connect(self.unshown.append)
        self.closed: list[str] = []
        self.notifier.closed.connect(self.closed.append)


@pytest.fixture
def listen(qapp, bus: str, monkeypatch) -> Iterator[Callable[..., Told]]:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", bus)
    made: list[Told] = []

    def start(**options: int) -> Told:
        made.append(Told(**options))
        return made[-1]

    yield start
    for one in made:
        one.connection.close()


NOTICE = Notice("a", "shop failed", "")


def test_a_server_that_does_not_start_is_told_and_its_popups_go_elsewhere(qtbot, services, listen):
    install(services, "/bin/false")
    told = listen()
    qtbot.waitUntil(lambda: bool(told.troubles), timeout=10_000)
    assert told.troubles[0].startswith("the notification server does not start (")
    told.notifier.show_notice(NOTICE)
    qtbot.waitUntil(lambda: told.unshown == [NOTICE], timeout=10_000)


def test_without_a_server_it_is_told_and_with_one_it_works_again(qtbot, bus, listen):
    told = listen()
    absent = "no notification server runs in this session"
    qtbot.waitUntil(lambda: told.troubles == [absent], timeout=10_000)
    with Panel(bus) as panel:
        qtbot.waitUntil(lambda: told.troubles[-1] == "", timeout=10_000)
        told.notifier.show_notice(NOTICE)
        qtbot.waitUntil(lambda: bool(panel.notes), timeout=10_000)
    assert told.unshown == []


def test_a_server_that_does_not_answer_is_told(qtbot, services, listen):
    install(services, "/bin/sleep 8")
    told = listen(answer_ms=300)
    # Each before the limit of the last is over, and at the end more than are asked at once.
    keys = set()
    for place in range(100):
        told.notifier.show_notice(Notice(f"{place}", "shop failed", ""))
        keys.add(f"{place}")
        qtbot.wait(30)
        if told.unshown and len(keys) > 20:
            break
    assert told.unshown
    qtbot.waitUntil(lambda: {notice.key for notice in told.unshown} == keys, timeout=10_000)
    assert set(told.troubles) == {"the notification server does not answer"}


def test_a_popup_that_a_server_takes_to_its_end_goes_elsewhere(qtbot, bus, listen):
    with Panel(bus) as panel:
        told = listen()
        qtbot.waitUntil(lambda: told.troubles == [""], timeout=10_000)
        panel.hold_answers()
        told.notifier.show_notice(NOTICE)
        qtbot.waitUntil(lambda: panel.held == 1, timeout=10_000)
    qtbot.waitUntil(lambda: told.unshown == [NOTICE], timeout=10_000)
    absent = "no notification server runs in this session"
    qtbot.waitUntil(lambda: told.troubles[-1] == absent, timeout=10_000)


def test_a_popup_is_not_closed_while_its_successor_is_on_the_way(qtbot, bus, listen):
    other = Notice("b", "cart failed", "")
    with Panel(bus) as panel:
        told = listen()
        told.notifier.show_notice(NOTICE)
        told.notifier.show_notice(other)
        qtbot.waitUntil(lambda: len(panel.notes) == 2, timeout=10_000)
        # Until both numbers are known here.
        qtbot.waitUntil(lambda: not told.connection.calls, timeout=10_000)
        panel.hold_answers()
        told.notifier.show_notice(NOTICE)
        qtbot.waitUntil(lambda: panel.held == 1, timeout=10_000)
        for note in panel.notes:
            panel.dismiss(note)
        qtbot.waitUntil(lambda: told.closed != [], timeout=10_000)
        assert told.closed == ["b"]


def test_a_popup_that_is_withdrawn_on_its_way_goes_when_it_is_there(qtbot, bus, listen):
    other = Notice("b", "cart failed", "")
    with Panel(bus) as panel:
        told = listen()
        told.notifier.show_notice(NOTICE)
        told.notifier.withdraw(NOTICE.key)
        told.notifier.show_notice(other)
        qtbot.waitUntil(lambda: told.closed == [NOTICE.key], timeout=10_000)
        qtbot.waitUntil(lambda: not told.connection.calls, timeout=10_000)
        assert len(panel.closed) == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        ("org.freedesktop.DBus.Error.ServiceUnknown", "no notification server runs"),
        ("org.freedesktop.DBus.Error.Spawn.ChildSignaled", "does not start (signal 5)"),
        ("org.freedesktop.systemd1.NoSuchUnit", "does not start (signal 5)"),
        ("org.freedesktop.DBus.Error.NoReply", "does not answer"),
        ("org.freedesktop.DBus.Error.UnknownMethod", "knows no popups (signal 5)"),
        ("org.freedesktop.Notifications.Error.ExcessNotificationGeneration", ""),
        ("org.freedesktop.DBus.Error.LimitsExceeded", ""),
    ],
)
def test_an_error_of_the_bus_is_a_reason(error: str, told: str) -> None:
    assert told in reason(error, "signal 5")
    assert bool(reason(error, "signal 5")) is bool(told)


def test_the_tray_says_it(node, services, bus, start_desk, story):
    install(services, "/bin/false")
    with Panel(bus, notifications=False) as panel:
        node.start()
        start_desk()
        panel.wait_item()
        panel.wait(
            lambda: (
                "on duty, but popups cannot be shown: the notification server does not start"
                in panel.tooltip
            ),
            "the tooltip does not say it",
        )
        assert panel.labels()[1].startswith("Popups cannot be shown: the notification server")
        panel.click("On duty")
        panel.wait(lambda: panel.tooltip.endswith("off duty"), "off duty it is no trouble")


def doctor(bus: str, home: Path, *words: str) -> str:
    environment = os.environ | {"DBUS_SESSION_BUS_ADDRESS": bus, "DISPLAY": ":7777"}
    return subprocess.run(
        [sys.executable, "-m", "devstream_desktop", "--home", str(home), "doctor", *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    ).stdout


def test_doctor_names_the_server_and_shows_a_popup(bus, home):
    said = doctor(bus, home)
    assert "popups cannot be shown: no notification server runs" in said
    assert "→ install one, such as dunst or mako" in said
    assert "tray         nothing on the session bus shows tray icons" in said
    assert "→ on GNOME install the extension AppIndicator" in said
    with Panel(bus) as panel:
        said = doctor(bus, home)
        assert "popups       shown by fake 1 (" in said
        assert "actions" in said
        assert "tray         this session shows tray icons" in said
        assert panel.notes == []
        assert "fake 1 took a test popup" in doctor(bus, home, "--test-popup")
        assert panel.wait_note().summary == "devstream: a test"


def test_doctor_says_that_the_server_does_not_start(bus, services, home):
    install(services, "/bin/false")
    said = doctor(bus, home, "--test-popup")
    assert "popups cannot be shown: the notification server does not start (" in said
    assert "→ remove the servers that this desktop does not use" in said
    (services / "notifications.service").unlink()
    said = doctor("unix:path=/nowhere", home)
    assert "popups cannot be shown: no session bus can be reached" in said
    assert "→ start devstream in the session of the desktop" in said
    with Panel(bus):
        assert "fake 1 took a test popup" in doctor(bus, home, "--test-popup")


def test_a_server_that_hangs_is_told_and_another_one_helps(bus, home):
    with Panel(bus) as panel:
        panel.hold_answers()
        said = doctor(bus, home, "--test-popup")
        assert "popups cannot be shown: the notification server does not answer" in said
        assert "→ end the notification server" in said
    with Panel(bus):
        assert "fake 1 took a test popup" in doctor(bus, home, "--test-popup")

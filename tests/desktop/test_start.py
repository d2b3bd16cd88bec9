"""The icon comes first, and what happens to it before the app behind it is made."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Signal
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
from pytestqt.qtbot import QtBot

from devstream_desktop.desktop import app
from devstream_desktop.desktop.popups.notifier import Notice
from devstream_desktop.desktop.start import Start
from devstream_desktop.desktop.tray import tray as tray_module
from devstream_desktop.desktop.tray.menu import Snooze, TrayMenu
from devstream_desktop.desktop.tray.tray import Tray
from devstream_desktop.desktop.windows.history.window import HistoryWindow
from devstream_desktop.home import Home


@pytest.fixture
def start(qtbot: QtBot, home, monkeypatch):
    """A start of a home; what it makes is a stand-in that notes what it is asked."""

    class Noted:
        def __init__(self, _: Home, menu: TrayMenu, tray: Tray, **__: object) -> None:
            self.had: list[object] = []
            menu.history_chosen.connect(self.show_history)
            menu.snooze_chosen.connect(self.had.append)
            tray.clicked.connect(lambda: self.had.append("peek"))

        def begin(self) -> None:
            self.had.append("begin")

        def show_history(self) -> None:
            self.had.append("window")

        def end(self) -> None:
            self.had.append("end")

    monkeypatch.setattr(app, "App", Noted)
    started = Start(Home(home))
    qtbot.addWidget(started.menu)
    yield started
    started.tray.close()


def test_what_is_asked_for_before_there_is_an_app_is_done_once_there_is(start) -> None:
    start.menu.history_chosen.emit()
    start.menu.snooze_chosen.emit(Snooze.HOUR)
    start.tray.clicked.emit()
    assert start.app is None
    start.load()
    assert start.app.had == ["begin", "window", Snooze.HOUR, "peek"]
    start.menu.history_chosen.emit()
    assert start.app.had[4:] == ["window"]
    start.end()
    assert start.app.had[-1] == "end"


def test_the_icon_can_be_ended_before_there_is_an_app(start) -> None:
    assert start.tray.icon is not None
    start.end()
    assert start.tray.icon is None


def test_quit_is_in_the_menu_from_the_first(start, qtbot: QtBot, monkeypatch) -> None:
    ended: list[int] = []
    monkeypatch.setattr(QApplication, "exit", lambda *code: ended.append(len(code)))
    texts = {action.text(): action for action in start.menu.actions()}
    assert not texts["On duty"].isEnabled()
    texts["Quit"].trigger()
    assert ended == [0]


def test_an_app_that_cannot_be_made_ends_the_start_with_its_error(start, monkeypatch) -> None:
    codes: list[int] = []

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no app")

    monkeypatch.setattr(app, "App", broken)
    monkeypatch.setattr(QApplication, "exit", codes.append)
    start.load()
    assert codes == [1]
    with pytest.raises(RuntimeError, match="no app"):
        start.end()


class Bus(QObject):
    """A session bus on which a panel comes and goes."""

    heard = Signal(str, str, object)

    def listen(self, **_: str) -> None:
        """Nothing else is heard here."""

    def own(self, owner: str) -> None:
        told = ("org.kde.StatusNotifierWatcher", "", owner)
        self.heard.emit("org.freedesktop.DBus", "NameOwnerChanged", told)


def test_a_panel_that_leaves_for_good_shows_no_icon(qtbot: QtBot, monkeypatch) -> None:
    panels = {"there": True}

    class Icon(QSystemTrayIcon):
        @staticmethod
        def isSystemTrayAvailable() -> bool:  # noqa: N802 - Qt's name
            return panels["there"]

    monkeypatch.setattr(tray_module, "QSystemTrayIcon", Icon)
    monkeypatch.setattr(tray_module, "_GONE_MS", 0)
    menu, bus = TrayMenu(), Bus()
    qtbot.addWidget(menu)
    tray = Tray(menu)
    tray.follow(bus)
    bus.own("")
    qtbot.wait(1)
    assert tray.hosted, "it only started anew"
    panels["there"] = False
    bus.own("")
    qtbot.waitUntil(lambda: not tray.hosted, timeout=20_000)
    panels["there"] = True
    bus.own(":1.7")
    qtbot.waitUntil(lambda: tray.hosted, timeout=20_000)
    tray.close()


@pytest.fixture
def whole(qtbot: QtBot, home, fake, monkeypatch):
    """The whole app without a bus; its node says that the person is off duty."""
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    # Without a tray the window's end is the app's, and Qt would then run no loop of later tests.
    monkeypatch.setattr(QApplication, "exit", lambda *_: None)
    menu = TrayMenu()
    qtbot.addWidget(menu)
    desk = app.App(Home(home), menu, Tray(menu), start_node=False)
    desk.state.status, desk.state.connected = fake.status(on_duty=False), True
    yield desk
    desk.end()
    # Its timers would go on into the next test.
    desk.deleteLater()
    QCoreApplication.sendPostedEvents(desk, QEvent.Type.DeferredDelete)


def test_a_switch_of_duty_that_is_refused_goes_back_wherever_it_is(qtbot: QtBot, whole) -> None:
    shown: list[Notice] = []
    whole.notifier.show_notice = shown.append
    whole.show_history()
    whole.state.changed.emit()
    windows = [one for one in QApplication.topLevelWidgets() if isinstance(one, HistoryWindow)]
    (window,) = (one for one in windows if one.isVisible())
    qtbot.addWidget(window)
    button = window.filters.duty
    for pressed in (button.click, whole.menu.duty.trigger):
        pressed()
        assert button.isChecked() != whole.menu.duty.isChecked()
        whole.duty.refused.emit("the disk is full")
        assert not button.isChecked()
        assert not whole.menu.duty.isChecked()
    assert [one.body for one in shown] == ["the disk is full"] * 2

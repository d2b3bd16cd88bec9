"""Renders every screen from one seeded history: `make screenshots`, into build/screenshots.

Offscreen, without a node or a display: light and dark, 1x and 2x, wide and narrow, English and
German. Each is to be looked at.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
SIDES = ("light", "dark")
LOOKS = (("1", "en"), ("2", "en"), ("1", "de"))
"""Scale and language."""
SIZES = {"wide": (1280, 800), "middle": (900, 640), "narrow": (560, 640)}


def render(folder: Path, side: str, code: str) -> None:
    """Render every screen of one side and language, at the scale of the environment."""
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication

    from devstream_desktop.desk.language_choice import Language
    from devstream_desktop.desk.preferences import Colours
    from devstream_desktop.desktop.platform.language import speak
    from devstream_desktop.desktop.widgets.appearance import palette_of

    application = QApplication([])
    speak(Language(code))
    application.setStyle("Fusion")
    application.setPalette(palette_of(Colours(side)))
    with tempfile.TemporaryDirectory(prefix="screens-") as home:
        for name, picture in screens(Path(home)):
            picture(str(folder / f"{name}-{side}{_suffix(code)}.png"))
            application.processEvents()


def _suffix(code: str) -> str:
    scale = os.environ.get("QT_SCALE_FACTOR", "1")
    return ("" if scale == "1" else f"-{scale}x") + ("" if code == "en" else f"-{code}")


def screens(home: Path) -> Iterator[tuple[str, Callable[[str], object]]]:
    sys.path.insert(0, str(HERE))
    from fake_data import status
    from fake_node import FakeNode
    from seed import Seed

    from devstream_desktop.desk.preferences import Search
    from devstream_desktop.desktop.client.reader_thread import ReaderThread
    from devstream_desktop.desktop.client.state import AppState
    from devstream_desktop.desktop.commands import Command
    from devstream_desktop.desktop.windows.history.pages import Page
    from devstream_desktop.desktop.windows.history.window import HistoryWindow
    from devstream_desktop.history.reader import Reader
    from devstream_desktop.home import Home
    from devstream_desktop.stream.seen import Seen

    node = FakeNode(Home(home))
    node.add(Seed(int(time.time() * 1000)).events())
    history = ReaderThread(Reader(Home(home).history))
    try:
        state = AppState(history)
        state.set_connected(True)
        state.status = status()
        state.searches = (
            Search(name="Customer portal", query="service:portal env:production"),
            Search(name="What ana broke", query="actor:ana state:failed"),
        )
        window = HistoryWindow(state, lambda _: "Popped up: rule 1, Critical, as long as it lasts.")
        state.changed.emit()
        state.set_seen(Seen())
        _wait(200)
        window.show()
        for size, (width, height) in SIZES.items():
            window.resize(width, height)
            _wait(50)
            window.browser.view.clearSelection()
            _wait(50)
            yield f"window-{size}", lambda path: window.grab().save(path)
            window.browser.view.select(0)
            _wait_for(window.browser.details.isVisible)
            _wait(100)
            yield f"window-{size}-details", lambda path: window.grab().save(path)
        window.resize(*SIZES["wide"])
        _come_in(node, state, window)
        yield "window-new", lambda path: window.grab().save(path)
        window.browser.view.to_top()
        _wait(50)
        yield "window-unseen", lambda path: window.grab().save(path)
        window.filters.search.setText("env:production is:red")
        _wait(200)
        yield "window-search", lambda path: window.grab().save(path)
        window.saved.save("env:production is:red")
        _wait(50)
        yield "save-search", lambda path: window.saved.dialog.grab().save(path)
        window.saved.dialog.reject()
        for name, words in (("nothing", "service:shop kind:ticket lobster"), ("typo", "stat:red")):
            window.filters.search.setText(words)
            _wait(300)
            yield f"window-search-{name}", lambda path: window.grab().save(path)
        window.filters.clear()
        window.resize(*SIZES["narrow"])
        window.sidebar.menu.popup(window.pos())
        _wait(100)
        yield "places-menu", lambda path: window.sidebar.menu.grab().save(path)
        window.sidebar.menu.close()
        window.pages.turn_to(Page.BOARD)
        for size, (width, height) in SIZES.items():
            window.resize(width, height)
            _wait_for(lambda: window.pages.board.model.rowCount() > 0)
            _wait(100)
            yield f"board-{size}", lambda path: window.grab().save(path)
        window.pages.turn_to(Page.HAND_OVER)
        window.resize(*SIZES["wide"])
        _wait(300)
        yield "hand-over", lambda path: window.grab().save(path)
        window.resize(*SIZES["narrow"])
        _wait(50)
        yield "hand-over-narrow", lambda path: window.grab().save(path)
        window.commands.action(Command.WALL).trigger()
        # A screen that is rendered for nobody is small.
        window.showNormal()
        window.resize(1920, 1080)
        _wait(300)
        yield "wall", lambda path: window.grab().save(path)
        window.showFullScreen()
        window.commands.action(Command.WALL).trigger()
        window.hide()
        yield from _peeks(state, node.history.newest())
        yield from _dialogs(state, window)
        yield from _empty(home / "new")
        yield from _export(Home(home))
        yield from _settings(Home(home), state)
    finally:
        history.close()
        node.history.close()


def _empty(folder: Path) -> Iterator[tuple[str, Callable[[str], object]]]:
    """Show a window of a team that is new."""
    from fake_data import status
    from fake_node import FakeNode

    from devstream_desktop.desktop.client.reader_thread import ReaderThread
    from devstream_desktop.desktop.client.state import AppState
    from devstream_desktop.desktop.windows.history.pages import Page
    from devstream_desktop.desktop.windows.history.window import HistoryWindow
    from devstream_desktop.history.reader import Reader
    from devstream_desktop.home import Home

    folder.mkdir()
    node = FakeNode(Home(folder))
    history = ReaderThread(Reader(Home(folder).history))
    try:
        state = AppState(history)
        state.set_connected(True)
        state.status = status()
        window = HistoryWindow(state, lambda _: "")
        state.changed.emit()
        window.resize(*SIZES["middle"])
        window.show()
        for page in Page:
            window.pages.turn_to(page)
            _wait(300)
            yield f"empty-{page.name.lower()}", lambda path: window.grab().save(path)
        window.hide()
    finally:
        history.close()
        node.history.close()


def _come_in(node: Any, state: Any, window: Any) -> None:
    """Have lines come in while a person reads further down."""
    import story

    window.browser.view.clearSelection()
    window.browser.view.verticalScrollBar().setValue(240)
    window.browser.model.show_seen(state.seen)
    now = int(time.time() * 1000)
    node.add(
        [
            story.push("search", now, "dara", "Rank by freshness", "5e" * 20),
            story.build("search", now + 1, "failed", "5e" * 20, "93", total=412),
            story.deploy("checkout", now + 2, "success", story.SHAS["vat"], "cd" * 16, who="bo"),
        ]
    )
    state.read_news(node.history.newest())
    _wait(200)


def _peeks(state: Any, newest: int) -> Iterator[tuple[str, Callable[[str], object]]]:
    from PySide6.QtCore import QRect

    from devstream_desktop.desktop.peek.peek import Peek
    from devstream_desktop.desktop.tray.contents import MenuContents
    from devstream_desktop.desktop.tray.menu import TrayMenu
    from devstream_desktop.stream.seen import Seen

    menu = TrayMenu()
    MenuContents(menu, state)
    # As after a while away: the newest three are new.
    state.set_seen(Seen(newest - 3, 0))
    _wait(50)
    peek = Peek(state, menu.deploy, menu.snooze)
    peek.show_at(QRect(1200, 780, 22, 22))
    _wait(80)
    yield "peek", lambda path: peek.grab().save(path)
    state.red = []
    state.changed.emit()
    _wait(80)
    yield "peek-calm", lambda path: peek.grab().save(path)
    state.set_connected(False)
    _wait(80)
    yield "peek-offline", lambda path: peek.grab().save(path)
    state.set_connected(True)
    peek.hide()
    # What is red is read again, for what comes after.
    state.set_seen(state.seen)
    _wait(200)


def _dialogs(state: Any, window: Any) -> Iterator[tuple[str, Callable[[str], object]]]:
    import story
    from fake_data import CHECKS, PLAN, TARGETS

    from devstream_desktop.desktop.windows.deploy.approve_dialog import ApproveDialog
    from devstream_desktop.desktop.windows.deploy.dialog import DeployDialog
    from devstream_desktop.desktop.windows.invite_dialog import InviteDialog
    from devstream_desktop.desktop.windows.join_dialog import JoinDialog
    from devstream_desktop.desktop.windows.key_sheet import KeySheet
    from devstream_desktop.desktop.windows.note_dialog import NoteDialog
    from devstream_desktop.desktop.windows.palette import Palette
    from devstream_desktop.desktop.windows.status_window import StatusWindow
    from devstream_desktop.desktop.windows.team.window import TeamWindow

    waits = story.deploy("shop", 1, "waiting", PLAN.sha, "ab" * 16, who="bo")
    for name, dialog in (
        ("deploy", DeployDialog(TARGETS[0], state.status)),
        ("approve", ApproveDialog(story.line_of(waits))),
        ("note", NoteDialog(state.red[0].line, "ana")),
        ("hand-to", NoteDialog(state.red[0].line, "ana", hand=True)),
        ("invite", InviteDialog(state.status)),
        ("join", JoinDialog(state)),
        ("status", StatusWindow(state)),
        ("team", TeamWindow(state)),
        ("palette", Palette(window.commands.usable)),
        ("keys", KeySheet(window.commands.usable)),
    ):
        dialog.asked.connect(_answer)
        dialog.show()
        _wait(80)
        yield name, lambda path, dialog=dialog: dialog.grab().save(path)
        if isinstance(dialog, JoinDialog):
            dialog.invite.setPlainText("ds1-" + "a" * 170)
            _wait(300)
            yield "join-read", lambda path, dialog=dialog: dialog.grab().save(path)
            _join(dialog, state)
            _wait(50)
            yield "join-joined", lambda path, dialog=dialog: dialog.grab().save(path)
        if isinstance(dialog, StatusWindow):
            dialog.show_checks(CHECKS)
            _wait(50)
            yield "status-checked", lambda path, dialog=dialog: dialog.grab().save(path)
            _carry(state)
            dialog.disclosure.click()
            _wait(50)
            yield "status-details", lambda path, dialog=dialog: dialog.grab().save(path)
            dialog.disclosure.click()
            dialog.resize(480, 520)
            _wait(50)
            yield "status-narrow", lambda path, dialog=dialog: dialog.grab().save(path)
        if isinstance(dialog, DeployDialog):
            _press(dialog)
            _wait(50)
            yield "deploy-progress", lambda path, dialog=dialog: dialog.grab().save(path)
        dialog.hide()


def _export(home: Any) -> Iterator[tuple[str, Callable[[str], object]]]:
    from devstream_desktop.desktop.windows.export_dialog import ExportDialog
    from devstream_desktop.stream.export import Form
    from devstream_desktop.stream.query_text import parse_query

    words = "env:production"
    dialog = ExportDialog(home.history, parse_query(words), words)
    dialog.show()
    dialog.files.hide()
    dialog.write(home.root / "devstream.csv", Form.CSV)
    _wait(300)
    yield "export", lambda path: dialog.grab().save(path)
    dialog.reject()


def _settings(home: Any, state: Any) -> Iterator[tuple[str, Callable[[str], object]]]:
    from desk_toml import desk_toml

    from devstream_desktop.desk.autostart import DesktopEntry
    from devstream_desktop.desk.duty import Duty, Week
    from devstream_desktop.desk.preferences import Preferences
    from devstream_desktop.desktop.client.preferences import LivePreferences
    from devstream_desktop.desktop.windows.settings.window import SettingsWindow

    hours = Duty(hours=Week(Mon="08:00-18:00", Tue="08:00-18:00", Fri="22:00-06:00"))
    names = ("ana@example.org",)
    home.preferences.write_text(desk_toml(Preferences(duty=hours, names=names)))
    preferences = LivePreferences(home.preferences)
    login = DesktopEntry("devstream.desktop", (), {"XDG_CONFIG_HOME": str(home.root)})
    window = SettingsWindow(home, state, preferences, login, lambda: True)
    window.asked.connect(_answer)
    window.show()
    _wait(250)
    window.me.show_actors(["Ana Meyer"])
    for size, width, height in (("", 820, 620), ("-narrow", 560, 480)):
        window.resize(width, height)
        for row, page in enumerate(window.pages):
            window.list.setCurrentRow(row)
            _wait(250)
            name = f"settings-{type(page).__name__.removesuffix('Page').lower()}{size}"
            yield name, lambda path: window.grab().save(path)
    window.resize(820, 620)
    window.show_rule(3)
    window.rules.edit()
    dialog = window.rules.dialog
    _wait(250)
    yield "settings-rule", lambda path: dialog.grab().save(path)
    dialog.reject()
    home.preferences.write_text('icon = "blue"')
    preferences.look()
    _wait(50)
    yield "settings-mistake", lambda path: window.grab().save(path)
    window.reject()
    preferences.close()


def _wait(milliseconds: int) -> None:
    """Let the event loop run; unlike `QTest.qWait` it lets other threads run too."""
    from PySide6.QtCore import QEventLoop, QTimer

    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def _wait_for(what: Callable[[], bool]) -> None:
    """Let the event loop run until something is so; a picture of before shows a stranger nothing.

    Raises:
        TimeoutError: it is not so within a minute.

    """
    end = time.monotonic() + 60
    while not what():
        if time.monotonic() > end:
            raise TimeoutError("a screen did not fill itself")
        _wait(20)


def _answer(question: Any) -> None:
    """Answer a dialog as a node would."""
    from fake_data import MEMBERS, PLAN, POLICY

    from devstream_desktop.control.messages.base import Done
    from devstream_desktop.control.messages.deploys import (
        DeployList,
        DeployLog,
        GetDeployLog,
        GetDeploys,
        PlanDeploy,
    )
    from devstream_desktop.control.messages.members import (
        GetMembers,
        InviteRead,
        Join,
        Joining,
        ReadInvite,
    )
    from devstream_desktop.control.messages.policy import GetPolicy

    answers = {PlanDeploy: PLAN, GetMembers: MEMBERS, GetPolicy: POLICY}
    answers |= {
        ReadInvite: InviteRead(addresses=("10.0.0.5:7450",)),
        Join: Joining(state="joined", team="acme"),
        GetDeploys: DeployList(pending=(), locks=(), last=()),
        GetDeployLog: DeployLog(request="", text="", next=0, over=False),
    }
    question.answer(answers.get(type(question.request), Done(text="ds1-" + "a" * 120)))


def _join(dialog: Any, state: Any) -> None:
    """Press Join, and have events travel both ways."""
    import msgspec

    from devstream_desktop.control.messages.status import PeerStatus

    dialog.join.click()
    live = PeerStatus(device="b" * 52, person="bo", address="10.0.0.5:7450", state="live")
    state.status = msgspec.structs.replace(state.status, peers=(live,))
    state.changed.emit()
    state.changed.emit()


def _carry(state: Any) -> None:
    """Have two carriers, of which one is gone."""
    import msgspec

    from devstream_desktop.control.messages.status import CarrierStatus

    since = int(time.time() * 1000) - 7_200_000
    gone = CarrierStatus(
        name="nats",
        servers=("tls://nats-1.example.org:4222", "tls://nats-2.example.org:4222"),
        state="gone",
        unread=1_200,
        unsent=3,
        since=since,
        error="no server answers: connection refused",
    )
    carriers = (gone, CarrierStatus(name="lab", state="live", since=since))
    state.status = msgspec.structs.replace(state.status, carriers=carriers)
    state.changed.emit()


def _press(dialog: Any) -> None:
    """Press Deploy, and have it begin."""
    import story
    from fake_data import PLAN

    from devstream_desktop.control.messages.deploys import DeployLog

    dialog.request.typed.setText("production")
    dialog.request.go.click()
    began = story.deploy("shop", int(time.time() * 1000), "in_progress", PLAN.sha, "ab" * 16)
    dialog.progress.begin("ab" * 16)
    dialog.follow([story.line_of(began)])
    printed = "migrating 0042_capture … ok\nrestarting shop-1 … ok\nrestarting shop-2 …"
    dialog.progress.show_log(DeployLog(request="ab" * 16, text=printed, next=9, over=False))


def main(folder: Path) -> None:
    """Render each side and scale in a process of its own, which is how Qt takes a scale."""
    folder.mkdir(parents=True, exist_ok=True)
    for side in SIDES:
        for scale, code in LOOKS:
            environment = os.environ | {"QT_SCALE_FACTOR": scale}
            command = [sys.executable, __file__, str(folder), side, code]
            subprocess.run(command, env=environment, check=True)
    sys.stdout.write(f"{len(list(folder.glob('*.png')))} pictures in {folder}\n")


if __name__ == "__main__":
    if len(sys.argv) > 2:
        render(Path(sys.argv[1]), *sys.argv[2:])
    else:
        main(Path(sys.argv[1]))

"""The desk put together: one Qt process, a client of the node of its home. The only file here that knows all the others."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QApplication, QDialog

from devstream_desktop import __version__
from devstream_desktop.control.messages.deploys import TargetStatus
from devstream_desktop.control.messages.status import Unlock
from devstream_desktop.control.messages.stream import SetDuty
from devstream_desktop.control.wording import catching_up
from devstream_desktop.desktop.client.node_client import NodeClient
from devstream_desktop.desktop.client.node_process import NodeProcess
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.platform.display import check_display
from devstream_desktop.desktop.platform.instance import Instance
from devstream_desktop.desktop.platform.session_bus import NoBusError, SessionBus
from devstream_desktop.desktop.platform.signals import Signals
from devstream_desktop.desktop.popups.balloon import BalloonNotifier
from devstream_desktop.desktop.popups.dbus import DBusNotifier
from devstream_desktop.desktop.popups.notifier import Notice, Notifier
from devstream_desktop.desktop.popups.popups import Popups
from devstream_desktop.desktop.tray.menu import TrayMenu, header_text
from devstream_desktop.desktop.tray.tray import Tray
from devstream_desktop.desktop.widgets.icons import Mark, icon
from devstream_desktop.desktop.windows.deploy_dialog import DeployDialog
from devstream_desktop.desktop.windows.history.window import HistoryWindow
from devstream_desktop.desktop.windows.invite_dialog import InviteDialog
from devstream_desktop.desktop.windows.join_dialog import JoinDialog
from devstream_desktop.desktop.windows.status_window import StatusWindow
from devstream_desktop.desktop.windows.team.window import TeamWindow
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.attention import Desk
from devstream_desktop.stream.subject import Line


def run(home: Home, *, start_node: bool = True, node_command: Sequence[str] | None = None) -> int:
    """Show the desk of `home` until it is ended; the exit code.

    `node_command` starts its node instead of the usual one; with `start_node` false the desk waits for one that somebody else starts.

    Raises:
        DesktopUnavailableError: no display, or a library that Qt needs is missing.
        HomeError: the home cannot be used.

    """
    check_display()
    home.create()
    application = QApplication([sys.argv[0]])
    application.setApplicationName("devstream")
    application.setApplicationVersion(__version__)
    application.setDesktopFileName("devstream")
    application.setQuitOnLastWindowClosed(False)
    application.setWindowIcon(icon(Mark.APP))
    instance = Instance(home.runtime())
    if not instance.claim():
        return 0 if instance.raise_first() else _say_stuck()
    app = App(home, start_node=start_node, node_command=node_command)
    instance.raised.connect(app.show_history)
    signals = Signals(application.quit)
    app.begin()
    code = application.exec()
    signals.close()
    app.end()
    instance.close()
    return code


def _say_stuck() -> int:
    sys.stderr.write("devstream runs already for this home but does not answer; end it and start again\n")
    return 1


class App(QObject):
    """Holds the parts together and carries what one wants of another."""

    def __init__(self, home: Home, *, start_node: bool = True, node_command: Sequence[str] | None = None) -> None:
        super().__init__()
        self.client = NodeClient(home.control_url(), self)
        self.reader = Reader(home.history)
        self.state = AppState(self.client, self.reader, self)
        self.node = NodeProcess(home, command=node_command, parent=self) if start_node else None
        try:
            self.bus: SessionBus | None = SessionBus(self)
        except NoBusError:
            self.bus = None
        self.menu = TrayMenu(self.state)
        self.tray = Tray(self.menu, self.bus, self)
        self.notifier = self._choose_notifier()
        self.popups = Popups(self.notifier, parent=self)
        self._window: HistoryWindow | None = None
        self._dialogs: list[QDialog] = []
        self._told_hidden = home.runtime() / "told-hidden"
        self._connect()

    def begin(self) -> None:
        """Connect to the node, and start one where none answers."""
        self._show_state()
        self.client.open()
        if self.node is not None:
            self.node.begin()
        if not self.tray.hosted:
            self.show_history()

    def end(self) -> None:
        """Leave the screen at once, then end the node if it is ours."""
        for dialog in self._dialogs:
            dialog.hide()
        if self._window is not None:
            self._window.hide()
        self.tray.close()
        self.client.close()
        self.reader.close()
        if self.bus is not None:
            self.bus.close()
        if self.node is not None:
            self.node.end()

    def show_history(self) -> None:
        """Bring up the history window."""
        self.window().bring_up()

    def window(self) -> HistoryWindow:
        """The history window, made when it is first wanted."""
        if self._window is None:
            window = HistoryWindow(self.state, self.popups.why)
            window.duty_chosen.connect(self._set_duty)
            window.unlock_chosen.connect(self._unlock)
            window.invite_chosen.connect(self._invite)
            window.join_chosen.connect(self._join)
            window.status_chosen.connect(self._status)
            window.quit_chosen.connect(QApplication.quit)
            window.closed.connect(self._window_closed)
            self._window = window
        return self._window

    def _choose_notifier(self) -> Notifier:
        if self.bus is not None:
            return DBusNotifier(self.bus, self)
        balloon = BalloonNotifier(lambda: self.tray.icon, self)
        self.tray.balloon_clicked.connect(balloon.clicked)
        return balloon

    def _connect(self) -> None:
        self.state.changed.connect(self._show_state)
        self.state.arrived.connect(self._consider)
        if self.node is not None:
            self.client.connected.connect(self.node.set_answers)
            self.node.trouble.connect(self.state.set_trouble)
        self.tray.clicked.connect(self._toggle_history)
        self.menu.history_chosen.connect(self.show_history)
        self.menu.line_chosen.connect(self._show_line)
        self.menu.duty_chosen.connect(self._set_duty)
        self.menu.deploy_chosen.connect(self._deploy)
        self.menu.invite_chosen.connect(self._invite)
        self.menu.join_chosen.connect(self._join)
        self.menu.team_chosen.connect(self._team)
        self.menu.status_chosen.connect(self._status)
        self.menu.quit_chosen.connect(QApplication.quit)
        self.popups.show_line.connect(self._show_line)
        self.popups.show_history.connect(self.show_history)

    def _show_state(self) -> None:
        status, connected = self.state.status, self.state.connected
        if not connected:
            mark, said = Mark.OFFLINE, "node is restarting" if status is not None else "node is starting"
        elif self.state.locked:
            mark, said = Mark.LOCKED, self.state.locked
        elif status is not None and status.notices:
            mark, said = Mark.FAILING, status.notices[0]
        else:
            mark, said = (Mark.ON_DUTY, "on duty") if self.state.on_duty else (Mark.OFF_DUTY, "off duty")
            if status is not None and status.missing:
                said = f"{said}, {catching_up(status)}"
        whose = header_text(status, connected=True)
        self.tray.show_state(mark, ": ".join(filter(None, ("devstream", whose if status is not None else "", said))))

    def _consider(self, lines: list[Line]) -> None:
        watching = self._window is not None and self._window.watched
        self.popups.consider(lines, Desk(person=self.state.person, on_duty=self.state.on_duty, watching=watching))

    def _set_duty(self, on: bool) -> None:
        def refused(reason: str) -> None:
            self.menu.refresh()
            self._tell("Duty is as it was", reason)

        self.client.request(SetDuty(on=on), lambda _: None, refused)

    def _unlock(self) -> None:
        self.client.request(Unlock(), lambda _: None, lambda reason: self._tell("The keyring stays locked", reason))

    def _toggle_history(self) -> None:
        if self._window is not None and self._window.isVisible() and self._window.isActiveWindow():
            self._window.close()
        else:
            self.show_history()

    def _show_line(self, line: Line) -> None:
        self.show_history()
        self.window().show_line(line)

    def _window_closed(self) -> None:
        if not self.tray.hosted:
            # Never invisible: without a tray there would be no way back.
            QTimer.singleShot(0, self, QApplication.quit)
        elif not self._told_hidden.exists():
            # Once a login: the runtime folder is emptied with the session.
            self._told_hidden.touch(mode=0o600)
            self._tell("devstream goes on in the tray", "Click its icon to have the history back; Quit is in its menu.")

    def _deploy(self, place: TargetStatus) -> None:
        self._open(DeployDialog(self.client, place, self.state.status))

    def _invite(self) -> None:
        self._open(InviteDialog(self.client, self.state.status))

    def _join(self) -> None:
        self._open(JoinDialog(self.client, self.state.status))

    def _team(self) -> None:
        window = TeamWindow(self.state)
        window.invite_chosen.connect(self._invite)
        self._open(window)

    def _status(self) -> None:
        self._open(StatusWindow(self.state))

    def _open(self, dialog: QDialog) -> None:
        dialog.setWindowIcon(icon(Mark.APP))
        self._dialogs.append(dialog)
        dialog.finished.connect(lambda: self._dialogs.remove(dialog) if dialog in self._dialogs else None)
        dialog.open()
        dialog.raise_()
        dialog.activateWindow()

    def _tell(self, summary: str, body: str) -> None:
        self.notifier.show_notice(Notice("desk", summary, body))


__all__ = ["App", "run"]

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
from devstream_desktop.desktop.bus import NoBusError, SessionBus
from devstream_desktop.desktop.deploy_dialog import DeployDialog
from devstream_desktop.desktop.desk import Desk
from devstream_desktop.desktop.display import check_display
from devstream_desktop.desktop.history.window import HistoryWindow
from devstream_desktop.desktop.icons import Mark, icon
from devstream_desktop.desktop.instance import Instance
from devstream_desktop.desktop.link import Link
from devstream_desktop.desktop.menu import TrayMenu, header_text
from devstream_desktop.desktop.node_process import NodeProcess
from devstream_desktop.desktop.notifier.balloon import BalloonNotifier
from devstream_desktop.desktop.notifier.base import Notice, Notifier
from devstream_desktop.desktop.notifier.dbus import DBusNotifier
from devstream_desktop.desktop.popups import Popups
from devstream_desktop.desktop.signals import Signals
from devstream_desktop.desktop.status_window import StatusWindow
from devstream_desktop.desktop.team.window import TeamWindow
from devstream_desktop.desktop.tray import Tray
from devstream_desktop.desktop.welcome import InviteDialog, JoinDialog
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.stream.attention import Desk as DeskFacts
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
    shell = Shell(home, start_node=start_node, node_command=node_command)
    instance.raised.connect(shell.show_history)
    signals = Signals(application.quit)
    shell.begin()
    code = application.exec()
    signals.close()
    shell.end()
    instance.close()
    return code


def _say_stuck() -> int:
    sys.stderr.write("devstream runs already for this home but does not answer; end it and start again\n")
    return 1


class Shell(QObject):
    """Holds the parts together and carries what one wants of another."""

    def __init__(self, home: Home, *, start_node: bool = True, node_command: Sequence[str] | None = None) -> None:
        super().__init__()
        self.link = Link(home.control_url(), self)
        self.reader = Reader(home.history)
        self.desk = Desk(self.link, self.reader, self)
        self.node = NodeProcess(home, command=node_command, parent=self) if start_node else None
        try:
            self.bus: SessionBus | None = SessionBus(self)
        except NoBusError:
            self.bus = None
        self.menu = TrayMenu(self.desk)
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
        self.link.open()
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
        self.link.close()
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
            window = HistoryWindow(self.desk, self.popups.why)
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
        self.desk.changed.connect(self._show_state)
        self.desk.arrived.connect(self._consider)
        if self.node is not None:
            self.link.connected.connect(self.node.set_answers)
            self.node.trouble.connect(self.desk.set_trouble)
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
        status, connected = self.desk.status, self.desk.connected
        if not connected:
            mark, said = Mark.OFFLINE, "node is restarting" if status is not None else "node is starting"
        elif self.desk.locked:
            mark, said = Mark.LOCKED, self.desk.locked
        elif status is not None and status.notices:
            mark, said = Mark.FAILING, status.notices[0]
        else:
            mark, said = (Mark.ON_DUTY, "on duty") if self.desk.on_duty else (Mark.OFF_DUTY, "off duty")
            if status is not None and status.missing:
                said = f"{said}, {catching_up(status)}"
        whose = header_text(status, connected=True)
        self.tray.show_state(mark, ": ".join(filter(None, ("devstream", whose if status is not None else "", said))))

    def _consider(self, lines: list[Line]) -> None:
        watching = self._window is not None and self._window.watched
        self.popups.consider(lines, DeskFacts(person=self.desk.person, on_duty=self.desk.on_duty, watching=watching))

    def _set_duty(self, on: bool) -> None:
        def refused(reason: str) -> None:
            self.menu.refresh()
            self._tell("Duty is as it was", reason)

        self.link.request(SetDuty(on=on), lambda _: None, refused)

    def _unlock(self) -> None:
        self.link.request(Unlock(), lambda _: None, lambda reason: self._tell("The keyring stays locked", reason))

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
        self._open(DeployDialog(self.link, place, self.desk.status))

    def _invite(self) -> None:
        self._open(InviteDialog(self.link, self.desk.status))

    def _join(self) -> None:
        self._open(JoinDialog(self.link, self.desk.status))

    def _team(self) -> None:
        window = TeamWindow(self.desk)
        window.invite_chosen.connect(self._invite)
        self._open(window)

    def _status(self) -> None:
        self._open(StatusWindow(self.desk))

    def _open(self, dialog: QDialog) -> None:
        dialog.setWindowIcon(icon(Mark.APP))
        self._dialogs.append(dialog)
        dialog.finished.connect(lambda: self._dialogs.remove(dialog) if dialog in self._dialogs else None)
        dialog.open()
        dialog.raise_()
        dialog.activateWindow()

    def _tell(self, summary: str, body: str) -> None:
        self.notifier.show_notice(Notice("desk", summary, body))


__all__ = ["Shell", "run"]

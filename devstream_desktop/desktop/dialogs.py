"""Windows and dialogs beside the history window: opened, brought up again, forgotten.

Each is imported when it is first opened: a start needs none of them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.platform.front import bring_to_front
from devstream_desktop.desktop.widgets.icons import Mark, icon

if TYPE_CHECKING:
    from devstream_desktop.control.messages.deploys import TargetStatus
    from devstream_desktop.desktop.client.doctor_process import DoctorProcess
    from devstream_desktop.desktop.client.preferences import LivePreferences
    from devstream_desktop.desktop.widgets.dialog import Dialog
    from devstream_desktop.desktop.windows.settings.window import SettingsWindow
    from devstream_desktop.home import Home
    from devstream_desktop.stream.query import Query
    from devstream_desktop.stream.subject import Line


class Dialogs(QObject):
    """Owns what is open, and passes its questions on.

    Args:
        home: of the app.
        state: read by each of them.
        preferences: changed by the settings.
        doctor: examines for the status.
        reload: lets our own node read its files again; false where it is not ours.
        parent: its owner.

    """

    asked = Signal(object)
    """A `Question` for the node."""
    running_changed = Signal(list)
    """Names of the deploys that go on, also behind a hidden dialog."""
    status_changed = Signal()
    """Given by the owner: the node has news of itself."""

    def __init__(
        self,
        home: Home,
        state: AppState,
        preferences: LivePreferences,
        doctor: DoctorProcess,
        reload: Callable[[], bool],
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._home = home
        self._state = state
        self._preferences = preferences
        self._doctor = doctor
        self._reload = reload
        self.open: list[Dialog] = []

    def hide(self) -> None:
        """Take everything off the screen."""
        for dialog in self.open:
            dialog.hide()

    def approve(self, line: Line) -> None:
        """Review a deploy that waits for a second person."""
        from devstream_desktop.desktop.windows.deploy.approve_dialog import ApproveDialog

        self._open(ApproveDialog(line))

    def note(self, line: Line, hand: bool) -> None:
        """Write a note about a thing, or hand the thing over."""
        from devstream_desktop.desktop.windows.note_dialog import NoteDialog

        self._open(NoteDialog(line, self._state.person, hand=hand))

    def deploy(self, place: TargetStatus, action: str = "") -> None:
        """Show the plan of a deploy, or of another `Action`."""
        from devstream_desktop.desktop.windows.deploy.dialog import DeployDialog

        dialog = DeployDialog(place, self._state.status, action=action)
        # Qt ends these connections when the dialog is deleted.
        self._state.arrived.connect(dialog.follow)
        dialog.sent.connect(self._tell_running)
        dialog.hidden.connect(self._tell_running)
        dialog.progress.ended.connect(self._tell_running)
        self._open(dialog)

    def bring_deploy(self, name: str) -> None:
        """Bring up the dialog of a deploy that goes on."""
        from devstream_desktop.desktop.windows.deploy.dialog import DeployDialog

        for dialog in self.open:
            if isinstance(dialog, DeployDialog) and dialog.name == name:
                bring_to_front(dialog)

    def invite(self) -> None:
        """Make an invite."""
        from devstream_desktop.desktop.windows.invite_dialog import InviteDialog

        self._open(InviteDialog(self._state.status))

    def join(self) -> None:
        """Join a team."""
        from devstream_desktop.desktop.windows.join_dialog import JoinDialog

        dialog = JoinDialog(self._state)
        dialog.stale.connect(self._state.refresh_status)
        self._open(dialog)

    def show_team(self) -> None:
        """Show people, devices and what waits for a signature."""
        from devstream_desktop.desktop.windows.team.window import TeamWindow

        window = TeamWindow(self._state)
        window.invite_chosen.connect(self.invite)
        # Qt ends this connection when the window is deleted.
        self.status_changed.connect(window.begin)
        self._open(window)

    def show_status(self) -> None:
        """Show whether devstream works, and let the doctor look."""
        from devstream_desktop.desktop.windows.status_window import StatusWindow

        window = StatusWindow(self._state)
        window.stale.connect(self._state.refresh_status)
        window.check_chosen.connect(self._doctor.examine)
        # Qt ends these connections when the window is deleted.
        self._doctor.examined.connect(window.show_checks)
        self._doctor.failed.connect(window.show_no_checks)
        self._open(window)

    def export(self, query: Query, words: str) -> None:
        """Write the lines of a search, typed as `words`, to a file."""
        from devstream_desktop.desktop.windows.export_dialog import ExportDialog

        self._open(ExportDialog(self._home.history, query, words))

    def show_settings(self) -> SettingsWindow:
        """Show the settings, of which there is one window."""
        from devstream_desktop.desk.autostart import autostart
        from devstream_desktop.desktop.windows.settings.window import SettingsWindow

        for one in self.open:
            if isinstance(one, SettingsWindow):
                bring_to_front(one)
                return one
        login = autostart(self._home)
        window = SettingsWindow(self._home, self._state, self._preferences, login, self._reload)
        self._open(window)
        return window

    def edit_rule(self, line: Line) -> None:
        """Open the settings at the rule that decides about a line."""
        from devstream_desktop.desktop.windows.settings.rule_text import rule_for
        from devstream_desktop.stream.rules import first

        rules, window = self._preferences.current.rules, self.show_settings()
        at = datetime.fromtimestamp(line.received / 1000).astimezone()
        rule = first(rules, line, self._state.names, at)
        if rule is not None:
            window.show_rule(rules.index(rule))
        else:
            window.show_rule(None, rule_for(line))

    def _tell_running(self) -> None:
        from devstream_desktop.desktop.windows.deploy.dialog import DeployDialog

        running = [one for one in self.open if isinstance(one, DeployDialog) and one.running]
        self.running_changed.emit([dialog.name for dialog in running])

    def _open(self, dialog: Dialog) -> None:
        dialog.asked.connect(self.asked)
        dialog.setWindowIcon(icon(Mark.APP))
        # Python would free a dialog that nothing refers to, open or not.
        self.open.append(dialog)
        dialog.finished.connect(lambda: self._forget(dialog))
        dialog.open()
        dialog.raise_()
        dialog.activateWindow()

    def _forget(self, dialog: Dialog) -> None:
        # A dialog may finish twice: DeployDialog rejects itself before it closes.
        if dialog in self.open:
            self.open.remove(dialog)

"""The tray's menu.

It has plain actions only, because a panel gets the menu over D-Bus. It is there before anything is
known, and loads nothing: `contents.py` fills it and keeps it current.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import Enum

from PySide6.QtCore import Signal, SignalInstance
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QMenu

from devstream_desktop.language import N_, _

_LINES = 5
_MOST_RED = 12
_MINUTE_MS = 60_000
_MORNING = 7
"""The local hour of its entry."""


class Snooze(Enum):
    """The lengths of a snooze, and its end."""

    QUARTER = 15
    HOUR = 60
    MORNING = "morning"
    OVER = 0


SNOOZES = (
    (N_("For 15 minutes"), Snooze.QUARTER),
    (N_("For an hour"), Snooze.HOUR),
    (N_("Until 07:00 in the morning"), Snooze.MORNING),
    (N_("Not any more"), Snooze.OVER),
)


class TrayMenu(QMenu):
    """Everything the app can do, in one menu."""

    line_chosen = Signal(object)
    duty_chosen = Signal(bool)
    snooze_chosen = Signal(object)
    """A `Snooze`."""
    history_chosen = Signal()
    deploy_chosen = Signal(object)
    """A `TargetStatus`."""
    running_chosen = Signal(str)
    """The name of a deploy that goes on out of sight."""
    invite_chosen = Signal()
    join_chosen = Signal()
    team_chosen = Signal()
    status_chosen = Signal()
    settings_chosen = Signal()
    quit_chosen = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.header = self._said("devstream")
        self.trouble = self._said()
        self.addSeparator()
        self.red = QMenu(_("Red now"), self)
        self.addMenu(self.red).setVisible(False)
        self.red_lines = [_hidden(self.red) for _place in range(_MOST_RED)]
        self.lines = [_hidden(self) for _place in range(_LINES)]
        self.nothing = self._said(_("No lines yet"))
        self.addSeparator()
        self.duty = self.addAction(_("On duty"))
        self.duty.setCheckable(True)
        self.duty.triggered.connect(self.duty_chosen)
        self.others = self._said()
        self.snooze = QMenu(_("Snooze"), self)
        self.addMenu(self.snooze)
        for name, length in SNOOZES:
            act = self.snooze.addAction(_(name))
            act.triggered.connect(lambda _=False, length=length: self.snooze_chosen.emit(length))
        self._offer(_("History…"), self.history_chosen)
        self.deploy = QMenu(_("Deploy"), self)
        self.addMenu(self.deploy)
        self.addSeparator()
        self.invite = self._offer(_("Invite…"), self.invite_chosen)
        self.join = self._offer(_("Join a team…"), self.join_chosen)
        self._offer(_("Team…"), self.team_chosen)
        self._offer(_("Status…"), self.status_chosen)
        self._offer(_("Settings…"), self.settings_chosen)
        self.addSeparator()
        leave = self._offer(_("Quit"), self.quit_chosen)
        leave.setShortcuts(QKeySequence.StandardKey.Quit)
        # Until the node answers.
        for part in (self.duty, self.deploy, self.invite, self.join):
            part.setEnabled(False)

    def show_snooze(self, until: str) -> None:
        """Show until when popups are snoozed; empty for not at all."""
        snoozed = _("Snoozed until {time}").format(time=until) if until else _("Snooze")
        self.snooze.setTitle(snoozed)

    def _offer(self, text: str, chosen: SignalInstance) -> QAction:
        action = self.addAction(text)
        # Not by `addAction`: for a slot it takes all the names that Qt has, 14 ms of a start.
        action.triggered.connect(chosen)
        return action

    def _said(self, text: str = "") -> QAction:
        """Add a text that cannot be chosen; without one it is hidden."""
        action = self.addAction(text)
        action.setEnabled(False)
        action.setVisible(bool(text))
        return action


def _hidden(menu: QMenu) -> QAction:
    action = menu.addAction("")
    action.setVisible(False)
    return action


def snooze_end(length: Snooze, now: int) -> int:
    """Return the end of a snooze that begins now; both are UTC milliseconds."""
    if length is not Snooze.MORNING:
        return now + int(length.value) * _MINUTE_MS
    # Without its offset, which is another one in the morning after a clock change.
    begin = datetime.fromtimestamp(now / 1000)  # noqa: DTZ006
    morning = begin.replace(hour=_MORNING, minute=0, second=0, microsecond=0)
    if morning <= begin:
        morning += timedelta(days=1)
    return int(morning.timestamp() * 1000)

"""The tray's menu.

It has plain actions only, because a panel gets the menu over D-Bus, and it is kept current while
it is closed. Actions live as long as the menu and change their text in place, so that a menu that
is open does not jump.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from enum import Enum

from PySide6.QtCore import Signal
from PySide6.QtGui import QAction, QIcon, QKeySequence, QPalette
from PySide6.QtWidgets import QMenu

from devstream_desktop.control.messages.deploys import TargetStatus
from devstream_desktop.control.plan_words import translated
from devstream_desktop.control.wording import on_duty
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.tray.summary import header_text, thing_text
from devstream_desktop.desktop.widgets.look import (
    duty_text,
    on_duty_text,
    sentence,
    since,
    state_look,
)
from devstream_desktop.desktop.widgets.marks import mark_icon
from devstream_desktop.desktop.widgets.text import menu_text
from devstream_desktop.desktop.widgets.theme import colour
from devstream_desktop.language import N_, _
from devstream_desktop.stream.line import render
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Thing

_LINES = 5
_LINE_WIDTH = 64
_MOST_RED = 12


class Snooze(Enum):
    """The lengths of a snooze, and its end."""

    QUARTER = 15
    HOUR = 60
    TOMORROW = "tomorrow"
    OVER = 0


SNOOZES = (
    (N_("For 15 minutes"), Snooze.QUARTER),
    (N_("For an hour"), Snooze.HOUR),
    (N_("Until tomorrow morning"), Snooze.TOMORROW),
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

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self._header = self.addAction("devstream")
        self._header.setEnabled(False)
        self._trouble = self.addAction("")
        self._trouble.setEnabled(False)
        self.addSeparator()
        self.red = QMenu(_("Red now"), self)
        self.addMenu(self.red)
        self._red_actions = [self._red_action(place) for place in range(_MOST_RED)]
        self._lines = [self._line_action(place) for place in range(_LINES)]
        self._nothing = self.addAction(_("No lines yet"))
        self._nothing.setEnabled(False)
        self.addSeparator()
        self.duty = self.addAction(_("On duty"))
        self.duty.setCheckable(True)
        self.duty.triggered.connect(self.duty_chosen)
        self._others = self.addAction("")
        self._others.setEnabled(False)
        self.snooze = QMenu(_("Snooze"), self)
        self.addMenu(self.snooze)
        for name, length in SNOOZES:
            act = self.snooze.addAction(_(name))
            act.triggered.connect(lambda _=False, length=length: self.snooze_chosen.emit(length))
        self.addAction(_("History…"), self.history_chosen.emit)
        self.deploy = QMenu(_("Deploy"), self)
        self.addMenu(self.deploy)
        self._after_running = self.deploy.menuAction()
        self._running: list[QAction] = []
        self.addSeparator()
        self._invite = self.addAction(_("Invite…"), self.invite_chosen.emit)
        self._join = self.addAction(_("Join a team…"), self.join_chosen.emit)
        self.addAction(_("Team…"), self.team_chosen.emit)
        self.addAction(_("Status…"), self.status_chosen.emit)
        self.addAction(_("Settings…"), self.settings_chosen.emit)
        self.addSeparator()
        leave = self.addAction(_("Quit"), self.quit_chosen.emit)
        leave.setShortcut(QKeySequence(QKeySequence.StandardKey.Quit))
        self._offered: tuple[TargetStatus, ...] | None = None
        self._submenus: list[QMenu] = []
        state.changed.connect(self.refresh)
        state.recent_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the state as it is now."""
        status = self._state.status
        connected, ready = self._state.connected, self._state.ready
        self._header.setText(menu_text(header_text(status, connected=connected)))
        trouble = self._state.popup_trouble
        self._trouble.setText(menu_text(sentence(trouble)))
        self._trouble.setVisible(bool(trouble))
        self._show_red(self._state.red)
        self._show_lines(self._state.recent)
        self.duty.setChecked(self._state.on_duty)
        # Off duty the entry offers what it does.
        self.duty.setText(sentence(duty_text(on=True, until=self._state.duty_until)))
        self.duty.setEnabled(ready)
        others = [name for name in on_duty(status) if name != status.person] if status else []
        ages = status.duty_since if status is not None else {}
        people = on_duty_text(others, ages, int(time.time() * 1000))
        self._others.setText(menu_text(_("Also on duty: {people}").format(people=people)))
        self._others.setVisible(bool(others))
        self._invite.setEnabled(ready and status is not None and status.can_invite)
        may_invite = status is None or status.can_invite
        invite = _("Invite…") if may_invite else _("Invite… (an admin of the team can)")
        self._invite.setText(invite)
        # A home is in one team; only a team of one gives way to another.
        self._join.setVisible(status is None or status.solo)
        self._join.setEnabled(ready)
        self._show_targets()
        self.deploy.setEnabled(ready)

    def show_running(self, names: list[str]) -> None:
        """Offer to show these deploys of one's own, which are under way."""
        for action in self._running:
            self.removeAction(action)
            action.deleteLater()
        self._running = []
        for name in names:
            action = QAction(menu_text(_("Show: {name}…").format(name=name)), self)
            action.triggered.connect(lambda _=False, name=name: self.running_chosen.emit(name))
            self.insertAction(self._after_running, action)
            self._running.append(action)

    def _line_action(self, place: int) -> QAction:
        action = self.addAction("")
        action.setVisible(False)
        action.triggered.connect(lambda: self._choose_line(place))
        return action

    def show_snooze(self, until: str) -> None:
        """Show until when popups are snoozed; empty for not at all."""
        snoozed = _("Snoozed until {time}").format(time=until) if until else _("Snooze")
        self.snooze.setTitle(snoozed)

    def _red_action(self, place: int) -> QAction:
        action = self.red.addAction("")
        action.setVisible(False)
        action.triggered.connect(lambda: self._choose_red(place))
        return action

    def _choose_red(self, place: int) -> None:
        if place < len(self._state.red):
            self.line_chosen.emit(self._state.red[place].line)

    def _show_red(self, things: list[Thing]) -> None:
        self.red.menuAction().setVisible(bool(things))
        self.red.setTitle(_("Red now ({count})").format(count=len(things)))
        for place, action in enumerate(self._red_actions):
            there = place < len(things)
            if there:
                action.setText(menu_text(thing_text(things[place])))
                action.setIcon(self._mark(things[place].line))
            action.setVisible(there)

    def _mark(self, line: Line) -> QIcon:
        look, palette = state_look(line), self.palette()
        paper = palette.color(QPalette.ColorRole.Base)
        return mark_icon(look.shape, colour(look.tone, palette), paper)

    def _choose_line(self, place: int) -> None:
        # The rows may have changed while the menu was open.
        if place < len(self._state.recent):
            self.line_chosen.emit(self._state.recent[place])

    def _show_lines(self, lines: list[Line]) -> None:
        for place, action in enumerate(self._lines):
            there = place < len(lines)
            if there:
                line = lines[place]
                look = state_look(line)
                # A menu cannot strike text out, so the words say it.
                struck = f"{look.word}  " if line.struck else ""
                text = render(line.event, line.transition, width=_LINE_WIDTH)
                age = since(line.event.time, int(time.time() * 1000))
                action.setText(menu_text(f"{struck}{text} · {age}"))
                action.setIcon(self._mark(line))
            action.setVisible(there)
        self._nothing.setVisible(not lines)

    def _show_targets(self) -> None:
        targets = self._state.targets.targets
        # Rebuilding closes a submenu that is open.
        if targets == self._offered:
            return
        self._offered = targets
        self.deploy.clear()
        # `clear` leaves the submenus to their parent, which lives as long as the app.
        for old in self._submenus:
            old.deleteLater()
        self._submenus = []
        if not targets:
            hint = _("No targets: an executor names them in its targets.toml")
            self.deploy.addAction(hint).setEnabled(False)
        by_target: dict[str, list[TargetStatus]] = {}
        for status in targets:
            by_target.setdefault(status.target, []).append(status)
        for target, places in sorted(by_target.items()):
            submenu = QMenu(menu_text(target), self.deploy)
            self._submenus.append(submenu)
            self.deploy.addMenu(submenu)
            for place in sorted(places, key=lambda place: place.environment):
                action = submenu.addAction(menu_text(target_text(place)))
                action.setEnabled(place.allowed)
                action.triggered.connect(
                    lambda _=False, chosen=place: self.deploy_chosen.emit(chosen)
                )


def target_text(place: TargetStatus) -> str:
    """Return an environment, with the reason why it is closed or busy."""
    if not place.allowed:
        reason = translated(place.reason) or _("not allowed")
        return f"{place.environment} ({reason})"
    # A busy environment can be chosen: the executor decides, and may be done by then.
    if place.busy:
        busy = _("{environment}… ({person} is deploying)")
        return busy.format(environment=place.environment, person=place.busy)
    return f"{place.environment}…"


def snooze_end(length: Snooze, now: datetime) -> int:
    """Return the end of a snooze that begins now, UTC milliseconds; tomorrow begins at seven."""
    if length is Snooze.TOMORROW:
        morning = (now + timedelta(days=1)).replace(hour=7, minute=0, second=0, microsecond=0)
        return int(morning.timestamp() * 1000)
    return int((now + timedelta(minutes=length.value)).timestamp() * 1000)

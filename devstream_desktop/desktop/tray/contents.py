"""Contents of the tray's menu: the node, what is red, the newest lines, where one can deploy.

It is kept current while the menu is closed. Actions live as long as the menu and change their text
in place, so that a menu that is open does not jump.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction, QIcon, QPalette
from PySide6.QtWidgets import QMenu

from devstream_desktop.control.messages.deploys import TargetStatus
from devstream_desktop.control.plan_words import translated
from devstream_desktop.control.wording import on_duty
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.tray.menu import TrayMenu
from devstream_desktop.desktop.tray.summary import header_text, thing_text
from devstream_desktop.desktop.widgets.look import (
    duty_text,
    on_duty_text,
    sentence,
    since,
    state_look,
)
from devstream_desktop.desktop.widgets.marks import mark_icon
from devstream_desktop.desktop.widgets.plain import menu_text
from devstream_desktop.desktop.widgets.theme import colour
from devstream_desktop.language import _
from devstream_desktop.stream.line import render
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Thing

_LINE_WIDTH = 64


class MenuContents(QObject):
    """Writes the state into the menu, which owns it."""

    def __init__(self, menu: TrayMenu, state: AppState) -> None:
        super().__init__(menu)
        self._menu = menu
        self._state = state
        for place, action in enumerate(menu.red_lines):
            action.triggered.connect(lambda _=False, place=place: self._choose_red(place))
        for place, action in enumerate(menu.lines):
            action.triggered.connect(lambda _=False, place=place: self._choose_line(place))
        self._after_running = menu.deploy.menuAction()
        self._running: list[QAction] = []
        self._offered: tuple[TargetStatus, ...] | None = None
        self._submenus: list[QMenu] = []
        state.changed.connect(self.refresh)
        state.recent_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the state as it is now."""
        menu, status = self._menu, self._state.status
        connected, ready = self._state.connected, self._state.ready
        menu.header.setText(menu_text(header_text(status, connected=connected)))
        trouble = self._state.popup_trouble
        menu.trouble.setText(menu_text(sentence(trouble)))
        menu.trouble.setVisible(bool(trouble))
        self._show_red(self._state.red)
        self._show_lines(self._state.recent)
        menu.duty.setChecked(self._state.on_duty)
        # Off duty the entry offers what it does.
        menu.duty.setText(sentence(duty_text(on=True, until=self._state.duty_until)))
        menu.duty.setEnabled(ready)
        others = [name for name in on_duty(status) if name != status.person] if status else []
        ages = status.duty_since if status is not None else {}
        people = on_duty_text(others, ages, int(time.time() * 1000))
        menu.others.setText(menu_text(_("Also on duty: {people}").format(people=people)))
        menu.others.setVisible(bool(others))
        menu.invite.setEnabled(ready and status is not None and status.can_invite)
        may_invite = status is None or status.can_invite
        invite = _("Invite…") if may_invite else _("Invite… (an admin of the team can)")
        menu.invite.setText(invite)
        # A home is in one team; only a team of one gives way to another.
        menu.join.setVisible(status is None or status.solo)
        menu.join.setEnabled(ready)
        self._show_targets()
        menu.deploy.setEnabled(ready)

    def show_running(self, names: list[str]) -> None:
        """Offer to show these deploys of one's own, which are under way."""
        for action in self._running:
            self._menu.removeAction(action)
            action.deleteLater()
        self._running = []
        for name in names:
            action = QAction(menu_text(_("Show: {name}…").format(name=name)), self._menu)
            action.triggered.connect(
                lambda _=False, name=name: self._menu.running_chosen.emit(name)
            )
            self._menu.insertAction(self._after_running, action)
            self._running.append(action)

    def _choose_red(self, place: int) -> None:
        if place < len(self._state.red):
            self._menu.line_chosen.emit(self._state.red[place].line)

    def _show_red(self, things: list[Thing]) -> None:
        self._menu.red.menuAction().setVisible(bool(things))
        self._menu.red.setTitle(_("Red now ({count})").format(count=len(things)))
        for place, action in enumerate(self._menu.red_lines):
            there = place < len(things)
            if there:
                action.setText(menu_text(thing_text(things[place])))
                action.setIcon(self._mark(things[place].line))
            action.setVisible(there)

    def _mark(self, line: Line) -> QIcon:
        look, palette = state_look(line), self._menu.palette()
        paper = palette.color(QPalette.ColorRole.Base)
        return mark_icon(look.shape, colour(look.tone, palette), paper)

    def _choose_line(self, place: int) -> None:
        # The rows may have changed while the menu was open.
        if place < len(self._state.recent):
            self._menu.line_chosen.emit(self._state.recent[place])

    def _show_lines(self, lines: list[Line]) -> None:
        for place, action in enumerate(self._menu.lines):
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
        self._menu.nothing.setVisible(not lines)

    def _show_targets(self) -> None:
        deploy, targets = self._menu.deploy, self._state.targets.targets
        # Rebuilding closes a submenu that is open.
        if targets == self._offered:
            return
        self._offered = targets
        deploy.clear()
        # `clear` leaves the submenus to their parent, which lives as long as the app.
        for old in self._submenus:
            old.deleteLater()
        self._submenus = []
        if not targets:
            hint = _("No targets: an executor names them in its targets.toml")
            deploy.addAction(hint).setEnabled(False)
        by_target: dict[str, list[TargetStatus]] = {}
        for status in targets:
            by_target.setdefault(status.target, []).append(status)
        for target, places in sorted(by_target.items()):
            submenu = QMenu(menu_text(target), deploy)
            self._submenus.append(submenu)
            deploy.addMenu(submenu)
            for place in sorted(places, key=lambda place: place.environment):
                action = submenu.addAction(menu_text(target_text(place)))
                action.setEnabled(place.allowed)
                action.triggered.connect(
                    lambda _=False, chosen=place: self._menu.deploy_chosen.emit(chosen)
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

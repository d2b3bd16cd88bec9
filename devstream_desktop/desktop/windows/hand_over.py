"""The hand-over: what to know when one comes on duty, each line a way to its details."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFont, QPalette, QShowEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.dialog import paint
from devstream_desktop.desktop.widgets.look import ago, since, state_look
from devstream_desktop.desktop.widgets.marks import mark_icon
from devstream_desktop.desktop.widgets.text import PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.stream.line import told
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import HandOver, Thing

_SHIFT_MS = 8 * 3_600_000


class HandOverPage(QWidget):
    """The things that are broken, that happened, and that wait."""

    line_chosen = Signal(object)

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self._since = 0
        self.title = heading("Hand-over")
        self.about = PlainLabel(wrap=True)
        self.list = QListWidget()
        self.list.setAccessibleName("Hand-over")
        self.list.setFrameShape(QListWidget.Shape.NoFrame)
        self.list.setSpacing(2)
        self.list.itemActivated.connect(self._choose)
        self.list.itemClicked.connect(self._choose)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 10)
        column.setSpacing(6)
        column.addWidget(self.title)
        column.addWidget(self.about)
        column.addWidget(self.list, 1)

    def begin_at(self, since_ms: int) -> None:
        """Tell what happened since a moment, UTC milliseconds."""
        self._since = since_ms
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """Read it anew."""
        now = int(time.time() * 1000)
        begin = self._since or now - _SHIFT_MS
        self._state.history.ask(
            lambda reader: reader.hand_over(begin, now=now),
            lambda over: self._show(over, begin, now),
            owner=self,
            refuse=self._fail,
            topic="hand-over",
        )

    def _fail(self, reason: str) -> None:
        self.list.clear()
        self.about.setText(f"The history cannot be read: {reason}.")

    def _show(self, over: HandOver, begin: int, now: int) -> None:
        self.list.clear()
        self.about.setText(f"Since {'you left, ' if self._since else ''}{ago(begin, now)}")
        paint(self.about, Tone.MUTED)
        self._fill(over, now)

    def showEvent(self, event: QShowEvent) -> None:
        """Read it when it is seen."""
        super().showEvent(event)
        self.refresh()

    def _fill(self, over: HandOver, now: int) -> None:
        self._things("Red, and nobody is on it", over.unclaimed, now)
        self._things("Red, and somebody is on it", over.claimed, now)
        self._things("Silent sources: what they would tell is missing", over.silent, now)
        self._lines("Shipped", over.shipped, now)
        self._lines("Deploys that failed", over.failed, now)
        self._lines("Fixed", over.fixed, now)
        self._lines("Tickets opened", over.tickets, now)
        self._lines("Locked", over.locks, now)
        self._lines("Not all was read", over.gaps, now)
        waiting = [one for one in over.waiting if one.changes]
        if waiting:
            self._heading("Waiting", len(waiting))
        for one in waiting:
            more = " or more" if one.more else ""
            some = "commit" if one.commits == 1 and not more else "commits"
            text = f"{one.service}: {one.commits}{more} {some} for {one.environment}"
            self._row(text, one.changes[-1])
        if not self.list.count():
            self._heading("Nothing happened, and nothing is red.", 0)

    def _things(self, title: str, things: Sequence[Thing], now: int) -> None:
        if things:
            self._heading(title, len(things))
        for thing in things:
            who = f" · {thing.claimed_by} is on it" if thing.claimed_by else ""
            self._row(f"{told(thing.line)} · {since(thing.since_ms, now)}{who}", thing.line)

    def _lines(self, title: str, lines: Sequence[Line], now: int) -> None:
        if lines:
            self._heading(title, len(lines))
        for line in lines:
            self._row(f"{told(line)} · {since(line.event.time, now)}", line)

    def _heading(self, text: str, count: int) -> None:
        item = QListWidgetItem(f"{text} · {count}" if count else text)
        font = QFont(self.list.font())
        font.setBold(True)
        item.setFont(font)
        # It can be read, and not chosen.
        item.setFlags(Qt.ItemFlag.ItemIsEnabled)
        self.list.addItem(item)

    def _row(self, text: str, line: Line) -> None:
        look, palette = state_look(line), self.palette()
        paper = palette.color(QPalette.ColorRole.Base)
        item = QListWidgetItem(mark_icon(look.shape, colour(look.tone, palette), paper), text)
        item.setData(Qt.ItemDataRole.UserRole, line)
        self.list.addItem(item)

    def _choose(self, item: QListWidgetItem) -> None:
        line = item.data(Qt.ItemDataRole.UserRole)
        if isinstance(line, Line):
            self.line_chosen.emit(line)

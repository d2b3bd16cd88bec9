"""The hand-over: what to know when one comes on duty, each line a way to its details."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFont, QPalette, QShowEvent
from PySide6.QtWidgets import QListWidget, QListWidgetItem, QVBoxLayout, QWidget

from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.widgets.look import ago, since, state_look
from devstream_desktop.desktop.widgets.marks import mark_icon
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, paint
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.language import _, ngettext
from devstream_desktop.stream.line import told
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import HandOver, Thing, Waiting, counted_changes, counted_news

_SHIFT_MS = 8 * 3_600_000
_GAP = 10


class HandOverPage(QWidget):
    """The things that are broken, that happened, and that wait."""

    line_chosen = Signal(object)
    selected = Signal()
    """Another row is selected, or none."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self._since = 0
        self.title = heading(_("Hand-over"))
        self.about = PlainLabel(wrap=True)
        self.list = QListWidget()
        self.list.setAccessibleName(_("Hand-over"))
        self.list.setFrameShape(QListWidget.Shape.NoFrame)
        self.list.setSpacing(2)
        # A long line goes on below, so that its age is seen in a narrow window too.
        self.list.setWordWrap(True)
        self.list.setTextElideMode(Qt.TextElideMode.ElideNone)
        self.list.setResizeMode(QListWidget.ResizeMode.Adjust)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemActivated.connect(self._choose)
        self.list.itemClicked.connect(self._choose)
        self.list.itemSelectionChanged.connect(self.selected)
        column = QVBoxLayout(self)
        column.setContentsMargins(18, 14, 18, 10)
        column.setSpacing(6)
        column.addWidget(self.title)
        column.addWidget(self.about)
        column.addWidget(self.list, 1)

    @property
    def current_line(self) -> Line | None:
        """The line of the selected row, if there is one."""
        return next((_line_of(item) for item in self.list.selectedItems()), None)

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

    def _clear(self) -> None:
        self.list.clear()
        # Qt tells of no change where all rows go.
        self.selected.emit()

    def _fail(self, reason: str) -> None:
        self._clear()
        self.about.setText(_("The history cannot be read: {reason}.").format(reason=reason))

    def _show(self, over: HandOver, begin: int, now: int) -> None:
        self._clear()
        said = _("Since you left, {age}") if self._since else _("Since {age}")
        self.about.setText(said.format(age=ago(begin, now)))
        paint(self.about, Tone.MUTED)
        self._fill(over, now)

    def showEvent(self, event: QShowEvent) -> None:
        """Read it when it is seen."""
        super().showEvent(event)
        self.refresh()

    def _fill(self, over: HandOver, now: int) -> None:
        self._things(_("Red, and nobody is on it"), over.unclaimed, now)
        self._things(_("Red, and somebody is on it"), over.claimed, now)
        self._things(_("Silent sources: what they would tell is missing"), over.silent, now)
        self._lines(_("Shipped"), over.shipped, now)
        self._lines(_("Deploys that failed"), over.failed, now)
        self._lines(_("Fixed"), over.fixed, now)
        self._lines(_("Tickets opened"), over.tickets, now)
        self._lines(_("Locked"), over.locks, now)
        self._lines(_("Not all was read"), over.gaps, now)
        waiting = [one for one in over.waiting if one.changes]
        if waiting:
            self._heading(_("Waiting"), str(len(waiting)))
        for one in waiting:
            self._row(_waiting_text(one), one.changes[-1])
        if not self.list.count():
            self._heading(_("Nothing happened, and nothing is red."), "")

    def _things(self, title: str, things: Sequence[Thing], now: int) -> None:
        if things:
            self._heading(title, counted_news(len(things)))
        for thing in things:
            parts = [told(thing.line), since(thing.since_ms, now)]
            if thing.claimed_by:
                parts.append(_("{person} is on it").format(person=thing.claimed_by))
            self._row(" · ".join(parts), thing.line)

    def _lines(self, title: str, lines: Sequence[Line], now: int) -> None:
        if lines:
            self._heading(title, counted_news(len(lines)))
        for line in lines:
            self._row(f"{told(line)} · {since(line.event.time, now)}", line)

    def _heading(self, text: str, count: str) -> None:
        item = QListWidgetItem(f"{text} · {count}" if count else text)
        font = QFont(self.list.font())
        font.setBold(True)
        item.setFont(font)
        # Room above, but for the first.
        height = self.list.fontMetrics().height() + (_GAP if self.list.count() else 0)
        item.setSizeHint(QSize(0, height + 4))
        item.setTextAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignBottom)
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
        if (line := _line_of(item)) is not None:
            self.line_chosen.emit(line)


def _line_of(item: QListWidgetItem) -> Line | None:
    line = item.data(Qt.ItemDataRole.UserRole)
    return line if isinstance(line, Line) else None


def _waiting_text(one: Waiting) -> str:
    """Return `shop: 3 changes for production`, with the number that the board has."""
    said = ngettext(
        "{service}: {count} change for {environment}",
        "{service}: {count} changes for {environment}",
        one.count,
    )
    count = counted_changes(one.count)
    return said.format(service=one.service, count=count, environment=one.environment)

"""The hand-over: what to know when one comes on duty, each line a way to its details.

It is kept current while it is seen: a claim, and its end, show in the row that they are about.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QFont, QHideEvent, QPalette, QShowEvent
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
_PAUSE_MS = 1_000
"""Events that arrive within it after a new look are one more."""
_AGES_MS = 30_000
"""Milliseconds after which ages are written anew, also where nothing happens."""
_Row = tuple[str, Line | None]
"""Text of a row and its line; a heading has none."""


class HandOverPage(QWidget):
    """The things that are broken, that happened, and that wait."""

    line_chosen = Signal(object)
    selected = Signal()
    """Another row is selected, or none."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self._since = 0
        self._rows: list[_Row] = []
        self._more = False
        """More arrived in the pause after a look."""
        self._pause = QTimer(self, singleShot=True, interval=_PAUSE_MS)
        self._pause.timeout.connect(self._end_pause)
        self._ages = QTimer(self, interval=_AGES_MS)
        self._ages.timeout.connect(self.refresh)
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
        state.arrived.connect(self._follow)
        state.policy_changed.connect(self._follow)
        state.history_replaced.connect(self._follow)

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

    def _follow(self) -> None:
        """Look again: at once, and then once a pause however much arrives."""
        if not self.isVisible():
            return
        self._more = self._pause.isActive()
        if not self._more:
            self._pause.start()
            self.refresh()

    def _end_pause(self) -> None:
        if self._more:
            self._follow()

    def _fail(self, reason: str) -> None:
        self._lay([])
        self.about.setText(_("The history cannot be read: {reason}.").format(reason=reason))

    def _show(self, over: HandOver, begin: int, now: int) -> None:
        said = _("Since you left, {age}") if self._since else _("Since {age}")
        self.about.setText(said.format(age=ago(begin, now)))
        paint(self.about, Tone.MUTED)
        self._lay(_rows_of(over, now))

    def showEvent(self, event: QShowEvent) -> None:
        """Read it when it is seen."""
        super().showEvent(event)
        self.refresh()
        self._ages.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Let the ages be."""
        super().hideEvent(event)
        self._ages.stop()

    def _lay(self, rows: list[_Row]) -> None:
        """Put these rows into the list; the selected line stays so, and in its place."""
        # Where nothing changed, a press of the mouse goes on.
        if rows == self._rows:
            return
        chosen, bar = self.current_line, self.list.verticalScrollBar()
        nth, scrolled = self._place_of_selected(), bar.value()
        self._rows = rows
        self.list.clear()
        for text, line in rows:
            if line is None:
                self._heading(text)
            else:
                self._row(text, line)
        same = [
            row for row, (_text, line) in enumerate(rows) if line and chosen and _same(line, chosen)
        ]
        if same:
            self.list.setCurrentRow(same[min(nth, len(same) - 1)])
        else:
            # Qt tells of no change where all rows go.
            self.selected.emit()
        self.list.doItemsLayout()
        bar.setValue(scrolled)

    def _place_of_selected(self) -> int:
        """Return how many rows above the selected one have its line too."""
        row, chosen = self.list.currentRow(), self.current_line
        above = [line for _text, line in self._rows[: max(0, row)] if line]
        return sum(1 for line in above if chosen is not None and _same(line, chosen))

    def _heading(self, text: str) -> None:
        item = QListWidgetItem(text)
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


def _same(one: Line, other: Line) -> bool:
    return one.entry == other.entry


def _rows_of(over: HandOver, now: int) -> list[_Row]:
    waiting = [one for one in over.waiting if one.changes]
    rows = [
        *_things(_("Red, and nobody is on it"), over.unclaimed, now),
        *_things(_("Red, and somebody is on it"), over.claimed, now),
        *_things(_("Silent sources: what they would tell is missing"), over.silent, now),
        *_lines(_("Shipped"), over.shipped, now),
        *_lines(_("Deploys that failed"), over.failed, now),
        *_lines(_("Fixed"), over.fixed, now),
        *_lines(_("Tickets opened"), over.tickets, now),
        *_lines(_("Locked"), over.locks, now),
        *_lines(_("Not all was read"), over.gaps, now),
        *_headed(
            _("Waiting"),
            str(len(waiting)),
            [(_waiting_text(one), one.changes[-1]) for one in waiting],
        ),
    ]
    return rows or [(_("Nothing happened, and nothing is red."), None)]


def _things(title: str, things: Sequence[Thing], now: int) -> list[_Row]:
    rows: list[_Row] = []
    for thing in things:
        parts = [told(thing.line), since(thing.since_ms, now)]
        if thing.claimed_by:
            parts.append(_("{person} is on it").format(person=thing.claimed_by))
        rows.append((" · ".join(parts), thing.line))
    return _headed(title, counted_news(len(things)), rows)


def _lines(title: str, lines: Sequence[Line], now: int) -> list[_Row]:
    rows: list[_Row] = [(f"{told(line)} · {since(line.event.time, now)}", line) for line in lines]
    return _headed(title, counted_news(len(lines)), rows)


def _headed(title: str, count: str, rows: list[_Row]) -> list[_Row]:
    return [(f"{title} · {count}", None), *rows] if rows else []


def _waiting_text(one: Waiting) -> str:
    """Return `shop: 3 changes for production`, with the number that the board has."""
    said = ngettext(
        "{service}: {count} change for {environment}",
        "{service}: {count} changes for {environment}",
        one.count,
    )
    count = counted_changes(one.count)
    return said.format(service=one.service, count=count, environment=one.environment)

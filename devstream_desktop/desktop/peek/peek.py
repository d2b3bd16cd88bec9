"""The peek: red now, the newest eight that matter, and the switch of duty, at the tray's icon.

It is for one glance: Esc, or a click anywhere else, ends it. Enter or a double click opens the
window at the line.
"""

from __future__ import annotations

import time

from PySide6.QtCore import QEvent, QModelIndex, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import (
    QHBoxLayout,
    QListView,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.control.wording import on_duty
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.peek.items import MOST_RED, PeekModel
from devstream_desktop.desktop.peek.surface import Surface
from devstream_desktop.desktop.tray.summary import header_text, more_red_text
from devstream_desktop.desktop.widgets.edge import edge
from devstream_desktop.desktop.widgets.look import duty_text, on_duty_text, sentence
from devstream_desktop.desktop.widgets.switch import Switch
from devstream_desktop.desktop.widgets.text import ElidedLabel, PlainLabel, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.history.delegate import ItemDelegate
from devstream_desktop.desktop.windows.history.items import Pinned, Row
from devstream_desktop.desktop.windows.history.status_line import status_text
from devstream_desktop.desktop.windows.history.visit import LOOK_MS
from devstream_desktop.language import _, ngettext
from devstream_desktop.stream.subject import can_be_claimed
from devstream_desktop.stream.text import clean

_WIDTH = 420
"""Width, unless the buttons of a language need more."""
_MOST_HEIGHT = 460
"""Height of the list; what has no room is scrolled to."""
_AGES_MS = 30_000


class Peek(Surface):
    """One glance at the stream."""

    line_chosen = Signal(object)
    """A `Line` to show in the window."""
    window_chosen = Signal()
    duty_chosen = Signal(bool)
    claim_chosen = Signal(object)
    """A `Line` whose thing the person is on."""

    def __init__(self, state: AppState, deploy: QMenu, snooze: QMenu) -> None:
        """Make the peek; the menus are the tray's."""
        super().__init__()
        self._state = state
        self.setWindowTitle(_("devstream: red now and newest"))
        self.title = ElidedLabel()
        self.how = PlainLabel()
        self.duty = Switch(_("On duty"))
        self.note = PlainLabel(wrap=True)
        self.model = PeekModel(state)
        self.list = QListView()
        self.whole = QPushButton(_("Open"))
        self.claim = QPushButton(_("I'm on it"))
        self.deploy = QPushButton(_("Deploy"))
        self.snooze = QPushButton(_("Snooze"))
        self.deploy.setMenu(deploy)
        self.snooze.setMenu(snooze)
        self._column = QVBoxLayout(self)
        self._seen = QTimer(self, singleShot=True, interval=LOOK_MS)
        self._ages = QTimer(self, interval=_AGES_MS)
        self._lay_out()
        # Before any of them is hidden, so that it stays the same.
        self._width = max(_WIDTH, self._column.minimumSize().width())
        self._connect()
        self.refresh()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(16, 12, 14, 10)
        head.setSpacing(8)
        bold = self.title.font()
        bold.setBold(True)
        self.title.setFont(bold)
        head.addWidget(self.title, 1)
        head.addWidget(self.how)
        head.addWidget(self.duty)
        foot = QHBoxLayout()
        foot.setContentsMargins(14, 10, 14, 12)
        foot.setSpacing(8)
        for button in (self.whole, self.claim, self.deploy, self.snooze):
            button.setAutoDefault(False)
            foot.addWidget(button)
        foot.addStretch(1)
        self.note.setContentsMargins(16, 0, 16, 10)
        self._prepare_list()
        column = self._column
        column.setContentsMargins(1, 1, 1, 1)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.note)
        column.addWidget(edge())
        column.addWidget(self.list)
        column.addWidget(edge())
        column.addLayout(foot)

    def _prepare_list(self) -> None:
        self.list.setModel(self.model)
        self.list.setItemDelegate(ItemDelegate(self.model, self.list))
        self.list.setAccessibleName(_("Red now, then the newest lines that matter"))
        self.list.setFrameShape(QListView.Shape.NoFrame)
        self.list.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setEditTriggers(QListView.EditTrigger.NoEditTriggers)
        self.list.installEventFilter(self)

    def _connect(self) -> None:
        self.list.doubleClicked.connect(self._choose)
        self.list.selectionModel().selectionChanged.connect(self._follow)
        self.whole.clicked.connect(self._open)
        self.claim.clicked.connect(self._claim)
        self.duty.clicked.connect(self.duty_chosen)
        self._seen.timeout.connect(self._see)
        self._ages.timeout.connect(self.list.viewport().update)
        for changed in (
            self._state.changed,
            self._state.recent_changed,
            self._state.seen_changed,
        ):
            changed.connect(self._refresh_shown)

    def show_at(self, icon: QRect) -> None:
        """Show what there is, at the tray's icon."""
        self.model.begin()
        self.refresh()
        self._begin_list()
        super().show_at(icon)
        self.list.setFocus()

    def refresh(self) -> None:
        """Show the state as it is now."""
        state, status = self._state, self._state.status
        self.title.set_whole(header_text(status, connected=True))
        self.how.setText(sentence(duty_text(on=state.on_duty, until=state.duty_until)))
        paint(self.how, Tone.ACCENT if state.on_duty else Tone.MUTED)
        self.duty.setChecked(state.on_duty)
        self.duty.setEnabled(state.ready)
        self.deploy.setEnabled(state.ready)
        self._refresh_list()
        said, tone = self._note()
        self.note.setText(said)
        paint(self.note, tone)
        self.note.setVisible(bool(said))
        self._follow()
        self._fit()

    def showEvent(self, event: QShowEvent) -> None:
        """Begin to count what is shown as seen."""
        super().showEvent(event)
        self._seen.start()
        self._ages.start()

    def hideEvent(self, event: QHideEvent) -> None:
        """Stop the clocks."""
        super().hideEvent(event)
        self._seen.stop()
        self._ages.stop()

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:  # type: ignore[override]
        """Take the keys of the list."""
        if watched is self.list and isinstance(event, QKeyEvent):
            pressed = event.type() == QEvent.Type.KeyPress
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                if pressed:
                    self._choose(self._chosen())
                return True
            if event.key() == Qt.Key.Key_C and not event.modifiers():
                if pressed and self.claim.isVisible():
                    self._claim()
                return True
        return super().eventFilter(watched, event)

    def _note(self) -> tuple[str, Tone]:
        """Return what the list does not say, with its colour."""
        said, tone = status_text(self._state)
        # Trouble of the node first: the rest may be out of date for it.
        if tone is Tone.AMBER:
            return said, tone
        red, status = len(self._state.red), self._state.status
        parts = [_("nothing is red")] if not red else []
        if red > MOST_RED:
            parts.append(more_red_text(red - MOST_RED))
        if unseen := self._further_unseen():
            more = ngettext("{count} more unseen", "{count} more unseen", unseen)
            parts.append(more.format(count=unseen))
        others = [name for name in on_duty(status) if name != status.person] if status else []
        if others and status is not None:
            people = on_duty_text(others, status.duty_since, int(time.time() * 1000))
            parts.append(_("also on duty: {people}").format(people=people))
        return clean(sentence(" · ".join(parts))), Tone.MUTED

    def _refresh_list(self) -> None:
        """Show the items as they are now, with the same one chosen."""
        chosen = self._current()
        self.model.refresh()
        # Where it is gone none is chosen, so that no press is for another thing.
        row = self.model.find_key(chosen.key) if chosen is not None else None
        if row is not None and not self._chosen().isValid():
            self.list.setCurrentIndex(self.model.index(row))

    def _begin_list(self) -> None:
        if self.model.rowCount():
            # The first is the worst: claiming it is one press away.
            self.list.setCurrentIndex(self.model.index(0))

    def _fit(self) -> None:
        """Give list and peek the height of what is in them."""
        rows = range(self.model.rowCount())
        height = sum(self.list.sizeHintForRow(row) for row in rows)
        self.list.setFixedHeight(min(height, _MOST_HEIGHT))
        column = self._column
        column.activate()
        # Only a note that is shown makes the height follow from the width.
        wrapped = column.hasHeightForWidth()
        needed = column.totalSizeHint().height()
        if wrapped:
            needed = column.totalHeightForWidth(self._width)
        self.setFixedSize(QSize(self._width, needed))

    def _refresh_shown(self) -> None:
        if self.isVisible():
            self.refresh()

    def _chosen(self) -> QModelIndex:
        # The selection: a row is current, unseen, where the list has only got the focus.
        return next(iter(self.list.selectedIndexes()), QModelIndex())

    def _current(self) -> Pinned | Row | None:
        index = self._chosen()
        return self.model.item(index.row()) if index.isValid() else None

    def _follow(self) -> None:
        """Offer what can be done about the chosen item."""
        item = self._current()
        by = item.thing.claimed_by if isinstance(item, Pinned) else ""
        open_ = item is not None and can_be_claimed(item.line.event)
        self.claim.setVisible(open_ and by.casefold() not in self._state.names)
        self.claim.setText(_("Take over") if by else _("I'm on it"))
        self.claim.setEnabled(self._state.ready)

    def _choose(self, index: QModelIndex) -> None:
        if index.isValid():
            line = self.model.item(index.row()).line
            self.end()
            self.line_chosen.emit(line)
        else:
            self._open()

    def _open(self) -> None:
        self.end()
        self.window_chosen.emit()

    def _claim(self) -> None:
        item = self._current()
        if item is not None:
            self.claim_chosen.emit(item.line)

    def _further_unseen(self) -> int:
        shown = {line.id for line in self.model.shown}
        return sum(line.id not in shown for line in self._state.unseen)

    def _see(self) -> None:
        # What has no room here was not seen.
        if not self._further_unseen():
            self._state.see()

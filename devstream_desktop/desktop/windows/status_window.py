"""The status window: whether devstream works, and if not, why."""

from __future__ import annotations

import time
from collections.abc import Iterable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialogButtonBox,
    QFrame,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.wording import counted, lost
from devstream_desktop.desktop.client.state import STALE_MS, AppState
from devstream_desktop.desktop.widgets.dialog import Dialog, paint, plain_button
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.progress import ProgressStrip
from devstream_desktop.desktop.widgets.text import PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.status_text import (
    OUTLET_COLUMNS,
    PEER_COLUMNS,
    SOURCE_COLUMNS,
    node_text,
    outlet_cells,
    peer_cells,
    refusal_text,
    source_cells,
    summary_text,
)
from devstream_desktop.stream.text import clean

_SHOWN = 5
_NAME, _CELL = 24, 60
"""Characters of a name and of another cell: no cell pushes the columns behind it out of sight."""


class StatusWindow(Dialog):
    """Shows the node's status, and follows it while open."""

    stale = Signal()
    """The status is old by now; the window wants a newer one."""

    def __init__(
        self, state: AppState, parent: QWidget | None = None, *, stale_ms: int = STALE_MS
    ) -> None:
        super().__init__("devstream status", parent)
        self.resize(900, 560)
        self._state = state
        self.summary = heading("")
        self.progress = ProgressStrip()
        self.node = PlainLabel(wrap=True, selectable=True)
        self.notices = PlainLabel(wrap=True, selectable=True)
        self.missing = PlainLabel(wrap=True, selectable=True)
        self.peers = _table("Peers", PEER_COLUMNS)
        self.sources = _table("Sources", SOURCE_COLUMNS)
        self.outlets = _table("Outlets", OUTLET_COLUMNS)
        self.troubles = PlainLabel(wrap=True, selectable=True)
        self.refused = PlainLabel(wrap=True, selectable=True)
        self.peers_title, self.sources_title = PlainLabel("Peers"), PlainLabel("Sources")
        self.outlets_title = PlainLabel("Outlets")
        self._lay_out()
        state.changed.connect(self.refresh)
        self._again = QTimer(self, interval=stale_ms)
        self._again.timeout.connect(self.stale)
        self.refresh()

    def _lay_out(self) -> None:
        paint(self.node, Tone.MUTED)
        for label in (self.notices, self.missing, self.refused, self.troubles):
            paint(label, Tone.AMBER)
        buttons = QDialogButtonBox()
        plain_button(buttons, QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 18, 20, 16)
        column.setSpacing(10)
        column.addWidget(self.summary)
        column.addWidget(self.progress)
        column.addWidget(self.notices)
        column.addWidget(self.node)
        column.addWidget(self.missing)
        column.addWidget(self.peers_title)
        column.addWidget(self.peers, 1)
        column.addWidget(self.refused)
        column.addWidget(self.sources_title)
        column.addWidget(self.sources, 1)
        column.addWidget(self.outlets_title)
        column.addWidget(self.outlets, 1)
        column.addWidget(self.troubles)
        column.addWidget(buttons)

    def begin(self) -> None:
        """Want a new status now, and again while open."""
        self.stale.emit()
        self._again.start()

    def refresh(self) -> None:
        """Show the state as it is now."""
        status = self._state.status
        notices = self._notices()
        _show_lines(self.notices, notices)
        # Without a first answer the rest would be zeros.
        if status is None:
            self.summary.setText("The node has not answered yet")
            return
        self.summary.setText(summary_text(status, notices, locked=bool(self._state.locked)))
        self.progress.show_status(status if self._state.connected else None)
        self._show_status(status, int(time.time() * 1000))

    def _notices(self) -> list[str]:
        state, status = self._state, self._state.status
        notices = list(status.notices) if status is not None else []
        # The last answer is still shown, so the reader has to know that it is old.
        if not state.connected:
            how = "starting" if status is None else "restarting"
            notices.insert(0, state.trouble or f"The node is {how}.")
        if state.locked:
            notices.insert(0, sentence(state.locked))
        notices += [text for text in (state.history_error, sentence(state.popup_trouble)) if text]
        return notices

    def _show_status(self, status: Status, now: int) -> None:
        self.node.setText(node_text(status, now))
        _show_lines(self.missing, (f"Missing: {lost(one, now)}" for one in status.lost))
        no_peers = "Peers: none yet. Peers on this network are found automatically."
        self.peers_title.setText("Peers" if status.peers else no_peers)
        no_sources = "Sources: none on this computer."
        self.sources_title.setText("Sources" if status.sources else no_sources)
        _fill(self.peers, [peer_cells(peer, now) for peer in status.peers])
        _fill(self.sources, [source_cells(source, now) for source in status.sources])
        _fill(self.outlets, [outlet_cells(outlet, now) for outlet in status.outlets])
        # Few have any, and nobody misses a table of what they did not ask for.
        for widget in (self.outlets_title, self.outlets):
            widget.setVisible(bool(status.outlets))
        _show_lines(self.refused, (refusal_text(peer, now) for peer in status.refused[:_SHOWN]))
        errors = [f"{source.name}: {source.error}" for source in status.sources if source.error]
        errors += [f"{outlet.name}: {outlet.error}" for outlet in status.outlets if outlet.error]
        _show_lines(self.troubles, errors[:_SHOWN])


def _show_lines(label: PlainLabel, lines: Iterable[str]) -> None:
    text = "\n".join(counted(clean(line, 300) for line in lines))
    label.setText(text)
    label.setVisible(bool(text))


def _table(name: str, headers: tuple[str, ...]) -> QTableWidget:
    table = QTableWidget(0, len(headers))
    table.setAccessibleName(name)
    table.setHorizontalHeaderLabels(list(headers))
    header = table.horizontalHeader()
    header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    header.setHighlightSections(False)
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(True)
    table.verticalHeader().hide()
    table.verticalHeader().setDefaultSectionSize(table.fontMetrics().height() + 8)
    table.setShowGrid(False)
    table.setFrameShape(QFrame.Shape.StyledPanel)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    # Tab leaves the table; the arrow keys scroll it.
    table.setTabKeyNavigation(False)
    return table


def _fill(table: QTableWidget, rows: list[tuple[str, ...]]) -> None:
    table.setRowCount(len(rows))
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            width = _NAME if column == 0 else _CELL
            table.setItem(row, column, QTableWidgetItem(clean(text, width)))

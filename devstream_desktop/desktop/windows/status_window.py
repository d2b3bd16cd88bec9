"""The status window: whether devstream works, and if not, why and what to do."""

from __future__ import annotations

import time
from collections.abc import Iterable

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialogButtonBox,
    QFrame,
    QHeaderView,
    QPushButton,
    QStyle,
    QTableWidget,
    QTableWidgetItem,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.control.check import Check, Checks, Verdict
from devstream_desktop.control.messages.status import Status
from devstream_desktop.control.wording import counted, lost
from devstream_desktop.desktop.client.state import STALE_MS, AppState
from devstream_desktop.desktop.widgets.dialog import Dialog, plain_button, tab_through
from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.progress import ProgressStrip
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.check_list import CheckList, report
from devstream_desktop.desktop.windows.status_text import (
    carrier_cells,
    carrier_columns,
    node_text,
    outlet_cells,
    outlet_columns,
    peer_cells,
    peer_columns,
    production_text,
    refusal_text,
    source_cells,
    source_columns,
    summary_text,
)
from devstream_desktop.language import _, ngettext, number
from devstream_desktop.stream.text import clean

_SHOWN = 5
_NAME, _CELL = 24, 60
"""Characters of a name and of another cell: no cell pushes the columns behind it out of sight."""


class StatusWindow(Dialog):
    """Says whether devstream works: checks with what to do, and the node's state as details.

    It follows the node's status while open. What is red in production is another question, and has
    a line of its own.
    """

    stale = Signal()
    """The status is old by now; the window wants a newer one."""
    check_chosen = Signal()
    """The doctor is to look; `show_checks` or `show_no_checks` gets the answer."""

    def __init__(
        self, state: AppState, parent: QWidget | None = None, *, stale_ms: int = STALE_MS
    ) -> None:
        super().__init__(_("devstream status"), parent)
        self.resize(900, 620)
        self._state = state
        self._checks: tuple[Check, ...] | None = None
        self.summary = heading("")
        self.production = PlainLabel(wrap=True)
        self.progress = ProgressStrip()
        self.notices = PlainLabel(wrap=True, selectable=True)
        self.missing = PlainLabel(wrap=True, selectable=True)
        self.checks = CheckList()
        self.checked = PlainLabel(_("devstream doctor looks at this computer…"), wrap=True)
        self.disclosure = QToolButton()
        self.details = NodeDetails()
        self.again = QPushButton(_("Check &again"))
        self.copy = QPushButton(_("&Copy report"))
        self._lay_out()
        state.changed.connect(self.refresh)
        state.recent_changed.connect(self.refresh)
        self._again = QTimer(self, interval=stale_ms)
        self._again.timeout.connect(self.stale)
        self.refresh()

    def _lay_out(self) -> None:
        for label in (self.notices, self.missing):
            paint(label, Tone.AMBER)
        paint(self.checked, Tone.MUTED)
        self.disclosure.setText(_("Details of the node"))
        self.disclosure.setCheckable(True)
        self.disclosure.setAutoRaise(True)
        self.disclosure.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.disclosure.toggled.connect(self._disclose)
        self.again.setAutoDefault(False)
        self.again.clicked.connect(self.examine)
        self.copy.setAutoDefault(False)
        self.copy.clicked.connect(self._copy)
        buttons = QDialogButtonBox()
        buttons.addButton(self.again, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(self.copy, QDialogButtonBox.ButtonRole.ActionRole)
        plain_button(buttons, QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 18, 20, 16)
        layout.setSpacing(10)
        for widget in (self.summary, self.production, self.progress, self.notices, self.missing):
            layout.addWidget(widget)
        layout.addWidget(self.checked)
        layout.addWidget(self.checks, 2)
        layout.addWidget(self.disclosure)
        layout.addWidget(self.details, 2)
        layout.addWidget(buttons)
        self._disclose(on=False)
        tab_through([self.checks, self.disclosure, *self.details.tables, self.again, self.copy])

    def begin(self) -> None:
        """Ask for the status now and while open, for the checks once."""
        self.stale.emit()
        self._again.start()
        self.examine()

    def examine(self) -> None:
        """Have the doctor look."""
        self.again.setEnabled(False)
        self.checked.setText(_("devstream doctor looks at this computer…"))
        self.check_chosen.emit()

    def show_checks(self, found: Checks) -> None:
        """Show what the doctor found."""
        self._checks = found.checks
        self.checks.show_checks(found.checks)
        warnings = sum(check.verdict is Verdict.WARNING for check in found.checks)
        if not found.problems and not warnings:
            self.checked.setText(_("Nothing is broken."))
        else:
            problems = ngettext("{count} problem", "{count} problems", found.problems)
            looks = ngettext("{count} warning", "{count} warnings", warnings)
            said = _("{problems}, {warnings}.").format(
                problems=problems.format(count=number(found.problems)),
                warnings=looks.format(count=number(warnings)),
            )
            self.checked.setText(said)
        self.again.setEnabled(True)
        self.refresh()

    def show_no_checks(self, reason: str) -> None:
        """Say why the doctor found nothing."""
        self.checked.setText(clean(reason, 300))
        self.again.setEnabled(True)

    def refresh(self) -> None:
        """Show the state as it is now."""
        status = self._state.status
        notices = self._notices()
        _show_lines(self.notices, notices)
        self.production.setText(production_text(self._state.red))
        # Without a first answer the rest would be zeros.
        if status is None:
            self.summary.setText(_("The node has not answered yet"))
            return
        broken = [check.what for check in self._checks or () if check.verdict is Verdict.PROBLEM]
        locked = bool(self._state.locked)
        self.summary.setText(summary_text(status, notices + broken, locked=locked))
        self.progress.show_status(status if self._state.connected else None)
        now = int(time.time() * 1000)
        missing = _("Missing: {events}")
        _show_lines(self.missing, (missing.format(events=lost(one, now)) for one in status.lost))
        self.details.show_status(status, now)

    def _notices(self) -> list[str]:
        state, status = self._state, self._state.status
        notices = list(status.notices) if status is not None else []
        # The last answer is still shown, so the reader has to know that it is old.
        if not state.connected:
            first, again = _("The node is starting."), _("The node is restarting.")
            notices.insert(0, state.trouble or (first if status is None else again))
        if state.locked:
            notices.insert(0, sentence(state.locked))
        notices += [text for text in (state.history_error, sentence(state.popup_trouble)) if text]
        return notices

    def _disclose(self, on: bool) -> None:
        arrow = Qt.ArrowType.DownArrow if on else Qt.ArrowType.RightArrow
        self.disclosure.setArrowType(arrow)
        self.details.setVisible(on)

    def _copy(self) -> None:
        lines = [self.summary.text(), *self._notices(), report(self._checks or ())]
        if self._state.status is not None:
            lines.append(node_text(self._state.status, int(time.time() * 1000)))
        QGuiApplication.clipboard().setText("\n".join(filter(None, lines)))
        self.copy.setText(_("Copied"))


class NodeDetails(QWidget):
    """The node's numbers, its peers, its carriers, its sources and its outlets."""

    def __init__(self) -> None:
        super().__init__()
        self.node = PlainLabel(wrap=True, selectable=True)
        self.peers = _table(_("Peers"), peer_columns())
        self.carriers = _table(_("Carriers"), carrier_columns())
        self.sources = _table(_("Sources"), source_columns())
        self.outlets = _table(_("Outlets"), outlet_columns())
        self.troubles = PlainLabel(wrap=True, selectable=True)
        self.refused = PlainLabel(wrap=True, selectable=True)
        self.peers_title, self.sources_title = PlainLabel(_("Peers")), PlainLabel(_("Sources"))
        self.carriers_title = PlainLabel(_("Carriers"))
        self.outlets_title = PlainLabel(_("Outlets"))
        paint(self.node, Tone.MUTED)
        for label in (self.refused, self.troubles):
            paint(label, Tone.AMBER)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(self.node)
        layout.addWidget(self.peers_title)
        layout.addWidget(self.peers, 1)
        layout.addWidget(self.refused)
        layout.addWidget(self.carriers_title)
        layout.addWidget(self.carriers, 1)
        layout.addWidget(self.sources_title)
        layout.addWidget(self.sources, 1)
        layout.addWidget(self.outlets_title)
        layout.addWidget(self.outlets, 1)
        layout.addWidget(self.troubles)

    @property
    def tables(self) -> list[QTableWidget]:
        return [self.peers, self.carriers, self.sources, self.outlets]

    def show_status(self, status: Status, now: int) -> None:
        """Show the node as it was at `now`, UTC milliseconds."""
        self.node.setText(node_text(status, now))
        no_peers = _("Peers: none yet. Peers on this network are found automatically.")
        self.peers_title.setText(_("Peers") if status.peers else no_peers)
        no_sources = _("Sources: none on this computer.")
        self.sources_title.setText(_("Sources") if status.sources else no_sources)
        # An empty table says less than its heading.
        self.peers.setVisible(bool(status.peers))
        self.sources.setVisible(bool(status.sources))
        _fill(self.peers, [peer_cells(peer, now) for peer in status.peers])
        _fill(self.sources, [source_cells(source, now) for source in status.sources])
        _fill(self.outlets, [outlet_cells(outlet, now) for outlet in status.outlets])
        _fill(self.carriers, [carrier_cells(carrier, now) for carrier in status.carriers])
        # Few have any, and nobody misses a table of what they did not ask for.
        for widget in (self.outlets_title, self.outlets):
            widget.setVisible(bool(status.outlets))
        for widget in (self.carriers_title, self.carriers):
            widget.setVisible(bool(status.carriers))
        _show_lines(self.refused, (refusal_text(peer, now) for peer in status.refused[:_SHOWN]))
        errors = [f"{source.name}: {source.error}" for source in status.sources if source.error]
        errors += [f"{outlet.name}: {outlet.error}" for outlet in status.outlets if outlet.error]
        errors += [
            f"{carrier.name}: {carrier.error}" for carrier in status.carriers if carrier.error
        ]
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
    # What a few rows leave free belongs to the checks above.
    rows_high = len(rows) * table.verticalHeader().defaultSectionSize()
    head = table.horizontalHeader().sizeHint().height() + 2 * table.frameWidth()
    bar = table.style().pixelMetric(QStyle.PixelMetric.PM_ScrollBarExtent)
    table.setMaximumHeight(head + rows_high + bar)

"""The details of one row: its fields, its subject's past, and why it was or was not a popup."""

from __future__ import annotations

from datetime import UTC, datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.desktop.platform.web_links import safe_link
from devstream_desktop.desktop.widgets.dialog import paint
from devstream_desktop.desktop.widgets.look import long_time, sentence, short_time, state_look
from devstream_desktop.desktop.widgets.text import ElidedLabel, PlainLabel, heading
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.line import STRUCK, render
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean, duration, short_ref
from devstream_desktop.stream.words import Severity, outcome

_PAST = 12


class Details(QFrame):
    """One row in full; hidden while none is chosen."""

    open_chosen = Signal(object)
    copy_chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("details")
        self._line: Line | None = None
        self.title = heading("", points=1)
        self.title.setWordWrap(True)
        self.title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.open = QPushButton("Open link")
        self.open.clicked.connect(lambda: self.open_chosen.emit(self._line))
        self.copy = QPushButton("Copy line")
        self.copy.clicked.connect(lambda: self.copy_chosen.emit(self._line))
        for button in (self.open, self.copy):
            button.setAutoDefault(False)
        self.why = ElidedLabel()
        self.setMinimumHeight(150)
        self._fields = QGridLayout()
        self._fields.setHorizontalSpacing(14)
        self._fields.setVerticalSpacing(3)
        self._fields.setColumnStretch(1, 1)
        self._past = QGridLayout()
        self._past.setHorizontalSpacing(12)
        self._past.setVerticalSpacing(3)
        self._past.setColumnStretch(2, 1)
        self._lay_out()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.title, 1)
        head.addWidget(self.copy, 0, Qt.AlignmentFlag.AlignTop)
        head.addWidget(self.open, 0, Qt.AlignmentFlag.AlignTop)
        columns = QHBoxLayout()
        columns.setSpacing(28)
        self._past_area = _scrolled(self._past)
        columns.addWidget(_scrolled(self._fields), 6)
        columns.addWidget(self._past_area, 5)
        column = QVBoxLayout()
        column.setContentsMargins(14, 10, 14, 10)
        column.setSpacing(8)
        edge = QFrame()
        edge.setFrameShape(QFrame.Shape.HLine)
        edge.setFrameShadow(QFrame.Shadow.Sunken)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(edge)
        outer.addLayout(column)
        column.addLayout(head)
        column.addLayout(columns, 1)
        column.addWidget(self.why)

    @property
    def line(self) -> Line | None:
        return self._line

    def show_line(self, line: Line, past: list[Line], why: str) -> None:
        """Show `line`, and other rows of its subject, newest first."""
        self._line = line
        self.title.setText(render(line.event, line.transition))
        font = self.title.font()
        font.setStrikeOut(line.struck)
        self.title.setFont(font)
        self.why.set_whole(why)
        paint(self.why, Tone.MUTED)
        # A link that would be refused is not offered; its text is among the fields.
        self.open.setEnabled(safe_link(line.event.url) is not None)
        _empty(self._fields)
        for row, (name, value) in enumerate(fields(line)):
            label = PlainLabel(name)
            paint(label, Tone.MUTED)
            shown = PlainLabel(value, wrap=True, selectable=True)
            # A screen reader reaches the value without the label at its left.
            shown.setAccessibleName(f"{name}: {value}")
            self._fields.addWidget(
                label, row, 0, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft
            )
            self._fields.addWidget(shown, row, 1, Qt.AlignmentFlag.AlignTop)
        self._fields.setRowStretch(self._fields.rowCount(), 1)
        self._show_past([other for other in past if other.id != line.id][:_PAST])

    def _show_past(self, past: list[Line]) -> None:
        _empty(self._past)
        # Alone, the fields get the whole width.
        self._past_area.setVisible(bool(past))
        title = PlainLabel("Before and after")
        paint(title, Tone.MUTED)
        self._past.addWidget(title, 0, 0, 1, 3)
        now = datetime.now(UTC)
        for row, line in enumerate(past, 1):
            look = state_look(line)
            when, state = PlainLabel(short_time(line.event.time, now)), PlainLabel(look.word)
            paint(when, Tone.MUTED)
            paint(state, look.tone)
            self._past.addWidget(when, row, 0)
            self._past.addWidget(state, row, 1)
            self._past.addWidget(
                ElidedLabel(render(line.event, line.transition, service=False)), row, 2
            )
        self._past.setRowStretch(self._past.rowCount(), 1)


def fields(line: Line) -> list[tuple[str, str]]:
    """Return the names and values of all fields that are set."""
    event = line.event
    counted = (
        f"{event.count} of {event.total}"
        if event.total
        else str(event.count)
        if event.count
        else ""
    )
    everything = [
        ("Warning", sentence(STRUCK) if line.struck else ""),
        ("When", long_time(event.time)),
        (
            "Kind",
            f"{event.kind.value}, {outcome(event.kind, event.state, line.transition)}",
        ),
        ("Service", event.service),
        ("Environment", event.environment),
        ("Who", event.actor),
        ("Branch", short_ref(event.ref)),
        ("Commit", event.revision),
        ("Before", event.previous),
        ("Number", event.number if event.number != event.revision else ""),
        ("Count", counted),
        ("Took", duration(event.duration) if event.duration else ""),
        ("Reason", event.reason),
        ("Severity", event.severity.word if event.severity > Severity.NOTICE else ""),
        ("Source", event.source),
        ("Published by", line.author),
        ("Link", event.url),
        ("Title", event.title),
    ]
    return [(name, clean(value, 500)) for name, value in everything if value]


def _scrolled(grid: QGridLayout) -> QScrollArea:
    inside = QWidget()
    grid.setContentsMargins(0, 0, 8, 0)
    inside.setLayout(grid)
    area = QScrollArea()
    area.setWidget(inside)
    area.setWidgetResizable(True)
    area.setFrameShape(QFrame.Shape.NoFrame)
    area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    area.viewport().setAutoFillBackground(False)
    inside.setAutoFillBackground(False)
    return area


def _empty(grid: QGridLayout) -> None:
    # Hidden at once: `deleteLater` leaves a widget on the screen until the next turn of the loop.
    while (item := grid.takeAt(0)) is not None:
        if (widget := item.widget()) is not None:
            widget.hide()
            widget.deleteLater()
    for row in range(grid.rowCount()):
        grid.setRowStretch(row, 0)

"""The rows of the history window: pages read as one scrolls, live rows merged in, a row replaced where its run goes on.

The reader decides what answers a query, also for live rows, so that the window and the command never differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Protocol

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QObject, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QFont, QGuiApplication

from devstream_desktop.desktop.widgets.look import StateLook, short_time, state_look
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.history.reader import HistoryUnavailableError
from devstream_desktop.stream.fact import run_of
from devstream_desktop.stream.line import STRUCK, render
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean

PAGE = 100
_MERGE_LIMIT = 200
"""More live rows at once than this are read again as a page instead."""


class Rows(Protocol):
    """The part of history.reader.Reader that this needs."""

    def page(self, query: Query, *, before: int | None = None, limit: int = 50, superseded: bool = False) -> list[Line]:
        """Rows that answer `query`, newest first."""


class Column(IntEnum):
    """The columns, from the left."""

    TIME = 0
    STATE = 1
    SERVICE = 2
    ENVIRONMENT = 3
    WHAT = 4


HEADERS = ("Time", "State", "Service", "Where", "What happened")
_HEADER_INDENT = "  "
"""The cells are indented (row.py), and a header cannot be."""
LINE_ROLE = Qt.ItemDataRole.UserRole


@dataclass(frozen=True)
class _Row:
    line: Line
    look: StateLook
    time: str
    what: str
    service: str
    environment: str

    def text(self, column: int) -> str:
        return (self.time, self.look.text, self.service, self.environment, self.what)[column]


Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class HistoryModel(QAbstractTableModel):
    """Rows newest first."""

    failed = Signal(str)
    """The history cannot be read; the sentence says why. Empty: it can again."""
    grown = Signal(int)
    """So many live rows were put in."""

    def __init__(self, rows: Rows, parent: QObject | None = None, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(parent)
        self._source = rows
        self._now = now
        self._rows: list[_Row] = []
        self._runs: dict[str, int] = {}
        """The row id that each run (`stream.fact.run_of`) is shown by."""
        self._query = Query()
        self._more = True
        self._bold = QFont()
        self._bold.setBold(True)
        self._struck = QFont()
        self._struck.setStrikeOut(True)

    @property
    def query(self) -> Query:
        return self._query

    def set_query(self, query: Query) -> None:
        """Show what answers `query`."""
        self._query = query
        self.reload()

    def reload(self) -> None:
        """Read the first page again."""
        self.beginResetModel()
        page = self._read(limit=PAGE)
        self._runs.clear()
        self._rows = [self._row(line) for line in page]
        self._more = len(page) == PAGE
        self.endResetModel()

    def line(self, row: int) -> Line:
        """The line of a row."""
        return self._rows[row].line

    def find(self, line_id: int) -> int | None:
        """The row of a line among those read so far."""
        place = self._place(line_id)
        return place if place < len(self._rows) and self._rows[place].line.id == line_id else None

    def retell_times(self) -> None:
        """Write the times again: a day has passed."""
        self._rows = [self._row(row.line) for row in self._rows]
        if self._rows:
            self.dataChanged.emit(self.index(0, Column.TIME), self.index(len(self._rows) - 1, Column.TIME))

    def merge(self, lines: Sequence[Line]) -> None:
        """Put in what has just arrived where it belongs, and take away what it replaces."""
        if len(lines) > _MERGE_LIMIT:
            self.reload()
            return
        put = 0
        for line in lines:
            if line.superseded:
                continue
            self._remove_run(line)
            if self._answers(line):
                put += self._insert(line)
        if put:
            self.grown.emit(put)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Rows read so far."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """As many as `Column` names."""
        return 0 if parent.isValid() else len(Column)

    def canFetchMore(self, parent: Index) -> bool:
        """Whether there may be older rows."""
        return not parent.isValid() and self._more

    def fetchMore(self, parent: Index) -> None:
        """Read the next page."""
        if parent.isValid() or not self._more:
            return
        page = self._read(before=self._rows[-1].line.id if self._rows else None, limit=PAGE)
        self._more = len(page) == PAGE
        if page:
            first = len(self._rows)
            self.beginInsertRows(QModelIndex(), first, first + len(page) - 1)
            self._rows += [self._row(line) for line in page]
            self.endInsertRows()

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """The columns' names."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _HEADER_INDENT + HEADERS[section]
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.AccessibleTextRole:
            return HEADERS[section]
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.TextAlignmentRole:
            return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Text, colour, what a screen reader says, and the line itself."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self._rows[index.row()].text(index.column())
        if role == Qt.ItemDataRole.ForegroundRole:
            return self._foreground(index)
        if role == LINE_ROLE:
            return self._rows[index.row()].line
        if role == Qt.ItemDataRole.FontRole:
            return self._font(index)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            row = self._rows[index.row()]
            return f"{HEADERS[index.column()]}: {row.look.word if index.column() == Column.STATE else row.text(index.column())}"
        if role == Qt.ItemDataRole.AccessibleDescriptionRole and self._rows[index.row()].line.struck:
            return STRUCK
        return None

    def _font(self, index: Index) -> object:
        row = self._rows[index.row()]
        if row.line.struck and index.column() != Column.STATE:
            return self._struck
        return self._bold if index.column() == Column.STATE and row.look.tone is Tone.RED else None

    def _foreground(self, index: Index) -> object:
        tone = Tone.PLAIN
        if index.column() == Column.STATE:
            tone = self._rows[index.row()].look.tone
        elif index.column() in (Column.TIME, Column.ENVIRONMENT) or self._rows[index.row()].line.struck:
            tone = Tone.MUTED
        return None if tone is Tone.PLAIN else colour(tone, QGuiApplication.palette())

    def _row(self, line: Line) -> _Row:
        self._runs[_run(line)] = line.id
        event = line.event
        what = render(event, line.transition, service=False)
        return _Row(line, state_look(line), short_time(event.time, self._now()), what, clean(event.service), clean(event.environment))

    def _read(self, *, before: int | None = None, limit: int) -> list[Line]:
        try:
            page = self._source.page(self._query, before=before, limit=limit)
        except HistoryUnavailableError as error:
            self.failed.emit(str(error))
            return []
        self.failed.emit("")
        return page

    def _answers(self, line: Line) -> bool:
        if self._query.everything:
            return True
        found = self._read(before=line.id + 1, limit=1)
        return bool(found) and found[0].id == line.id

    def _place(self, line_id: int) -> int:
        """Where `line_id` is or belongs; rows are ordered by falling id."""
        low, high = 0, len(self._rows)
        while low < high:
            middle = (low + high) // 2
            if self._rows[middle].line.id > line_id:
                low = middle + 1
            else:
                high = middle
        return low

    def _insert(self, line: Line) -> int:
        place = self._place(line.id)
        if place == len(self._rows) and self._more:
            return 0  # older than what was read; it comes with its page
        if place < len(self._rows) and self._rows[place].line.id == line.id:
            return 0
        self.beginInsertRows(QModelIndex(), place, place)
        self._rows.insert(place, self._row(line))
        self.endInsertRows()
        return 1

    def _remove_run(self, line: Line) -> None:
        shown = self._runs.pop(_run(line), None)
        place = self.find(shown) if shown is not None else None
        if place is not None:
            self.beginRemoveRows(QModelIndex(), place, place)
            del self._rows[place]
            self.endRemoveRows()


def _run(line: Line) -> str:
    # What is struck out takes the place of nothing.
    return run_of(line.event) if not line.struck else line.entry

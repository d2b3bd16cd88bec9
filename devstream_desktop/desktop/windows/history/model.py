"""The rows of the history window, for Qt's model and view.

Pages are read while one scrolls, rows that arrive are merged in, and a row is replaced where its
run goes on. The reader decides what matches a query, also for rows that arrive, so that the window
and the command never differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from PySide6.QtCore import (
    QAbstractTableModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from devstream_desktop.desktop.windows.history.columns import Column, Row, header, make_row
from devstream_desktop.history.reader import HistoryUnavailableError
from devstream_desktop.stream.fact import run_of
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

PAGE = 100
_MERGE_LIMIT = 200
"""More arriving rows than this are read again as a page instead."""


class Rows(Protocol):
    """The part of history.reader.Reader that the model needs."""

    def page(
        self,
        query: Query,
        *,
        before: int | None = None,
        limit: int = 50,
        superseded: bool = False,
    ) -> list[Line]:
        """Return rows that match `query`, newest first."""


Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class HistoryModel(QAbstractTableModel):
    """The rows that match a query, newest first."""

    failed = Signal(str)
    """The history cannot be read; the sentence says why. Empty: it can be read again."""

    def __init__(
        self,
        rows: Rows,
        parent: QObject | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(parent)
        self._source = rows
        self._now = now
        self._rows: list[Row] = []
        self._runs: dict[str, int] = {}
        """The row id that shows each run (`stream.fact.run_of`)."""
        self._query = Query()
        self._more = True

    @property
    def query(self) -> Query:
        return self._query

    def set_query(self, query: Query) -> None:
        """Show the rows that match `query`."""
        self._query = query
        self.reload()

    def reload(self) -> None:
        """Read the first page again."""
        self.beginResetModel()
        # An unreadable history leaves an empty table, and `failed` says why.
        page = self._read(limit=PAGE)
        self._runs.clear()
        self._rows = [self._row(line) for line in page]
        self._more = len(page) == PAGE
        self.endResetModel()

    def line(self, row: int) -> Line:
        """Return the line of a row."""
        return self._rows[row].line

    def find(self, line_id: int) -> int | None:
        """Return the row of a line, among those read so far."""
        place = self._place(line_id)
        found = place < len(self._rows) and self._rows[place].line.id == line_id
        return place if found else None

    def refresh_times(self) -> None:
        """Write the times again, after midnight."""
        self._rows = [self._row(row.line) for row in self._rows]
        if self._rows:
            last = len(self._rows) - 1
            self.dataChanged.emit(self.index(0, Column.TIME), self.index(last, Column.TIME))

    def merge(self, lines: Sequence[Line]) -> None:
        """Insert rows that have just arrived, and remove those they replace."""
        # A catch-up brings thousands of rows; one page is cheaper than as many insertions.
        if len(lines) > _MERGE_LIMIT:
            self.reload()
            return
        for line in lines:
            # A later state of its run is in the table already, or among these lines.
            if line.superseded:
                continue
            self._remove_run(line)
            if self._matches(line):
                self._insert(line)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return the number of rows read so far."""
        return 0 if parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Return the number of columns."""
        return 0 if parent.isValid() else len(Column)

    def canFetchMore(self, parent: Index) -> bool:
        """Return true when there may be older rows."""
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

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Return the header of a column."""
        return header(section, role) if orientation is Qt.Orientation.Horizontal else None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return one aspect of a cell (`columns.Row.data`)."""
        return self._rows[index.row()].data(index.column(), role)

    def _row(self, line: Line) -> Row:
        self._runs[_run(line)] = line.id
        return make_row(line, self._now())

    def _read(self, *, before: int | None = None, limit: int) -> list[Line]:
        try:
            page = self._source.page(self._query, before=before, limit=limit)
        except HistoryUnavailableError as error:
            self.failed.emit(str(error))
            return []
        self.failed.emit("")
        return page

    def _matches(self, line: Line) -> bool:
        if self._query.everything:
            return True
        # Asked of the database, whose index of words is not repeated here.
        found = self._read(before=line.id + 1, limit=1)
        return bool(found) and found[0].id == line.id

    def _place(self, line_id: int) -> int:
        """Return the row where `line_id` is or belongs; ids fall from row to row."""
        low, high = 0, len(self._rows)
        while low < high:
            middle = (low + high) // 2
            if self._rows[middle].line.id > line_id:
                low = middle + 1
            else:
                high = middle
        return low

    def _insert(self, line: Line) -> None:
        place = self._place(line.id)
        # Older than all that was read: it comes with its page.
        if place == len(self._rows) and self._more:
            return
        # A page that was read since the line arrived has it already.
        if place < len(self._rows) and self._rows[place].line.id == line.id:
            return
        self.beginInsertRows(QModelIndex(), place, place)
        self._rows.insert(place, self._row(line))
        self.endInsertRows()

    def _remove_run(self, line: Line) -> None:
        shown = self._runs.pop(_run(line), None)
        place = self.find(shown) if shown is not None else None
        if place is not None:
            self.beginRemoveRows(QModelIndex(), place, place)
            del self._rows[place]
            self.endRemoveRows()


def _run(line: Line) -> str:
    # A row that is struck out replaces no other, so it is a run of its own.
    return run_of(line.event) if not line.struck else line.entry

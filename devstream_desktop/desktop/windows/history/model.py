"""The items of the stream, for Qt's model and view.

Pages are read while one scrolls, rows that arrive are merged in, and a row is replaced where its
run goes on. The reader decides what matches a query, also for rows that arrive, so that the window
and the command never differ.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Protocol

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from devstream_desktop.desktop.windows.history.items import (
    Greens,
    Heading,
    Item,
    Pinned,
    Row,
    days,
    fold,
)
from devstream_desktop.desktop.windows.history.spoken import spoken
from devstream_desktop.history.reader import HistoryUnavailableError
from devstream_desktop.stream.fact import run_of
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Thing

PAGE = 100
ITEM_ROLE = Qt.ItemDataRole.UserRole
NEW_ROLE = Qt.ItemDataRole.UserRole + 1
"""True for an item with a line that was not seen before."""
NOW_RED_ROLE = Qt.ItemDataRole.UserRole + 2
"""The ids of the lines that say what is red now; others are over, and not red."""
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


class StreamModel(QAbstractListModel):
    """The rows that match a query, folded into items, newest first."""

    failed = Signal(str)
    """The history cannot be read; the sentence says why. Empty: it can be read again."""
    about_to_change = Signal()
    changed = Signal(int)
    """Items changed; so many lines are newer than all that were there."""

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
        self._lines: list[Line] = []
        """All lines read so far, newest first."""
        self._runs: dict[str, int] = {}
        """The row id that shows each run (`stream.fact.run_of`)."""
        self._days: dict[date, tuple[list[Line], list[Item]]] = {}
        """Items of each day, with the lines they were folded from."""
        self._items: list[Item] = []
        self._red: tuple[Thing, ...] = ()
        self.now_red: frozenset[int] = frozenset()
        """The ids of the lines that say what is red now."""
        self.seen = Seen()
        """The mark of the last visit; lines that came since are marked."""
        self._unfolded: frozenset[str] = frozenset()
        self._query = Query()
        self._more = True

    @property
    def query(self) -> Query:
        return self._query

    @property
    def lines(self) -> Sequence[Line]:
        """The lines read so far, newest first."""
        return self._lines

    def set_query(self, query: Query) -> None:
        """Show the rows that match `query`."""
        self._query = query
        self._unfolded = frozenset()
        self.reload()

    def reload(self) -> None:
        """Read the first page again."""
        self.beginResetModel()
        # An unreadable history leaves an empty list, and `failed` says why.
        page = self._read(limit=PAGE)
        self._runs.clear()
        self._days.clear()
        self._lines = []
        self._take(page)
        self._more = len(page) == PAGE
        self._items = self._folded()
        self.endResetModel()

    def item(self, row: int) -> Item:
        """Return an item."""
        return self._items[row]

    def line(self, row: int) -> Line | None:
        """Return the line that tells an item; None for a heading."""
        item = self._items[row]
        return None if isinstance(item, Heading) else item.line

    def find(self, line_id: int) -> int | None:
        """Return the row of the item that has a line; None: not read yet."""
        for row, item in enumerate(self._items):
            if isinstance(item, Pinned) and item.line.id == line_id:
                return row
            if isinstance(item, (Row, Greens)) and any(one.id == line_id for one in item.lines):
                return row
        return None

    def find_key(self, key: str) -> int | None:
        """Return the row of the item with a key."""
        return next((row for row, item in enumerate(self._items) if item.key == key), None)

    def toggle(self, row: int) -> None:
        """Unfold the lines of an item, or fold them again."""
        item = self._items[row]
        if isinstance(item, (Row, Greens)) and len(item.lines) > 1:
            self._unfolded ^= {item.key}
            self._days.clear()
            self._refold(0)

    def show_red(self, things: Sequence[Thing]) -> None:
        """Pin these things on top; under a search nothing is pinned."""
        # Asked for with every line that arrives, and nearly always the same.
        if self._red == tuple(things):
            return
        self._red = tuple(things)
        self.now_red = frozenset(thing.line.id for thing in things)
        self._refold(0)

    def show_seen(self, seen: Seen) -> None:
        """Mark the items with lines that are new since."""
        if self.seen != seen:
            self.seen = seen
            self.refresh_times()

    def is_new(self, item: Item) -> bool:
        """Tell whether an item has a line that was not seen before."""
        if isinstance(item, Heading):
            return False
        lines = item.lines if isinstance(item, (Row, Greens)) else (item.line,)
        return any(map(self.seen.is_new, lines))

    def refresh_times(self) -> None:
        """Write the times and headings again, after midnight."""
        if self._items:
            self.dataChanged.emit(self.index(0), self.index(len(self._items) - 1))

    def merge(self, lines: Sequence[Line]) -> None:
        """Insert rows that have just arrived, and remove those they replace."""
        # A catch-up brings thousands of rows; one page is cheaper than as many insertions.
        if len(lines) > _MERGE_LIMIT:
            self.reload()
            return
        newest = self._lines[0].id if self._lines else 0
        came = 0
        for line in lines:
            # A later state of its run is in the list already, or among these lines.
            if line.superseded:
                continue
            self._remove_run(line)
            if self._matches(line) and self._insert(line):
                came += line.id > newest
        self._refold(came)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return the number of items."""
        return 0 if parent.isValid() else len(self._items)

    def canFetchMore(self, parent: Index) -> bool:
        """Return true when there may be older rows."""
        return not parent.isValid() and self._more

    def fetchMore(self, parent: Index) -> None:
        """Read the next page."""
        if parent.isValid() or not self._more:
            return
        page = self._read(before=self._lines[-1].id if self._lines else None, limit=PAGE)
        self._more = len(page) == PAGE
        self._take(page)
        self._refold(0)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return the flags of an item; a heading cannot be chosen."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if isinstance(self._items[index.row()], Heading):
            return Qt.ItemFlag.ItemNeverHasChildren
        return super().flags(index) | Qt.ItemFlag.ItemNeverHasChildren

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the item, or its text in one sentence."""
        item = self._items[index.row()]
        if role == ITEM_ROLE:
            return item
        if role == NEW_ROLE:
            return self.is_new(item)
        if role == NOW_RED_ROLE:
            return self.now_red
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return spoken(item, self._now(), new=self.is_new(item))
        return None

    def _folded(self) -> list[Item]:
        everything = self._query.everything
        items: list[Item] = [Pinned(thing) for thing in self._red] if everything else []
        before, self._days = self._days, {}
        for day, lines in days(self._lines):
            kept = before.get(day)
            # A day that nothing came to is folded already.
            if kept is None or kept[0] != lines:
                kept = lines, fold(day, lines, together=everything, unfolded=self._unfolded)
            self._days[day] = kept
            items += kept[1]
        return items

    def _refold(self, came: int) -> None:
        """Fold anew, and change only the span of items that differs."""
        new, old = self._folded(), self._items
        if new == old:
            return
        self.about_to_change.emit()
        shorter = min(len(new), len(old))
        top = next((at for at in range(shorter) if new[at] != old[at]), shorter)
        bottom = 0
        while bottom < shorter - top and new[-1 - bottom] == old[-1 - bottom]:
            bottom += 1
        if gone := len(old) - top - bottom:
            self.beginRemoveRows(QModelIndex(), top, top + gone - 1)
            del self._items[top : top + gone]
            self.endRemoveRows()
        if fresh := new[top : len(new) - bottom]:
            self.beginInsertRows(QModelIndex(), top, top + len(fresh) - 1)
            self._items[top:top] = fresh
            self.endInsertRows()
        self.changed.emit(came)

    def _take(self, page: Sequence[Line]) -> None:
        self._lines += page
        for line in page:
            self._runs[_run(line)] = line.id

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
        """Return the place where `line_id` is or belongs; ids fall from line to line."""
        return bisect_left(self._lines, -line_id, key=lambda line: -line.id)

    def _insert(self, line: Line) -> bool:
        place = self._place(line.id)
        # Older than all that was read: it comes with its page.
        if place == len(self._lines) and self._more:
            return False
        # A page that was read since the line arrived has it already.
        if place < len(self._lines) and self._lines[place].id == line.id:
            return False
        self._lines.insert(place, line)
        self._runs[_run(line)] = line.id
        return True

    def _remove_run(self, line: Line) -> None:
        shown = self._runs.pop(_run(line), None)
        if shown is None:
            return
        place = self._place(shown)
        if place < len(self._lines) and self._lines[place].id == shown:
            del self._lines[place]


def _run(line: Line) -> str:
    # A row that is struck out replaces no other, so it is a run of its own.
    return run_of(line.event) if not line.struck else line.entry

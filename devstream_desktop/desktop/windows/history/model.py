"""The items of the stream, for Qt's model and view.

Pages are read while one scrolls either way, and dropped again far from the view. Rows that arrive
are merged in, and a row is replaced where its run goes on. The reader decides what matches a query,
also for rows that arrive, so that the window and the command never differ. It reads on its own
thread, so that rows change some milliseconds after they were asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    Qt,
    Signal,
)

from devstream_desktop.desktop.client.reader_thread import ReaderThread
from devstream_desktop.desktop.windows.history import held
from devstream_desktop.desktop.windows.history.held import Held, Stretch
from devstream_desktop.desktop.windows.history.items import (
    Greens,
    Heading,
    Item,
    Pinned,
    Row,
    Step,
    days,
    fold,
)
from devstream_desktop.desktop.windows.history.spoken import spoken
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Thing

_MOST = 400
"""Lines that are held before those far from the view are dropped."""
_FAR = 80
"""Items either side of the view whose lines are never dropped."""

Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()


class StreamModel(QAbstractListModel):
    """The rows that match a query, folded into items, newest first."""

    failed = Signal(str)
    """The history cannot be read; the sentence says why. Empty: it can be read again."""
    merged = Signal()
    """Rows that arrived were merged, perhaps without a change of the items."""
    about_to_change = Signal()
    """The items may change now; the view still shows the old ones."""
    changed = Signal(int)
    """Items changed; so many lines are newer than all that were there."""

    def __init__(
        self,
        history: ReaderThread,
        parent: QObject | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__(parent)
        self._history = history
        self._now = now
        self._held = Held()
        self._asking = False
        """A page was asked for, and is not here yet."""
        self._start = 0
        """Grows with each start over: what was asked before it is about other rows."""
        self._days: dict[date, tuple[list[Line], list[Item]]] = {}
        """Items of each day, with the lines they were folded from."""
        self._items: list[Item] = []
        self._red: tuple[Pinned, ...] = ()
        self.now_red: frozenset[int] = frozenset()
        """The ids of the lines that say what is red now; others are over, and not red."""
        self.seen = Seen()
        """The mark of the last visit; lines that came since are marked."""
        self._unfolded: frozenset[str] = frozenset()
        self._query = Query()

    @property
    def query(self) -> Query:
        return self._query

    @property
    def lines(self) -> Sequence[Line]:
        """The lines that are held, newest first."""
        return self._held.lines

    @property
    def loading(self) -> bool:
        """True while rows were asked for that are not here yet."""
        return self._asking

    @property
    def has_newer(self) -> bool:
        """True when there are newer rows than the first that is held."""
        return self._held.newer

    def set_query(self, query: Query) -> None:
        """Show the rows that match `query`."""
        self._query = query
        self._unfolded = frozenset()
        self.reload()

    def reload(self) -> None:
        """Read the first page again."""
        query = self._query
        self._begin(lambda reader: held.newest(reader, query))

    def to_oldest(self) -> None:
        """Show the last page instead of what is held."""
        query = self._query
        self._begin(lambda reader: held.oldest(reader, query))

    def show_around(self, line_id: int) -> None:
        """Show the rows around a line instead of what is held."""
        query = self._query
        self._begin(lambda reader: held.around(reader, query, line_id))

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
            self.about_to_change.emit()
            self._refold(0)

    def show_red(self, things: Sequence[Thing], on_duty: tuple[str, ...] = ()) -> None:
        """Pin these things on top; under a search nothing is pinned."""
        red = tuple(Pinned(thing, on_duty) for thing in things)
        # Asked for with every line that arrives, and nearly always the same.
        if self._red == red:
            return
        self.about_to_change.emit()
        self._red = red
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
        # A later state of its run is in the list already, or among these lines.
        current = [line for line in lines if not line.superseded]
        query, start = self._query, self._start
        ids = frozenset(line.id for line in current)

        def take(matching: frozenset[int]) -> None:
            # The rows that are read since have what came before.
            if start == self._start:
                self._merge(current, matching)

        # In its turn even without a search, so that no older page is merged after newer rows.
        self._history.ask(
            lambda reader: ids if query.everything else reader.among(query, ids),
            take,
            owner=self,
            refuse=self.failed.emit,
        )

    def keep_near(self, first: int, last: int) -> None:
        """Drop the lines far from the items in view, `first` to `last`."""
        # A page that comes must find its neighbour.
        if len(self._held.lines) <= _MOST or self._asking:
            return
        near = self._items[max(0, first - _FAR) : last + _FAR]
        ids = [line.id for item in near for line in _lines_of(item)]
        if ids:
            self.about_to_change.emit()
            self._held.keep(min(ids), max(ids))
            self._refold(0)

    def fetch_newer(self) -> None:
        """Read the page above the first row."""
        if self._held.newer and self._held.lines and not self._asking:
            query, after = self._query, self._held.lines[0].id
            self._ask(lambda reader: held.newer(reader, query, after), self._held.add_newer)

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return the number of items."""
        return 0 if parent.isValid() else len(self._items)

    def canFetchMore(self, parent: Index) -> bool:
        """Return true when there may be older rows."""
        reachable = self._held.older and bool(self._held.lines)
        return not parent.isValid() and reachable and not self._asking

    def fetchMore(self, parent: Index) -> None:
        """Read the page below the last row."""
        if self.canFetchMore(parent):
            query, before = self._query, self._held.lines[-1].id
            self._ask(lambda reader: held.older(reader, query, before), self._held.add_older)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return the flags of an item; a heading cannot be chosen."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if isinstance(self._items[index.row()], Heading):
            return Qt.ItemFlag.ItemNeverHasChildren
        return super().flags(index) | Qt.ItemFlag.ItemNeverHasChildren

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return an item's text in one sentence."""
        item = self._items[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return spoken(item, self._now(), new=self.is_new(item))
        return None

    def _folded(self) -> list[Item]:
        everything = self._query.everything
        items: list[Item] = list(self._red) if everything else []
        before, self._days = self._days, {}
        for day, lines in days(self._held.lines):
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
            # Newer rows may have come where they are not held.
            if came:
                self.changed.emit(came)
            return
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

    def _begin(self, question: Callable[[Reader], Stretch]) -> None:
        """Start over with the rows that answer."""
        self._start += 1
        self._asking = True
        self._history.ask(
            question, self._take_start, owner=self, refuse=self._fail_to_start, topic="rows"
        )

    def _take_start(self, stretch: Stretch) -> None:
        self.failed.emit("")
        self._show(stretch)

    def _fail_to_start(self, reason: str) -> None:
        # An unreadable history leaves an empty list.
        self.failed.emit(reason)
        self._show(Stretch())

    def _show(self, stretch: Stretch) -> None:
        self._asking = False
        self.beginResetModel()
        self._held.start(stretch)
        self._days.clear()
        self._items = self._folded()
        self.endResetModel()

    def _ask(self, question: Callable[[Reader], Stretch], add: Callable[[Stretch], None]) -> None:
        """Ask for a page beside what is held."""

        def take(stretch: Stretch) -> None:
            self._asking = False
            self.failed.emit("")
            self.about_to_change.emit()
            add(stretch)
            self._refold(0)

        def fail(reason: str) -> None:
            self._asking = False
            self.failed.emit(reason)

        self._asking = True
        self._history.ask(question, take, owner=self, refuse=fail, topic="rows")

    def _merge(self, lines: Sequence[Line], matching: frozenset[int]) -> None:
        self.about_to_change.emit()
        newest = self._held.lines[0].id if self._held.lines else 0
        for line in lines:
            self._held.remove_run(line)
            if line.id in matching:
                self._held.insert(line)
        came = sum(line.id > newest for line in lines if line.id in matching)
        self.failed.emit("")
        self._refold(came)
        self.merged.emit()


def _lines_of(item: Item) -> Sequence[Line]:
    # What is pinned is not where its line is.
    if isinstance(item, (Heading, Pinned)):
        return ()
    return (item.line,) if isinstance(item, Step) else item.lines

"""The items of the peek: what is red now, and the newest lines that matter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from PySide6.QtCore import QAbstractListModel, QModelIndex, QPersistentModelIndex, Qt

from devstream_desktop.control.wording import on_duty
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.desktop.windows.history.items import Heading, Item, Pinned, Row
from devstream_desktop.desktop.windows.history.spoken import spoken
from devstream_desktop.stream.seen import Seen
from devstream_desktop.stream.subject import Line

MOST_RED = 6
"""Red things that are shown; the window has them all."""
_NOWHERE = QModelIndex()


class PeekModel(QAbstractListModel):
    """Red things first, then lines, newest first; each is there once."""

    def __init__(self, state: AppState) -> None:
        super().__init__()
        self._state = state
        self._items: list[Pinned | Row] = []
        self._seen = Seen()
        self.now_red = frozenset[int]()
        """None: what is red now stands on top as a thing of its own."""

    def begin(self) -> None:
        """Mark what is new from now on, and read."""
        self._seen = self._state.seen
        self.refresh()

    def refresh(self) -> None:
        """Show the state as it is now; the same again changes nothing."""
        red = self._state.red[:MOST_RED]
        pinned = {thing.line.id for thing in self._state.red}
        duty = on_duty(self._state.status) if self._state.status is not None else ()
        items: list[Pinned | Row] = [Pinned(thing, duty) for thing in red]
        items += [Row(line) for line in self._state.recent if line.id not in pinned]
        if items != self._items:
            self.beginResetModel()
            self._items = items
            self.endResetModel()

    @property
    def shown(self) -> Sequence[Line]:
        """The lines of the items."""
        return [item.line for item in self._items]

    def item(self, row: int) -> Pinned | Row:
        """Return an item."""
        return self._items[row]

    def find_key(self, key: str) -> int | None:
        """Return the row of the item with a key."""
        return next((row for row, item in enumerate(self._items) if item.key == key), None)

    def is_new(self, item: Item) -> bool:
        """Tell whether an item was not seen before."""
        return not isinstance(item, Heading) and self._seen.is_new(item.line)

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = _NOWHERE) -> int:
        """Return the number of items."""
        return 0 if parent.isValid() else len(self._items)

    def data(
        self,
        index: QModelIndex | QPersistentModelIndex,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> object:
        """Return an item's text in one sentence."""
        item = self._items[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.AccessibleTextRole):
            return spoken(item, datetime.now(UTC), new=self.is_new(item))
        return None

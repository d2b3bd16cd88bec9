"""The board for Qt's model and view: a row a service, a column an environment, and what waits."""

from __future__ import annotations

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from devstream_desktop.desktop.windows.board.texts import (
    CellText,
    cell_text,
    service_text,
    waiting_text,
)
from devstream_desktop.language import _
from devstream_desktop.stream.thing import Board, Cell

TEXT_ROLE = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex
_NOWHERE = QModelIndex()
_EMPTY = Board((), (), {})


class BoardModel(QAbstractTableModel):
    """A `Board`."""

    def __init__(self) -> None:
        super().__init__()
        self._board = _EMPTY
        self._texts: list[list[CellText]] = []

    @property
    def board(self) -> Board:
        return self._board

    def show_board(self, board: Board) -> None:
        """Show a board; where only cells differ, selection and scrolling stay."""
        old = self._board
        same = (old.services, old.environments) == (board.services, board.environments)
        if not same:
            self.beginResetModel()
        self._board = board
        self._texts = [self._row(service) for service in board.services]
        if not same:
            self.endResetModel()
        elif board.services:
            last = self.index(self.rowCount() - 1, self.columnCount() - 1)
            self.dataChanged.emit(self.index(0, 0), last)

    def place(self, index: Index) -> tuple[str, str]:
        """Return service and environment of a cell; the environment is empty beside them."""
        service = self._board.services[index.row()]
        column = index.column() - 1
        if 0 <= column < len(self._board.environments):
            return service, self._board.environments[column]
        if column == len(self._board.environments) and self._board.environments:
            return service, self._board.environments[-1]
        return service, ""

    def rowCount(self, parent: Index = _NOWHERE) -> int:
        """Return the number of services."""
        return 0 if parent.isValid() else len(self._board.services)

    def columnCount(self, parent: Index = _NOWHERE) -> int:
        """Return the number of columns: service, environments, what waits."""
        return 0 if parent.isValid() else len(self._headers)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> object:
        """Return the header of a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return self._headers[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the parts of a cell, or its sentence."""
        text = self._texts[index.row()][index.column()]
        if role == TEXT_ROLE:
            return text
        if role == Qt.ItemDataRole.AccessibleTextRole:
            spoken = text.spoken or _("nothing known")
            return f"{self._headers[index.column()]}: {spoken}"
        return None

    @property
    def _headers(self) -> list[str]:
        places = [name[:1].upper() + name[1:] for name in self._board.environments]
        if not places:
            return [_("Service")]
        last = _("Waiting for {environment}").format(environment=self._board.environments[-1])
        return [_("Service"), *places, last]

    def _row(self, service: str) -> list[CellText]:
        environments = self._board.environments
        found: list[Cell | None] = [self._board.cells.get((service, name)) for name in environments]
        known = [cell for cell in found if cell is not None]
        waiting = [waiting_text(found[-1])] if found else []
        return [service_text(service, known), *(cell_text(cell) for cell in found), *waiting]

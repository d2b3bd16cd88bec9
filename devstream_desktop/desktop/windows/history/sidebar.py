"""The pane at the left: where to look. Each entry is a search, with the number of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from devstream_desktop.desktop.widgets.look import state_look
from devstream_desktop.desktop.widgets.marks import SIZE, Shape, paint_mark
from devstream_desktop.desktop.widgets.theme import LIGHT, STRONG, Tone, colour, mix
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.thing import Thing

WIDTH = 190
_ROLE = Qt.ItemDataRole.UserRole
_MARGIN = 10
_PADDING = 5
_MOST = 99
"""Counts above it are shown as `99+`."""


@dataclass(frozen=True)
class Place:
    """One entry: a name, the search behind it, and how many rows it has."""

    name: str
    query: str | None
    """None for a heading."""
    count: int | None = None
    shape: Shape | None = None
    tone: Tone = Tone.PLAIN

    @property
    def counted(self) -> str:
        """The count as it is shown; empty for none."""
        if not self.count:
            return ""
        return f"{_MOST}+" if self.count > _MOST else str(self.count)


VIEWS = (
    Place("Everything", ""),
    Place("Production", "env:production"),
    Place("Deploys", "kind:deploy"),
    Place("Changes", "kind:change"),
    Place("Tickets", "kind:ticket"),
)


def places(
    services: Sequence[str], red: Sequence[Thing], names: frozenset[str], new: int = 0
) -> list[Place]:
    """Return all entries, from the top.

    Args:
        services: Services of the history.
        red: What is red now.
        names: The person's names, folded.
        new: How many lines came since they looked.

    """
    unclaimed = sum(not thing.claimed_by for thing in red)
    mine = sum(thing.is_mine(names) for thing in red)
    loud = Tone.RED if red else Tone.PLAIN
    found = [
        Place("Red now", "is:red", len(red), Shape.FIRING if red else None, loud),
        Place("Unclaimed", "is:red -is:claimed", unclaimed),
        Place("Mine", "is:mine", mine),
        Place("Unseen", "is:unseen", new),
        Place("Views", None),
        *VIEWS,
    ]
    if services:
        found.append(Place("Services", None))
        found += [_service(name, red) for name in services]
    return found


def _service(name: str, red: Sequence[Thing]) -> Place:
    worst = next((thing for thing in red if thing.service == name), None)
    if worst is None:
        return Place(name, service_query(name))
    look = state_look(worst.line)
    return Place(name, service_query(name), shape=look.shape, tone=look.tone)


def service_query(name: str) -> str:
    """Return the search for one service; a name with spaces is quoted."""
    return f'service:"{name}"' if " " in name else f"service:{name}"


Index = QModelIndex | QPersistentModelIndex


class _Places(QAbstractListModel):
    """The entries, for Qt."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.places: list[Place] = []

    def show_places(self, found: list[Place]) -> None:
        """Show these entries; where only counts differ, the selection stays."""
        same = [place.query for place in found] == [place.query for place in self.places]
        if same:
            self.places = found
            if found:
                self.dataChanged.emit(self.index(0), self.index(len(found) - 1))
            return
        self.beginResetModel()
        self.places = found
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return the number of entries."""
        return 0 if parent.isValid() else len(self.places)

    def flags(self, index: Index) -> Qt.ItemFlag:
        """Return the flags of an entry; a heading cannot be chosen."""
        if not index.isValid():
            return Qt.ItemFlag.NoItemFlags
        if self.places[index.row()].query is None:
            return Qt.ItemFlag.ItemNeverHasChildren
        return super().flags(index) | Qt.ItemFlag.ItemNeverHasChildren

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return the entry, its name, or its name and count."""
        place = self.places[index.row()]
        if role == _ROLE:
            return place
        if role == Qt.ItemDataRole.DisplayRole:
            return place.name
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{place.name}, {place.counted}" if place.counted else place.name
        return None


class _PlaceDelegate(QStyledItemDelegate):
    """Paints an entry: mark, name, count at the right."""

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the height of an entry; a heading has room above."""
        height = QFontMetrics(option.font).height() + 2 * _PADDING
        return QSize(0, height + (_MARGIN if index.data(_ROLE).query is None else 0))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one entry."""
        place: Place = index.data(_ROLE)
        palette = option.palette
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRect(option.rect).adjusted(6, 0, -6, 0)
        if place.query is None:
            font = QFont(option.font)
            font.setPointSizeF(font.pointSizeF() * 0.88)
            font.setBold(True)
            painter.setFont(font)
            painter.setPen(colour(Tone.MUTED, palette))
            inside = rect.adjusted(_MARGIN, _MARGIN, 0, 0)
            painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, place.name)
        else:
            _entry(painter, option, place, rect)
        painter.restore()


def _entry(painter: QPainter, option: QStyleOptionViewItem, place: Place, rect: QRect) -> None:
    palette = option.palette
    paper = palette.color(QPalette.ColorRole.Window)
    if option.state & QStyle.StateFlag.State_Selected:
        strong = bool(option.state & QStyle.StateFlag.State_HasFocus)
        paper = mix(colour(Tone.ACCENT, palette), paper, STRONG if strong else LIGHT)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(paper)
        painter.drawRoundedRect(rect, 6, 6)
    inside = rect.adjusted(_MARGIN, 0, -_MARGIN, 0)
    if place.shape is not None:
        top = inside.top() + (inside.height() - SIZE) / 2
        mark = QRectF(inside.left(), top, SIZE, SIZE)
        paint_mark(painter, place.shape, mark, colour(place.tone, palette), paper)
        inside.setLeft(inside.left() + SIZE + 8)
    painter.setFont(option.font)
    if place.counted:
        inside.setRight(_count(painter, place, inside, palette))
    painter.setPen(colour(place.tone if place.tone is Tone.RED else Tone.PLAIN, palette))
    name = option.fontMetrics.elidedText(
        clean(place.name), Qt.TextElideMode.ElideRight, inside.width()
    )
    painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, name)


def _count(painter: QPainter, place: Place, inside: QRect, palette: QPalette) -> int:
    """Write the count at the right; returns where the name ends. A red one stands in a pill."""
    width = painter.fontMetrics().horizontalAdvance(place.counted)
    if place.tone is not Tone.RED:
        painter.setPen(colour(Tone.MUTED, palette))
        flags = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
        painter.drawText(inside, flags, place.counted)
        return inside.right() - width - 6
    height = painter.fontMetrics().height()
    pill = QRect(inside.right() - width - 12, 0, width + 12, height)
    pill.moveTop(inside.top() + (inside.height() - height) // 2)
    red = colour(Tone.RED, palette)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(red)
    painter.drawRoundedRect(pill, height / 2, height / 2)
    # Black or white, whichever reads better on this red.
    painter.setPen(QColor("white" if red.lightnessF() < 0.55 else "#1d0a08"))
    painter.drawText(pill, Qt.AlignmentFlag.AlignCenter, place.counted)
    return pill.left() - 6


class Sidebar(QListView):
    """The entries, of which one is the search that is shown."""

    chosen = Signal(str)
    """The search behind the entry that was clicked, or opened with Enter."""

    def __init__(self) -> None:
        super().__init__()
        self._model = _Places(self)
        self.setModel(self._model)
        self.setItemDelegate(_PlaceDelegate(self))
        self.setAccessibleName("Where to look")
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(WIDTH)
        self.setViewportMargins(0, 8, 0, 8)
        self.viewport().setAutoFillBackground(False)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)
        self._services: Sequence[str] = ()
        self._red: Sequence[Thing] = ()
        self._names: frozenset[str] = frozenset()
        self._new = 0
        self._show()

    def show_services(self, services: Sequence[str]) -> None:
        """Offer these services below the views."""
        self._services = services
        self._show()

    def show_red(self, red: Sequence[Thing], names: frozenset[str]) -> None:
        """Count what is red, and mark the services where it is."""
        self._red, self._names = red, names
        self._show()

    def show_new(self, new: int) -> None:
        """Count what came since the person looked."""
        self._new = new
        self._show()

    def _show(self) -> None:
        self._model.show_places(places(self._services, self._red, self._names, self._new))

    def mark_query(self, text: str) -> None:
        """Select the entry whose search is shown; none where it is another."""
        wanted = text.strip()
        for row, place in enumerate(self._model.places):
            if place.query == wanted:
                self.setCurrentIndex(self._model.index(row))
                return
        self.clearSelection()

    @property
    def places(self) -> Sequence[Place]:
        return self._model.places

    def _choose(self, index: QModelIndex) -> None:
        query = self._model.places[index.row()].query
        if query is not None:
            self.chosen.emit(query)

"""The pane at the left: where to look. Each entry is a search, with the number of its rows."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import (
    QAbstractListModel,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    Signal,
)
from PySide6.QtGui import QColor, QFont, QFontMetrics, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QListView,
    QMenu,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from devstream_desktop.desk.preferences import Search
from devstream_desktop.desktop.widgets.cells import has_keyboard, is_chosen
from devstream_desktop.desktop.widgets.edge import see_through
from devstream_desktop.desktop.widgets.marks import SIZE, mark_icon, paint_mark
from devstream_desktop.desktop.widgets.plain import menu_text
from devstream_desktop.desktop.widgets.theme import LIGHT, STRONG, Tone, colour, mix
from devstream_desktop.desktop.windows.history.places import Place, places, saved_places
from devstream_desktop.language import _
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.thing import Thing

WIDTH = 190
_ROLE = Qt.ItemDataRole.UserRole
_MARGIN = 10
_PADDING = 5


def _key(place: Place) -> tuple[str | None, str]:
    return place.query, place.name


Index = QModelIndex | QPersistentModelIndex


class _Places(QAbstractListModel):
    """The entries, for Qt."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.places: list[Place] = []

    def show_places(self, found: list[Place]) -> None:
        """Show these entries; where only counts differ, the selection stays."""
        same = [_key(place) for place in found] == [_key(place) for place in self.places]
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
        if self.places[index.row()].heading:
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

    def __init__(self, view: QAbstractItemView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the height of an entry; a heading has room above."""
        height = QFontMetrics(option.font).height() + 2 * _PADDING
        return QSize(0, height + (_MARGIN if index.data(_ROLE).heading else 0))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Paint one entry."""
        place: Place = index.data(_ROLE)
        palette = option.palette
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRect(option.rect).adjusted(6, 0, -6, 0)
        if place.heading:
            font = QFont(option.font)
            font.setPointSizeF(font.pointSizeF() * 0.88)
            font.setBold(True)
            painter.setFont(font)
            painter.setPen(colour(Tone.MUTED, palette))
            inside = rect.adjusted(_MARGIN, _MARGIN, 0, 0)
            painter.drawText(inside, Qt.AlignmentFlag.AlignVCenter, place.name)
        else:
            paper = palette.color(QPalette.ColorRole.Window)
            if is_chosen(self._view, index):
                share = STRONG if has_keyboard(self._view, index) else LIGHT
                paper = mix(colour(Tone.ACCENT, palette), paper, share)
                painter.setPen(Qt.PenStyle.NoPen)
                painter.setBrush(paper)
                painter.drawRoundedRect(rect, 6, 6)
            _entry(painter, option, place, rect, paper)
        painter.restore()


def _entry(
    painter: QPainter, option: QStyleOptionViewItem, place: Place, rect: QRect, paper: QColor
) -> None:
    palette = option.palette
    inside = rect.adjusted(_MARGIN, 0, -_MARGIN, 0)
    if place.shape is not None:
        top = inside.top() + (inside.height() - SIZE) / 2
        mark = QRectF(inside.left(), top, SIZE, SIZE)
        paint_mark(painter, place.shape, mark, colour(place.tone, palette), paper)
        inside.setLeft(inside.left() + SIZE + 8)
    painter.setFont(option.font)
    if place.counted:
        inside.setRight(_count(painter, place, inside, palette))
    loud = place.tone in (Tone.RED, Tone.MUTED)
    painter.setPen(colour(place.tone if loud else Tone.PLAIN, palette))
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
    save_chosen = Signal()
    rename_chosen = Signal(int)
    """The number of a saved search, as for the next three."""
    remove_chosen = Signal(int)
    move_chosen = Signal(int, int)
    """And by how many places."""
    menu_chosen = Signal(int, QPoint)

    def __init__(self) -> None:
        super().__init__()
        self._model = _Places(self)
        self.setModel(self._model)
        self.setItemDelegate(_PlaceDelegate(self))
        self.setAccessibleName(_("Where to look"))
        self.setFrameShape(QListView.Shape.NoFrame)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFixedWidth(WIDTH)
        self.setViewportMargins(0, 8, 0, 8)
        see_through(self)
        self.clicked.connect(self._choose)
        self.activated.connect(self._choose)
        self._services: Sequence[str] = ()
        self._red: Sequence[Thing] = ()
        self._names: frozenset[str] = frozenset()
        self._new = 0
        self._kept: Sequence[Search] = ()
        self._counts: Sequence[int] = ()
        self._saves = False
        self._menu = QMenu(self)
        self._menu.setAccessibleName(_("Where to look"))
        self._menu.aboutToShow.connect(self._fill_menu)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
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

    def show_saved(self, kept: Sequence[Search], counts: Sequence[int]) -> None:
        """Offer the saved searches, with the hits that are counted."""
        self._kept, self._counts = kept, counts
        self._show()

    def show_saves(self, *, possible: bool) -> None:
        """Offer to save the search that is shown, or not."""
        if possible != self._saves:
            self._saves = possible
            self._show()

    @property
    def menu(self) -> QMenu:
        """The same entries as a menu, for a narrow window."""
        return self._menu

    def _fill_menu(self) -> None:
        self._menu.clear()
        for row, place in enumerate(self._model.places):
            name = menu_text(place.name)
            if place.heading:
                self._menu.addSection(name)
                continue
            # What stands behind the tab is written at the right.
            entry = self._menu.addAction(f"{name}\t{place.counted}" if place.counted else name)
            entry.triggered.connect(lambda _=False, row=row: self._choose(self._model.index(row)))
            if place.shape is not None:
                palette = self._menu.palette()
                ink, paper = colour(place.tone, palette), palette.color(QPalette.ColorRole.Base)
                entry.setIcon(mark_icon(place.shape, ink, paper))
            # A box that cannot be emptied is no box: the others have none.
            elif self.selectionModel().isSelected(self._model.index(row)):
                entry.setCheckable(True)
                entry.setChecked(True)

    def _show(self) -> None:
        saved = saved_places(self._kept, self._counts, saves=self._saves)
        found = places(self._services, self._red, self._names, self._new, saved)
        self._model.show_places(found)

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

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Rename with F2, move with Alt and an arrow, remove with Delete."""
        index = self.currentIndex()
        saved = self._model.places[index.row()].saved if index.isValid() else None
        key, moves = Qt.Key(event.key()), {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1}
        if saved is None:
            super().keyPressEvent(event)
        elif key is Qt.Key.Key_F2:
            self.rename_chosen.emit(saved)
        elif key is Qt.Key.Key_Delete:
            self.remove_chosen.emit(saved)
        elif key in moves and event.modifiers() & Qt.KeyboardModifier.AltModifier:
            self.move_chosen.emit(saved, moves[key])
        else:
            super().keyPressEvent(event)

    def _show_menu(self, at: QPoint) -> None:
        index = self.indexAt(at)
        saved = self._model.places[index.row()].saved if index.isValid() else None
        if saved is not None:
            self.menu_chosen.emit(saved, self.viewport().mapToGlobal(at))

    def _choose(self, index: QModelIndex) -> None:
        place = self._model.places[index.row()]
        if place.saves:
            self.save_chosen.emit()
        elif place.query is not None:
            self.chosen.emit(place.query)

"""The bar above the rows: search field, three filter boxes, and the duty switch."""

from __future__ import annotations

from dataclasses import replace

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QPushButton, QSizePolicy, QWidget

from devstream_desktop.history.reader import Facets
from devstream_desktop.stream.query import InvalidQueryError, Query, parse_query
from devstream_desktop.stream.words import Kind

_DEBOUNCE_MS = 60


class SearchField(QLineEdit):
    """A field that Esc empties; once it is empty, Esc closes the window."""

    left = Signal()
    """Down or Enter moved on to the rows."""
    escaped = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText("Search, or kind:deploy env:production")
        self.setClearButtonEnabled(True)
        self.setAccessibleName("Search the history")
        self.setMinimumWidth(180)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Handle the keys that leave the field."""
        if event.key() == Qt.Key.Key_Escape:
            if self.text():
                self.clear()
            else:
                self.escaped.emit()
        elif event.key() in (
            Qt.Key.Key_Down,
            Qt.Key.Key_PageDown,
            Qt.Key.Key_Return,
            Qt.Key.Key_Enter,
        ):
            self.left.emit()
        else:
            super().keyPressEvent(event)


class Filters(QWidget):
    """The query as a person types and chooses it."""

    changed = Signal(object)
    """The new `Query`, a moment after the last key."""
    mistaken = Signal(str)
    """The typed query is invalid; the sentence says what is valid. Empty: valid again."""
    duty_chosen = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.search = SearchField()
        self.kinds = _box("Kind", "All kinds")
        self.environments = _box("Environment", "Everywhere")
        self.services = _box("Service", "All services")
        for kind in Kind:
            self.kinds.addItem(kind.value, kind.value)
        self.duty = QPushButton("Off duty")
        self.duty.setCheckable(True)
        self.duty.setAccessibleName("On duty")
        self.duty.setAutoDefault(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 10, 10, 8)
        row.setSpacing(8)
        row.addWidget(self.search, 1)
        for box in (self.kinds, self.environments, self.services):
            row.addWidget(box)
            box.currentIndexChanged.connect(self._begin)
        row.addWidget(self.duty)
        self._timer = QTimer(self, singleShot=True, interval=_DEBOUNCE_MS)
        self._timer.timeout.connect(self._tell)
        self.search.textChanged.connect(self._begin)
        self.duty.clicked.connect(self.duty_chosen)

    def set_duty(self, *, on: bool, known: bool) -> None:
        """Show the duty of this person; `known` is false until the node says it."""
        self.duty.setChecked(on)
        self.duty.setText("● On duty" if on else "○ Off duty")
        self.duty.setEnabled(known)

    def set_facets(self, facets: Facets) -> None:
        """Offer the services and environments of the history; keep the chosen ones."""
        _fill(self.environments, facets.environments)
        _fill(self.services, facets.services)

    def clear(self) -> None:
        """Empty the field and the boxes."""
        self.search.clear()
        for box in (self.kinds, self.environments, self.services):
            box.setCurrentIndex(0)

    def query(self) -> Query:
        """Return the query; a chosen box wins over a typed filter.

        Raises:
            InvalidQueryError: a typed filter is invalid.

        """
        # A box shows its choice all the time; what is typed may be scrolled out of sight.
        query = parse_query(self.search.text())
        kind, environment, service = (
            _chosen(box) for box in (self.kinds, self.environments, self.services)
        )
        return replace(
            query,
            kind=Kind(kind) if kind else query.kind,
            environment=environment or query.environment,
            service=service or query.service,
        )

    def _begin(self) -> None:
        # Restarted by each key, so that a word is searched once and not for each letter.
        self._timer.start()

    def _tell(self) -> None:
        try:
            # The rows of the last valid query stay while a filter is half typed.
            query = self.query()
        except InvalidQueryError as error:
            self.mistaken.emit(str(error))
            return
        self.mistaken.emit("")
        self.changed.emit(query)


def _box(name: str, everything: str) -> QComboBox:
    box = QComboBox()
    box.setAccessibleName(name)
    box.addItem(everything, "")
    box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    # A long service name must not widen the bar; the list that opens shows it whole.
    box.setMinimumContentsLength(len(everything) - 2)
    box.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
    return box


def _chosen(box: QComboBox) -> str:
    return str(box.currentData() or "")


def _fill(box: QComboBox, values: tuple[str, ...]) -> None:
    shown = tuple(str(box.itemData(place)) for place in range(1, box.count()))
    # Refilling would close a list that is open.
    if shown == values:
        return
    chosen = _chosen(box)
    # The choice stays, so nobody has to search again.
    with QSignalBlocker(box):
        while box.count() > 1:
            box.removeItem(1)
        for value in values:
            box.addItem(value, value)
        box.setCurrentIndex(max(0, box.findData(chosen)))

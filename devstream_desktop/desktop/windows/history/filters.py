"""The bar at the top: the search field, the pages of the window, and the duty switch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QStringListModel, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QCompleter,
    QHBoxLayout,
    QLineEdit,
    QListView,
    QMenu,
    QPushButton,
    QToolButton,
    QWidget,
)

from devstream_desktop.desktop.widgets.look import sentence
from devstream_desktop.desktop.widgets.text import PlainLabel, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.desktop.windows.history.pages import Page
from devstream_desktop.desktop.windows.history.typed_search import read_search
from devstream_desktop.language import _
from devstream_desktop.stream.completion import complete
from devstream_desktop.stream.query_text import InvalidQueryError

_DEBOUNCE_MS = 60


class SearchField(QLineEdit):
    """A field that Esc empties; once it is empty, Esc closes the window."""

    left = Signal()
    """Down or Enter moved on to the rows."""
    escaped = Signal()

    def __init__(self) -> None:
        super().__init__()
        filters = "env:production, state:failed, kind:deploy"
        self.setPlaceholderText(_("Search: words, {filters} …").format(filters=filters))
        self.setClearButtonEnabled(True)
        for button in self.findChildren(QToolButton):
            button.setAccessibleName(_("Clear the search"))
        self.setAccessibleName(_("Search the history"))
        self.setMinimumWidth(140)
        self._values: Mapping[str, Sequence[str]] = {}
        self._offers = QStringListModel(self)
        completer = QCompleter(self._offers, self)
        # What fits is chosen by the query's own rules, not by Qt.
        completer.setCompletionMode(QCompleter.CompletionMode.UnfilteredPopupCompletion)
        self._popup = QListView()
        self._popup.setAccessibleName(_("What can be typed"))
        completer.setPopup(self._popup)
        self.setCompleter(completer)
        self.textEdited.connect(self._offer)

    def show_values(self, values: Mapping[str, Sequence[str]]) -> None:
        """Offer these values of the filters `service`, `env`, `branch` and `actor`."""
        self._values = values

    @property
    def values(self) -> Mapping[str, Sequence[str]]:
        return self._values

    @property
    def offers(self) -> list[str]:
        """The whole texts that are offered."""
        return self._offers.stringList()

    def _offer(self, text: str) -> None:
        head = text[: len(text) - len(text.rpartition(" ")[2])]
        found = complete(text, self._values)
        # What is typed already is no offer.
        offers = [head + one for one in found if head + one != text]
        self._offers.setStringList(offers)
        if not offers:
            self._popup.hide()

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
    page_chosen = Signal(object)
    """A `Page`."""

    def __init__(self) -> None:
        super().__init__()
        self.search = SearchField()
        self.where = QToolButton()
        self.where.setText("≡")
        self.where.setAccessibleName(_("Where to look"))
        self.where.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.where.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        # Only while the pane at the left has no room.
        self.where.hide()
        self.hits = PlainLabel()
        self.hits.setAccessibleName(_("Number of hits"))
        self._pages = {page: QPushButton(_(page.value)) for page in Page}
        self.duty = QPushButton(_("Off duty"))
        self.duty.setCheckable(True)
        self.duty.setAccessibleName(_("On duty"))
        self.duty.setAutoDefault(False)
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 10, 10, 8)
        row.setSpacing(8)
        row.addWidget(self.where)
        row.addWidget(self.search, 1)
        row.addWidget(self.hits)
        for page, button in self._pages.items():
            button.setCheckable(True)
            button.setAutoDefault(False)
            button.setAutoExclusive(True)
            button.clicked.connect(lambda _=False, page=page: self.page_chosen.emit(page))
            row.addWidget(button)
        row.addWidget(self.duty)
        self.show_page(Page.STREAM)
        self._timer = QTimer(self, singleShot=True, interval=_DEBOUNCE_MS)
        self._timer.timeout.connect(self._tell)
        self.search.textChanged.connect(self._begin)
        self.duty.clicked.connect(self.duty_chosen)

    def offer_places(self, menu: QMenu | None) -> None:
        """Offer the places to look in a menu; None while they are beside the rows."""
        if menu is not None:
            self.where.setMenu(menu)
        self.where.setVisible(menu is not None)

    def show_hits(self, text: str) -> None:
        """Show how many rows were found; empty where nothing is searched."""
        self.hits.setText(text)
        paint(self.hits, Tone.MUTED)
        self.hits.setVisible(bool(text))

    def show_page(self, page: Page) -> None:
        """Show which page is open."""
        for one, button in self._pages.items():
            button.setChecked(one is page)
            font = button.font()
            # In some themes a pressed button looks like any other.
            font.setBold(one is page)
            button.setFont(font)

    def set_duty(self, text: str, *, on: bool, known: bool) -> None:
        """Show the duty of this person; `known` is false until the node says it."""
        self.duty.setChecked(on)
        self.duty.setText(f"{'●' if on else '○'} {sentence(text)}")
        self.duty.setEnabled(known)

    def clear(self) -> None:
        """Empty the field."""
        self.search.clear()

    def _begin(self) -> None:
        # Restarted by each key, so that a word is searched once and not for each letter.
        self._timer.start()

    def _tell(self) -> None:
        try:
            # The rows of the last valid query stay while a filter is half typed.
            query = read_search(self.search.text())
        except InvalidQueryError as error:
            self.mistaken.emit(sentence(str(error)))
            return
        self.mistaken.emit("")
        self.changed.emit(query)

"""Every word that a screen shows, to find those that no translation can reach.

usage: python tests/desktop/screen_words.py
It shows all screens of `make screenshots` in a language in which each message stands in ⟦brackets⟧
and prints each text that has none: it is either data, or was never given to gettext.
"""

from __future__ import annotations

import gettext
import importlib
import os
import pkgutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
BEGIN, END = "⟦", "⟧"


class Bracketed(gettext.NullTranslations):
    """A language whose words are the English ones in brackets."""

    def gettext(self, message: str) -> str:
        return f"{BEGIN}{message}{END}"

    def ngettext(self, one: str, many: str, count: int) -> str:
        return f"{BEGIN}{one if count == 1 else many}{END}"

    def pgettext(self, context: str, message: str) -> str:
        return self.gettext(message)


def import_all() -> None:
    """Import every module of the desk; whatever speaks while it is imported speaks English."""
    import devstream_desktop.desktop as room

    for module in pkgutil.walk_packages(room.__path__, f"{room.__name__}."):
        importlib.import_module(module.name)


def shown_texts() -> Iterator[tuple[str, str]]:
    """Yield each visible text with the class of its widget."""
    from PySide6.QtCore import QAbstractListModel, QModelIndex, Qt
    from PySide6.QtGui import QAction
    from PySide6.QtWidgets import (
        QAbstractButton,
        QAbstractItemView,
        QApplication,
        QComboBox,
        QGroupBox,
        QLabel,
        QLineEdit,
        QMenu,
        QTabWidget,
        QTreeWidget,
        QWidget,
    )

    seen: list[QWidget] = []
    for window in QApplication.topLevelWidgets():
        if window.isVisible():
            yield type(window).__name__, window.windowTitle()
            seen += [window, *(one for one in window.findChildren(QWidget) if one.isVisible())]
        elif isinstance(window, QMenu):
            seen.append(window)
    for widget in seen:
        name = type(widget).__name__
        # Fields of a combination, and what Qt makes by itself.
        if widget.objectName().startswith("qt_"):
            continue
        yield name, widget.toolTip()
        yield name, widget.accessibleName()
        yield name, widget.accessibleDescription()
        for action in widget.actions():
            if isinstance(action, QAction) and action.isVisible():
                yield f"{name} action", action.text()
        if isinstance(widget, QLabel | QAbstractButton):
            yield name, widget.text()
        elif isinstance(widget, QLineEdit):
            yield name, widget.placeholderText()
        elif isinstance(widget, QGroupBox | QMenu):
            yield name, widget.title()
        elif isinstance(widget, QTabWidget):
            yield from ((name, widget.tabText(place)) for place in range(widget.count()))
        elif isinstance(widget, QComboBox):
            yield from ((name, widget.itemText(place)) for place in range(widget.count()))
        if isinstance(widget, QTreeWidget):
            header = widget.headerItem()
            yield from ((name, header.text(place)) for place in range(widget.columnCount()))
        if isinstance(widget, QAbstractItemView) and widget.model() is not None:
            model = widget.model()
            # A list model keeps its one column to itself.
            columns = 1 if isinstance(model, QAbstractListModel) else model.columnCount()
            for row in range(min(model.rowCount(QModelIndex()), 60)):
                for column in range(columns):
                    index = model.index(row, column)
                    for role in (
                        Qt.ItemDataRole.DisplayRole,
                        Qt.ItemDataRole.ToolTipRole,
                        Qt.ItemDataRole.AccessibleTextRole,
                    ):
                        text = index.data(role)
                        if isinstance(text, str):
                            yield f"{name} {role.name}", text


def unmarked() -> dict[tuple[str, str], str]:
    """Return the texts without brackets, each with the first screen that shows it."""
    from screenshots import screens

    from devstream_desktop import language

    import_all()
    found: dict[tuple[str, str], str] = {}
    language._catalogue = Bracketed()
    try:
        with tempfile.TemporaryDirectory(prefix="words-") as home:
            for screen, _ in screens(Path(home)):
                for place, text in shown_texts():
                    if any(letter.isalpha() for letter in text) and BEGIN not in text:
                        found.setdefault((place, text), screen)
    finally:
        language._catalogue = gettext.NullTranslations()
    return found


if __name__ == "__main__":
    os.environ["QT_QPA_PLATFORM"] = "offscreen"
    from PySide6.QtWidgets import QApplication

    application = QApplication([])
    for (place, text), screen in unmarked().items():
        sys.stdout.write(f"{screen}: {place}: {text!r}\n")

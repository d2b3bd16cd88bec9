"""The parts that the pages of the settings share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFormLayout,
    QVBoxLayout,
    QWidget,
)

from devstream_desktop.desk.preferences import Preferences
from devstream_desktop.desktop.widgets.text import PlainLabel, heading, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import _


class Page(QWidget):
    """One page: a title, an explanation, and what can be set."""

    changed = Signal(object)
    """A `Change` of desk.toml."""
    title = ""
    about = ""
    """Marked by `N_`, and translated where they are shown."""

    def __init__(self) -> None:
        super().__init__()
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(24, 20, 24, 16)
        self.column.setSpacing(10)
        self.column.addWidget(heading(_(self.title)))
        if self.about:
            self.column.addWidget(note(_(self.about)))

    def show_preferences(self, preferences: Preferences) -> None:
        """Show what the file says; emits nothing."""

    def form(self) -> QFormLayout:
        """Add rows of a label and a field."""
        rows = QFormLayout()
        rows.setHorizontalSpacing(16)
        rows.setVerticalSpacing(8)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        # Where there is no room beside it, the field stands below its label.
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self.column.addLayout(rows)
        return rows

    def section(self, title: str) -> None:
        """Add a smaller title."""
        label = heading(title, points=0)
        label.setContentsMargins(0, 8, 0, 0)
        self.column.addWidget(label)


def note(text: str = "") -> PlainLabel:
    """Make a quiet explanation of some lines."""
    label = PlainLabel(text, wrap=True)
    paint(label, Tone.MUTED)
    return label


def roomy(view: QAbstractItemView) -> QSize:
    """Return the size of a row with some air."""
    return QSize(0, view.fontMetrics().height() + 12)


class Choice(QComboBox):
    """One of a few values, each with words marked by `N_`."""

    picked = Signal(object)
    """The value that a person chose."""

    def __init__(self, name: str, values: Iterable[tuple[Enum | str | bool | None, str]]) -> None:
        super().__init__()
        self.setAccessibleName(name)
        pairs = list(values)
        self._values: Sequence[object] = [value for value, _text in pairs]
        self.addItems([_(text) for _value, text in pairs])
        # As wide as its words, but no wider than a narrow window.
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(18)
        self.activated.connect(lambda at: self.picked.emit(self._values[at]))

    @property
    def value(self) -> object:
        return self._values[self.currentIndex()]

    def show_value(self, value: object) -> None:
        """Show a value; emits nothing."""
        self.setCurrentIndex(self._values.index(value))

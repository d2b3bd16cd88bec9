"""The dialog that asks for the name of a saved search."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialogButtonBox, QLineEdit, QWidget

from devstream_desktop.desktop.widgets.dialog import Dialog, column, plain_button
from devstream_desktop.desktop.widgets.text import ElidedLabel, PlainLabel, heading, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import _
from devstream_desktop.stream.text import clean

_MOST_LETTERS = 40


class NameDialog(Dialog):
    """A field for a name that no other search has."""

    named = Signal(str)

    def __init__(
        self, title: str, query: str, name: str, others: Sequence[str], parent: QWidget
    ) -> None:
        super().__init__(title, parent)
        self._others = {other.casefold() for other in others}
        self.resize(420, 0)
        self.field = QLineEdit(name)
        self.field.setMaxLength(_MOST_LETTERS)
        self.field.setAccessibleName(_("Name of the search"))
        self.field.setPlaceholderText(_("Name"))
        self.said = PlainLabel(_("There is one with this name already."))
        paint(self.said, Tone.RED)
        searched = ElidedLabel(clean(query, 400))
        paint(searched, Tone.MUTED)
        buttons = QDialogButtonBox()
        self.keep = plain_button(buttons, QDialogButtonBox.StandardButton.Save)
        plain_button(buttons, QDialogButtonBox.StandardButton.Cancel)
        rows = column(self)
        for widget in (heading(title), searched, self.field, self.said, buttons):
            rows.addWidget(widget)
        buttons.accepted.connect(self._keep)
        buttons.rejected.connect(self.reject)
        self.field.textChanged.connect(self._check)
        self._check()

    def begin(self) -> None:
        """Have the name typed."""
        self.field.selectAll()
        self.field.setFocus()

    def _check(self) -> None:
        name = self.field.text().strip()
        taken = name.casefold() in self._others
        self.said.setVisible(taken)
        self.keep.setEnabled(bool(name) and not taken)

    def _keep(self) -> None:
        self.named.emit(self.field.text().strip())
        self.accept()

"""What the dialogs share: the same margins, a message that says how it went, and Cancel as the answer to Enter."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtGui import QIcon, QPalette
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.desktop.widgets.text import PlainLabel
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.stream.text import clean


def column(dialog: QDialog) -> QVBoxLayout:
    """The dialog's one column."""
    layout = QVBoxLayout(dialog)
    layout.setContentsMargins(20, 18, 20, 16)
    layout.setSpacing(12)
    return layout


def paint(label: PlainLabel, tone: Tone) -> None:
    """Give the label's text this tone."""
    palette = label.palette()
    palette.setColor(QPalette.ColorRole.WindowText, colour(tone, palette))
    label.setPalette(palette)


def say(label: PlainLabel, text: str, tone: Tone) -> None:
    """Show a sentence in this tone."""
    label.setText(clean(text, 400))
    paint(label, tone)


def plain_button(buttons: QDialogButtonBox, kind: QDialogButtonBox.StandardButton) -> QPushButton:
    """Add a standard button without the icon that some styles give it."""
    button: QPushButton = buttons.addButton(kind)
    button.setIcon(QIcon())
    return button


def tab_through(widgets: Sequence[QWidget]) -> None:
    """Have Tab go through these in this order, whatever the order was in which they were made."""
    for one, other in pairwise(widgets):
        QWidget.setTabOrder(one, other)


def cancel_first(buttons: QDialogButtonBox, go: QPushButton) -> QPushButton:
    """Add `go` and a Cancel that Enter and Esc press, for what should not be done by accident; returns Cancel."""
    cancel = plain_button(buttons, QDialogButtonBox.StandardButton.Cancel)
    buttons.addButton(go, QDialogButtonBox.ButtonRole.ActionRole)
    go.setAutoDefault(False)
    cancel.setDefault(True)
    return cancel

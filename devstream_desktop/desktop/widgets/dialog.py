"""The base of the dialogs, and the parts that they share.

A dialog never asks the node itself: it emits a `Question`, and `app.py` has it sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QIcon, QShowEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from devstream_desktop.control.messages.base import Request
from devstream_desktop.desktop.client.question import Question, R
from devstream_desktop.desktop.widgets.announce import announce
from devstream_desktop.desktop.widgets.text import PlainLabel, paint
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.text import clean

_ALOUD = (Tone.RED, Tone.AMBER, Tone.GREEN, Tone.BLUE)
"""Tones of sentences about what was just done, or not."""


class Dialog(QDialog):
    """A dialog that is deleted once it is closed."""

    asked = Signal(object)
    """A `Question` to send to the node."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(clean(title))
        self._begun = False

    def ask(
        self, request: Request[R], answer: Callable[[R], None], refuse: Callable[[str], None]
    ) -> None:
        """Ask the node by `asked`; one of the two functions gets the answer, unless closed."""
        self.asked.emit(Question(request, answer, refuse, self))

    def begin(self) -> None:
        """Ask for the content; called once, when the dialog is first shown."""

    def showEvent(self, event: QShowEvent) -> None:
        """Begin, now that the caller has connected the signals."""
        super().showEvent(event)
        if not self._begun:
            self._begun = True
            self.begin()


def column(dialog: QDialog) -> QVBoxLayout:
    """Give the dialog one column with the usual margins."""
    layout = QVBoxLayout(dialog)
    layout.setContentsMargins(20, 18, 20, 16)
    layout.setSpacing(12)
    return layout


def say(label: PlainLabel, text: str, tone: Tone) -> None:
    """Show a sentence in the colour of `tone`; a screen reader says what matters of it."""
    label.setText(clean(text, 400))
    paint(label, tone)
    if tone in _ALOUD:
        announce(label, text)


def plain_button(buttons: QDialogButtonBox, kind: QDialogButtonBox.StandardButton) -> QPushButton:
    """Add a standard button without the icon that some styles give it."""
    button: QPushButton = buttons.addButton(kind)
    button.setIcon(QIcon())
    return button


def tab_through(widgets: Sequence[QWidget]) -> None:
    """Have Tab visit these widgets in this order, however they were made."""
    for one, other in pairwise(widgets):
        QWidget.setTabOrder(one, other)


def cancel_first(buttons: QDialogButtonBox, go: QPushButton) -> QPushButton:
    """Add `go` and a Cancel that Enter and Esc press; return Cancel.

    For an action that nobody should start by accident.
    """
    cancel = plain_button(buttons, QDialogButtonBox.StandardButton.Cancel)
    buttons.addButton(go, QDialogButtonBox.ButtonRole.ActionRole)
    go.setAutoDefault(False)
    cancel.setDefault(True)
    return cancel

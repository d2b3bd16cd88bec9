"""Widgets that show text from outside and never read it as markup.

Qt guesses: it draws a label whose text looks like HTML as HTML and loads the files it names. Each
function here is the safe form for one place. A test bans the unsafe ones in all other modules.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QFont,
    QFontMetrics,
    QPalette,
    QResizeEvent,
    QStaticText,
    QTransform,
)
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton, QSizePolicy, QWidget

from devstream_desktop.desktop.widgets.plain import button_text, popup_text
from devstream_desktop.desktop.widgets.theme import Tone, colour


class PlainLabel(QLabel):
    """A label that never reads its text as markup."""

    def __init__(
        self,
        text: str = "",
        parent: QWidget | None = None,
        *,
        wrap: bool = False,
        selectable: bool = False,
    ) -> None:
        super().__init__(parent)
        # Before any text is set: the default guesses, and loads what markup names.
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setText(text)


class ElidedLabel(PlainLabel):
    """One line that ends in an ellipsis instead of widening its window."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._whole = ""
        # Ignored: the width of the text plays no part in the layout.
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_whole(text)

    def set_whole(self, text: str) -> None:
        """Show `text`, cut to the width; a screen reader gets all of it."""
        self._whole = text
        self.setAccessibleName(text)
        self._fit()

    @property
    def whole(self) -> str:
        return self._whole

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the text to the new width."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = max(self.width(), 24)
        end = Qt.TextElideMode.ElideRight
        shown = QFontMetrics(self.font()).elidedText(self._whole, end, room)
        self.setText(shown)
        self.setToolTip(popup_text(self._whole) if shown != self._whole else "")


def laid_out(text: str, font: QFont) -> QStaticText:
    """Lay out a line of text that is drawn many times."""
    result = QStaticText(text)
    result.setTextFormat(Qt.TextFormat.PlainText)
    result.prepare(QTransform(), font)
    return result


def paint(label: PlainLabel, tone: Tone) -> None:
    """Give the label's text the colour of `tone`."""
    palette = label.palette()
    palette.setColor(QPalette.ColorRole.WindowText, colour(tone, palette))
    label.setPalette(palette)


def heading(text: str, parent: QWidget | None = None, *, points: float = 3) -> PlainLabel:
    """Make a label in bold, `points` larger than the text around it."""
    label = PlainLabel(text, parent)
    _enlarge(label, points)
    return label


def elided_heading(text: str) -> ElidedLabel:
    """Make a heading for names that may be long."""
    label = ElidedLabel()
    _enlarge(label, 3)
    label.set_whole(text)
    return label


def _enlarge(label: QLabel, points: float) -> None:
    font = label.font()
    font.setPointSizeF(font.pointSizeF() + points)
    font.setBold(True)
    label.setFont(font)


def plain_field(text: str, *, name: str, lines: int = 3) -> QPlainTextEdit:
    """Make a read-only field to copy from, in the fixed-width font."""
    # Late: the start shows no such field.
    from PySide6.QtGui import QFontDatabase

    field = QPlainTextEdit(text)
    field.setReadOnly(True)
    field.setAccessibleName(name)
    field.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    field.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
    field.setFixedHeight(QFontMetrics(field.font()).lineSpacing() * lines + 16)
    return field


def verb_button(text: str) -> QPushButton:
    """Make a button with text from outside; its first letter is its access key."""
    return QPushButton(f"&{button_text(text)}")

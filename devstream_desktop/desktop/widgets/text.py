"""The only place that makes widgets which show text, so that nothing from outside is ever read as markup.

Qt guesses: a label whose text looks like HTML is drawn as HTML and loads the files it names; a menu eats `&` and splits at tabs; a
notification server may take tags. Each function here is the safe form for one of those places. A test bans the bare ones elsewhere.
"""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QFontMetrics, QResizeEvent
from PySide6.QtWidgets import QLabel, QPlainTextEdit, QPushButton, QSizePolicy, QWidget

from devstream_desktop.stream.text import clean

_POPUP = str.maketrans({"<": "‹", ">": "›", "&": "＆"})


class PlainLabel(QLabel):
    """A label that never reads its text as markup."""

    def __init__(self, text: str = "", parent: QWidget | None = None, *, wrap: bool = False, selectable: bool = False) -> None:
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(wrap)
        if selectable:
            self.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.setText(text)


class ElidedLabel(PlainLabel):
    """One line that ends in an ellipsis where there is no room, instead of asking for a wider window."""

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent=parent)
        self._whole = ""
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_whole(text)

    def set_whole(self, text: str) -> None:
        """Show `text`, cut to the room there is; a screen reader is told all of it."""
        self._whole = text
        self.setAccessibleName(text)
        self._fit()

    @property
    def whole(self) -> str:
        return self._whole

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut again."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        self.setText(QFontMetrics(self.font()).elidedText(self._whole, Qt.TextElideMode.ElideRight, max(self.width(), 24)))


def heading(text: str, parent: QWidget | None = None, *, points: float = 3) -> PlainLabel:
    """A label in bold, `points` larger than the text around it."""
    label = PlainLabel(text, parent)
    _enlarge(label, points)
    return label


def elided_heading(text: str) -> ElidedLabel:
    """A heading whose names may be long."""
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
    """A read-only field to copy from, in the fixed-width font."""
    field = QPlainTextEdit(text)
    field.setReadOnly(True)
    field.setAccessibleName(name)
    field.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
    field.setLineWrapMode(QPlainTextEdit.LineWrapMode.WidgetWidth)
    field.setFixedHeight(QFontMetrics(field.font()).lineSpacing() * lines + 16)
    return field


def verb_button(text: str) -> QPushButton:
    """A button whose text may come from outside: an ampersand in it is an ampersand, and its first letter is its access key."""
    return QPushButton(f"&{button_text(text)}")


def button_text(text: str) -> str:
    """`text` for a button or a menu: `&` is no mnemonic and a tab no shortcut."""
    # Two spaces set a line's service apart from the rest; cleaning folds them.
    return "  ".join(clean(part, 140) for part in text.split("  ")).replace("&", "&&")


menu_text = button_text


def popup_text(text: str) -> str:
    """`text` for a notification or the tray's tooltip: right on servers that read markup and on those that do not."""
    return clean(text, 200).translate(_POPUP)

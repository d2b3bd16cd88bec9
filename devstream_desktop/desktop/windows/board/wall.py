"""Red now above the board, large enough for a whole room."""

from __future__ import annotations

import time
from collections.abc import Sequence

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QFont, QPalette
from PySide6.QtWidgets import QFrame, QGridLayout

from devstream_desktop.desktop.widgets.look import since, state_look
from devstream_desktop.desktop.widgets.marks import mark_pixmap
from devstream_desktop.desktop.widgets.text import ElidedLabel, PlainLabel, paint
from devstream_desktop.desktop.widgets.theme import Tone, colour, tint
from devstream_desktop.desktop.windows.history.spoken import red_title
from devstream_desktop.language import _
from devstream_desktop.stream.text import clean
from devstream_desktop.stream.thing import Thing

_MOST = 5


class RedBand(QFrame):
    """Red things, the worst first: age, and the person on each."""

    def __init__(self) -> None:
        super().__init__()
        self.setAutoFillBackground(True)
        self._red: tuple[Thing, ...] = ()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(12, 10, 12, 10)
        self._grid.setHorizontalSpacing(14)
        self._grid.setColumnStretch(1, 1)
        self.hide()

    @property
    def lines(self) -> list[str]:
        """The titles that are shown."""
        return [label.whole for label in self.findChildren(ElidedLabel)]

    def show_red(self, red: Sequence[Thing]) -> None:
        """Show these; ages are of now."""
        self._red = tuple(red)
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.setParent(None)
                widget.deleteLater()
        for row, thing in enumerate(self._red[:_MOST]):
            self._show(row, thing)
        if (more := len(self._red) - _MOST) > 0:
            self._put(PlainLabel(_("and {count} more").format(count=more)), _MOST, 1, Tone.RED)
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.Window, tint(Tone.RED, palette))
        self.setPalette(palette)
        self.setVisible(bool(self._red))

    def changeEvent(self, event: QEvent) -> None:
        """Follow another size of the text, or other colours."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.ApplicationPaletteChange):
            self.show_red(self._red)

    def _show(self, row: int, thing: Thing) -> None:
        palette, look = self.palette(), state_look(thing.line)
        mark, side = PlainLabel(), self.fontMetrics().ascent() + 4
        paper = palette.color(QPalette.ColorRole.Window)
        ink, ratio = colour(Tone.RED, palette), self.devicePixelRatioF()
        mark.setPixmap(mark_pixmap(look.shape, ink, paper, size=side, ratio=ratio))
        mark.setAccessibleName(look.word)
        self._grid.addWidget(mark, row, 0)
        said = f"{clean(thing.service)}  {red_title(thing)}"
        font = QFont(self.font())
        font.setBold(True)
        title = ElidedLabel(said)
        title.setFont(font)
        self._put(title, row, 1, Tone.RED)
        if thing.claimed_by:
            who = _("{person} is on it").format(person=clean(thing.claimed_by))
            self._put(PlainLabel(who), row, 2, Tone.ACCENT)
        else:
            self._put(PlainLabel(_("unclaimed")), row, 2, Tone.AMBER)
        age = PlainLabel(since(thing.since_ms, int(time.time() * 1000)))
        age.setAlignment(Qt.AlignmentFlag.AlignRight)
        self._put(age, row, 3, Tone.MUTED)

    def _put(self, label: PlainLabel, row: int, column: int, tone: Tone) -> None:
        paint(label, tone)
        self._grid.addWidget(label, row, column)

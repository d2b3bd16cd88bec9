"""The columns of the history's table, and the cells of one row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from PySide6.QtCore import Qt
from PySide6.QtGui import QFont, QGuiApplication

from devstream_desktop.desktop.widgets.look import StateLook, short_time, state_look
from devstream_desktop.desktop.widgets.theme import Tone, colour
from devstream_desktop.stream.line import STRUCK, render
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.text import clean

LINE_ROLE = Qt.ItemDataRole.UserRole
LOOK_ROLE = LINE_ROLE + 1
"""The `StateLook` of a row, in the cell that shows its mark."""
_HEADER_INDENT = "  "
"""The indent of the cells (cell.py), which a header lacks."""


class Column(IntEnum):
    """The columns, from the left."""

    TIME = 0
    STATE = 1
    SERVICE = 2
    ENVIRONMENT = 3
    WHAT = 4


HEADERS = ("Time", "State", "Service", "Where", "What happened")


def header(column: int, role: int) -> object:
    """Return the shown or spoken header of a column."""
    if role == Qt.ItemDataRole.DisplayRole:
        return _HEADER_INDENT + HEADERS[column]
    if role == Qt.ItemDataRole.AccessibleTextRole:
        return HEADERS[column]
    if role == Qt.ItemDataRole.TextAlignmentRole:
        return Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
    return None


@dataclass(frozen=True)
class Row:
    """A line with the texts of its cells."""

    line: Line
    look: StateLook
    texts: tuple[str, ...]

    def data(self, column: int, role: int) -> object:
        """Return the text, colour, font, accessible text or line of a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return self.texts[column]
        if role == Qt.ItemDataRole.ForegroundRole:
            tone = self._tone(column)
            # None is the style's own colour, which is right also on a selected row.
            return None if tone is Tone.PLAIN else colour(tone, QGuiApplication.palette())
        if role == LOOK_ROLE and column == Column.STATE:
            return self.look
        if role == LINE_ROLE:
            return self.line
        if role == Qt.ItemDataRole.FontRole:
            return self._font(column)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{HEADERS[column]}: {self.texts[column]}"
        if role == Qt.ItemDataRole.AccessibleDescriptionRole and self.line.struck:
            return STRUCK
        return None

    def _tone(self, column: int) -> Tone:
        if column == Column.STATE:
            return self.look.tone
        quiet = column in (Column.TIME, Column.ENVIRONMENT) or self.line.struck
        return Tone.MUTED if quiet else Tone.PLAIN

    def _font(self, column: int) -> QFont | None:
        struck = self.line.struck and column != Column.STATE
        bold = column == Column.STATE and self.look.tone is Tone.RED
        if not struck and not bold:
            return None
        font = QFont()
        font.setStrikeOut(struck)
        font.setBold(bold)
        return font


def make_row(line: Line, now: datetime) -> Row:
    """Return the row of `line` as it reads at `now`."""
    event, look = line.event, state_look(line)
    texts = {
        Column.TIME: short_time(event.time, now),
        Column.STATE: look.word,
        Column.SERVICE: clean(event.service),
        Column.ENVIRONMENT: clean(event.environment),
        Column.WHAT: render(event, line.transition, service=False),
    }
    return Row(line, look, tuple(texts[column] for column in Column))

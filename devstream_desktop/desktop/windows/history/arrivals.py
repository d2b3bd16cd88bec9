"""Rows that arrive, said to a screen reader: few words, and not one sentence a row."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from devstream_desktop.desktop.widgets.announce import announce
from devstream_desktop.language import ngettext
from devstream_desktop.stream.line import headline
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import RED_STATES

_PAUSE_MS = 1_500
"""Rows that arrive within it are one sentence."""
_NAMED = 2


def arrivals_text(lines: Sequence[Line]) -> str:
    """Return what came: what is red by its name, the others as a number."""
    current = [line for line in lines if not line.superseded]
    red = [line for line in current if (line.event.kind, line.event.state) in RED_STATES]
    named = (red or current[-1:])[-_NAMED:]
    said = [headline(line.event, line.transition) for line in named]
    if more := len(current) - len(named):
        others = ngettext("{count} more new line", "{count} more new lines", more)
        said.append(others.format(count=more))
    return ". ".join(said)


class Arrivals(QTimer):
    """Collects the rows of a moment, and has them announced."""

    def __init__(self, about: QWidget) -> None:
        super().__init__(about, singleShot=True, interval=_PAUSE_MS)
        self._about = about
        self._lines: list[Line] = []
        self.timeout.connect(self._announce)

    def add(self, lines: Sequence[Line]) -> None:
        """Announce these rows, with those that come within a moment."""
        self._lines += lines
        # Not restarted, or a steady stream would never let it end.
        if not self.isActive():
            self.start()

    def _announce(self) -> None:
        lines, self._lines = self._lines, []
        announce(self._about, arrivals_text(lines))

"""Preview of rules over the last seven days, beside the GUI thread."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice, takewhile
from pathlib import Path

from PySide6.QtCore import QObject

from devstream_desktop.desktop.client.background import Background
from devstream_desktop.history.reader import Reader
from devstream_desktop.stream.attention import Desk
from devstream_desktop.stream.preview import DAYS, Preview, preview
from devstream_desktop.stream.query import Query
from devstream_desktop.stream.subject import Line

_MOST = 20_000
"""Lines that are looked at, the newest; some seconds of work."""
_STEP = 50
"""Lines after which the thread lets the screen go first."""
_PAUSE_S = 0.001
_FRESH_S = 120.0
"""Seconds for which the lines are kept, while a person tries rules."""


class Replay(QObject):
    """Asks one thread; the newest question wins."""

    def __init__(self, history: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._history = history
        self._thread = Background("replay", self)
        self._asked = 0
        self._closing = False
        self._lines: list[Line] = []
        self._partial = False
        self._read_at = float("-inf")

    def ask(
        self,
        desk: Desk,
        take: Callable[[Preview], None],
        *,
        refuse: Callable[[str], None],
        owner: QObject,
    ) -> None:
        """Preview the rules of a desk; a newer question takes its place.

        `refuse` takes the sentence that says why the history cannot be read.
        """
        self._asked += 1
        number = self._asked

        def work() -> Preview | None:
            self._read()
            # Read on the thread alone; a number is read whole.
            return preview(_gently(self._lines), desk, wanted=lambda: number == self._asked)

        def give(found: Preview | None) -> None:
            if found is not None and number == self._asked:
                take(replace(found, partial=self._partial))

        self._thread.run(work, give, refuse=refuse, owner=owner)

    def close(self) -> None:
        """Stop; what runs ends with its next line."""
        self._asked += 1
        self._closing = True
        self._thread.close()

    def _read(self) -> None:
        if time.monotonic() - self._read_at < _FRESH_S:
            return
        since = int(time.time() * 1000) - DAYS * 86_400_000
        with Reader(self._history) as reader:
            rows = reader.every(Query(since=since), at_once=_STEP)
            lines = takewhile(lambda _: not self._closing, _gently(rows))
            found = list(islice(lines, _MOST))
        self._partial = len(found) >= _MOST
        self._lines = found[::-1]
        self._read_at = time.monotonic()


def _gently(lines: Iterable[Line]) -> Iterator[Line]:
    """Hand on lines with a pause after each step."""
    for number, line in enumerate(lines, 1):
        yield line
        if number % _STEP == 0:
            time.sleep(_PAUSE_S)

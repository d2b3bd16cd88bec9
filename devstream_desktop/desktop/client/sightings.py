"""Sightings: others are told that a person on duty had a critical thing on screen."""

from __future__ import annotations

import random

from PySide6.QtCore import QObject, QTimer

from devstream_desktop.control.messages.base import Done
from devstream_desktop.control.messages.stream import Saw
from devstream_desktop.desktop.client.question import Question
from devstream_desktop.desktop.client.state import AppState
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.widening import ENOUGH, is_critical

SPREAD_MS = 8_000
"""Milliseconds over which desks tell it; most then hear of enough others first."""


class Sightings(QObject):
    """Tells the node of each critical thing that the person looked at."""

    def __init__(self, state: AppState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self._told: set[str] = set()
        """Entries with which the things that were told of began."""
        state.looked.connect(self._look)

    def _look(self) -> None:
        for thing in self._state.red:
            if self._is_news(thing):
                self._told.add(thing.since.entry)
                later = random.randrange(SPREAD_MS)  # noqa: S311 - no secret
                QTimer.singleShot(later, self, lambda began=thing.since.entry: self._tell(began))

    def _is_news(self, thing: Thing) -> bool:
        if not (self._state.on_duty and self._state.ready and is_critical(thing)):
            return False
        return thing.since.entry not in self._told and not self._is_known(thing)

    def _is_known(self, thing: Thing) -> bool:
        own = {name.casefold() for name in thing.seen_by} & self._state.names
        return bool(own) or len(thing.seen_by) >= ENOUGH

    def _tell(self, began: str) -> None:
        # It may be over by now, or enough others have seen it.
        thing = next((one for one in self._state.red if one.since.entry == began), None)
        if thing is not None and not self._is_known(thing):
            request = Saw(entry=thing.line.entry)
            self._state.asked.emit(Question(request, _ignore, self._failed, self))

    def _failed(self, _: str) -> None:
        # Nothing is lost but a word; the next look tries again.
        self._told.clear()


def _ignore(_: Done) -> None:
    """Take an answer that says nothing more."""

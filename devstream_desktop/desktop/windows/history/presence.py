"""A person at a window: keys and pointers tell of them."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, Signal
from PySide6.QtWidgets import QWidget

AWAY_MS = 300_000
"""Milliseconds without a key or a pointer after which nobody is there."""
_DONE = frozenset(
    {
        # A key that is a shortcut comes as nothing else.
        QEvent.Type.ShortcutOverride,
        QEvent.Type.KeyPress,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseMove,
        QEvent.Type.Wheel,
        QEvent.Type.TouchBegin,
        QEvent.Type.TouchUpdate,
        QEvent.Type.TabletPress,
        QEvent.Type.TabletMove,
    }
)


class Presence(QObject):
    """Notes when a person last used a window."""

    returned = Signal()
    """A person who was away does something again."""

    def __init__(self, window: QWidget, clock: Callable[[], int]) -> None:
        """Begin with nobody there; `clock` returns UTC milliseconds."""
        super().__init__(window)
        self._window = window
        self._clock = clock
        self._last = -AWAY_MS

    def follow(self) -> None:
        """Follow what is done in the window; called when it is shown, and again at will."""
        # Its native window gets the events of a person and few others.
        if (native := self._window.windowHandle()) is not None:
            native.installEventFilter(self)

    def note(self) -> None:
        """Note that a person does something."""
        self._last = self._clock()

    @property
    def here(self) -> bool:
        """True while the person was not away for long."""
        # A clock that was set back tells nothing.
        return 0 <= self._clock() - self._last < AWAY_MS

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Note keys and pointers, and take none of them."""
        if event.type() in _DONE:
            away = not self.here
            self.note()
            if away:
                self.returned.emit()
        return super().eventFilter(watched, event)

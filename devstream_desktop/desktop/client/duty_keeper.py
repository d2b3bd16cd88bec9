"""Duty by the hours of the person: on and off by itself, or a reminder."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer, Signal

from devstream_desktop.desk.duty import AtEnd, AtStart, Duty, Turn, last_turn, next_end
from devstream_desktop.desk.store import TURNED, DeskStore

_LOOK_MS = 15_000
_AGAIN_MS = 60_000
"""Milliseconds after which a switch that was not taken is tried again."""


class DutyKeeper(QObject):
    """Looks at the clock, and remembers over restarts what is done.

    A clock that is asked needs no alarm: after a sleep the next look finds what is due.
    """

    switched = Signal(bool, bool)
    """The person is to come on duty, or go off; and true for the first try at it.

    It is tried again until `settle`.
    """
    reminded = Signal(bool)
    """The person is to be asked: true whether they come on duty."""

    def __init__(
        self,
        store: DeskStore,
        *,
        clock: Callable[[], int] | None = None,
        parent: QObject | None = None,
    ) -> None:
        """Keep duty by `clock`, which returns UTC milliseconds."""
        super().__init__(parent)
        self._store = store
        self._clock = clock if clock is not None else lambda: int(time.time() * 1000)
        self._duty = Duty()
        self._on_duty = self._ready = False
        self._trying = self._tried = 0
        """The moments of the turn under way and of the last try."""
        self._timer = QTimer(self, interval=_LOOK_MS)
        self._timer.timeout.connect(self.look)
        self._timer.start()

    def set_duty(self, duty: Duty) -> None:
        """Take these hours."""
        self._duty = duty
        self.look()

    def set_state(self, *, on_duty: bool, ready: bool) -> None:
        """Note the duty of the person, and whether the node answers."""
        self._on_duty = on_duty
        if ready and not self._ready:
            self._ready = ready
            self.look()
        self._ready = ready

    @property
    def until(self) -> int:
        """The end of this duty, UTC milliseconds; 0 for none."""
        if not self._on_duty or self._duty.at_end is not AtEnd.OFF:
            return 0
        return next_end(self._duty.hours, self._clock())

    def look(self) -> None:
        """Do what is due."""
        # Until the node answers nothing is known, and nothing could be changed.
        if not self._ready:
            return
        if hasattr(time, "tzset"):
            # A machine that travels has another zone than when the app began.
            time.tzset()
        now = self._clock()
        turn = last_turn(self._duty.hours, now)
        acted = self._store.moment(TURNED)
        # A clock that was ahead would keep it quiet until then.
        if acted > now:
            self._store.set_moment(TURNED, now)
        elif turn is not None and turn.at > acted:
            self._act(turn, now)

    def settle(self, moment: int) -> None:
        """Note that the person's duty was set at `moment`: turns up to it are done."""
        if moment > self._store.moment(TURNED):
            self._store.set_moment(TURNED, moment)

    def _act(self, turn: Turn, now: int) -> None:
        what = self._duty.at_start if turn.begins else self._duty.at_end
        if turn.begins != self._on_duty and what in (AtStart.ON, AtEnd.OFF):
            self._try(turn, now)
            return
        self.settle(now)
        if turn.begins != self._on_duty and what in (AtStart.REMIND, AtEnd.REMIND):
            self.reminded.emit(turn.begins)

    def _try(self, turn: Turn, now: int) -> None:
        # The node may refuse it, or be gone before it answers.
        first = turn.at != self._trying
        if first or not 0 <= now - self._tried < _AGAIN_MS:
            self._trying, self._tried = turn.at, now
            self.switched.emit(turn.begins, first)

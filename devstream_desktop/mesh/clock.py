"""Trust in this node's clock, and the team's time instead.

Pruning goes by the clock, and one 40 days ahead would erase the history: while it is in doubt
nothing is forgotten. What is said and taken goes by it too: a clock two hours ahead would be heard
two hours late, and one two hours behind would hear two hours late. So when peers show that it is
wrong, entries are stamped and judged by the team's time instead (`correction`).

Each peer has one voice, and what it tells is its own clock, never a corrected one, so that no error
can travel on and grow.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from statistics import median

from devstream_desktop.control.node_words import (
    CLOCK_BELIEVED,
    CLOCK_CORRECTED,
    CLOCK_LATE,
    CLOCK_MOVED,
    CLOCK_OFF,
)
from devstream_desktop.stream.text import roughly

MAX_OFFSET_MS = 600_000
"""Distance to the peers' median that puts our clock in doubt.

Clocks nearer than this to each other agree.
"""
MAX_JUMP_MS = 3_600_000
"""Jump against the steady clock that puts ours in doubt.

Until a peer agrees with it.
"""
MAX_AWAY_MS = 3 * 86_400_000
"""The lead over all known times that puts a clock in doubt.

A machine may start with any time at all. A holiday looks the same, but the first peer ends the
doubt; a weekend is shorter.
"""
ALONE_MS = 6 * 3_600_000
"""Steady time after which a desk alone believes its clock again: no peer can ever confirm it.

Network time sets a wrong clock right long before.
"""
STEP_MS = MAX_OFFSET_MS // 2
"""Jump after which the peers must show their clocks anew.

Half the distance: two clocks that agreed and were set by less, one ahead and one back, agree still.
"""
SET_MS = 1_000
"""Jump against the steady clock that shows a set clock.

Drift between two looks is far smaller.
"""
WITNESSES = 2
"""Peers that must agree before their time is used: one alone may be wrong, or lie."""
_STEADY: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


def steady_ms() -> int:
    """Milliseconds of a steady clock that runs on during sleep.

    Nobody sets it. On Linux that is another clock than Python's.
    """
    return round((time.monotonic() if _STEADY is None else time.clock_gettime(_STEADY)) * 1000)


class ClockWatch:
    """Compares the wall clock with the peers' and the steady clock.

    All in milliseconds.
    """

    def __init__(self, last_known: int = 0, *, alone: Callable[[], bool] = lambda: False) -> None:
        """`last_known`: the time (UTC ms) that the log proves to have come, 0 for none.

        `alone()` is true while the team has no other device.
        """
        self._alone = alone
        self.steps = 0
        """The count of times the clock was set.

        After each the peers must show theirs anew.
        """
        self._offsets: dict[str, int] = {}
        self._proven = False
        """Enough peers agreed with this clock, and it was not set since.

        Who disagrees now has moved himself.
        """
        self._fresh: set[str] = set()
        """The peers heard since our clock was last set.

        An older offset is only as right as the steady clock.
        """
        self._off = self._correction = 0
        """The median of the offsets, and the answer of `correction`.

        Kept because both are asked for with every batch.
        """
        self._last: tuple[int, int] | None = None
        self._jumped = self._jumped_at = 0
        """The jump that nobody has confirmed, and the steady time of it."""
        self._late = 0
        """Distance behind the log, when the clock started so."""
        self._last_known = last_known

    def heard(self, device: str, offset: int) -> None:
        """Note that a peer's clock was `offset` ahead of ours.

        It is kept when the peer leaves: a clock does not get right by losing its witness.
        """
        self._offsets[device] = offset
        self._fresh.add(device)
        self._weigh()
        # A peer confirms the time to which the clock jumped.
        if abs(offset) <= MAX_OFFSET_MS:
            self._jumped = 0

    @property
    def witnessed(self) -> bool:
        """True when any peer has shown its clock."""
        return bool(self._offsets)

    def offset(self, device: str) -> int:
        """Return the offset of this peer's clock, 0 when it is unknown."""
        return self._offsets.get(device, 0)

    def tick(self, wall: int, steady: int) -> None:
        """Note the time; to be called every few seconds."""
        if self._last is not None:
            jump = (wall - self._last[0]) - (steady - self._last[1])
            if jump:
                self._shift(jump, steady)
            elif self._alone() and steady - self._jumped_at >= ALONE_MS:
                self._jumped = 0
        # The first look: only the log can say whether this clock is far off.
        elif self._last_known and not self._offsets:
            away = wall - self._last_known
            self._jumped, self._jumped_at = (away if away > MAX_AWAY_MS else 0), steady
            self._late = -away if away < -MAX_OFFSET_MS else 0
        self._last = (wall, steady)

    def _shift(self, jump: int, steady: int) -> None:
        self._offsets = {device: offset - jump for device, offset in self._offsets.items()}
        self._late = max(0, self._late - jump) if self._late else 0
        # Somebody set the clock: it has to prove itself again.
        if abs(jump) > SET_MS:
            self._proven = False
        # Older offsets were measured against another clock.
        if abs(jump) > STEP_MS:
            self.steps += 1
            self._fresh.clear()
        if abs(jump) > MAX_JUMP_MS:
            self._jumped, self._jumped_at = jump, steady
        self._weigh()

    def _weigh(self) -> None:
        # Where most clocks, ours among them, agree with ours, the rest are wrong or lie: one member
        # alone neither stops the pruning of all nor has them stamp by the log.
        outvoted = _against(self._offsets.values()) >= _with_us(self._offsets.values())
        self._off = round(median(self._offsets.values())) if outvoted else 0
        offsets = [self._offsets[device] for device in self._fresh]
        self._proven = self._proven or _with_us(offsets) > WITNESSES
        middle = round(median([0, *offsets]))
        agreeing = sum(abs(offset - middle) <= MAX_OFFSET_MS for offset in offsets)
        # By the steady clock, a clock that was right and was not set is still right. Otherwise two
        # members who lie together could move a third's time whenever they like.
        outvoted = _against(offsets) > _with_us(offsets)
        far = abs(middle) > MAX_OFFSET_MS and not self._proven
        moved = agreeing >= WITNESSES and outvoted and far
        self._correction = middle if moved else 0

    def correction(self) -> int:
        """Return the correction of this clock to the team's time, milliseconds.

        0 while nothing better than this clock is known. The median of all clocks heard since ours
        was set, ours among them: where as many agree with ours as do not, all stay where they are,
        instead of changing places.
        """
        return self._correction

    @property
    def late(self) -> bool:
        """True when the clock may be late, and no better is known.

        Then nothing is stamped older than the log proves. Not where the peers find it ahead: then
        the log is as wrong as the clock was. Nor where it was found right and not set since.
        """
        may_be = not self._offsets or (self._off > 0 and not self._proven)
        return may_be and bool(self.doubt()) and not self.correction()

    @property
    def certain(self) -> bool:
        """True when the time is known, by this clock or the team's."""
        return bool(self.correction()) or not self.doubt()

    @property
    def may_forget(self) -> bool:
        """True when what is old by this clock may be deleted."""
        return not self._jumped and not self.doubt()

    def doubt(self) -> str:
        """Return the reason to doubt the clock, a sentence; empty when there is none."""
        off = self._correction or self._off
        if abs(off) > MAX_OFFSET_MS:
            behind, ahead = (
                CLOCK_CORRECTED
                if self._correction
                else CLOCK_BELIEVED
                if self._proven
                else CLOCK_OFF
            )
            return (behind if off > 0 else ahead).format(time=roughly(off))
        if self._offsets:
            return ""
        if self._late > MAX_OFFSET_MS:
            return CLOCK_LATE.format(time=roughly(self._late))
        # Alone it is a holiday or a set clock, and nobody will ever confirm it: no alarm.
        if self._jumped and not self._alone():
            return CLOCK_MOVED.format(time=roughly(self._jumped))
        return ""


def _with_us(offsets: Iterable[int]) -> int:
    """Return the number of clocks that agree with ours, itself included."""
    return 1 + sum(abs(offset) <= MAX_OFFSET_MS for offset in offsets)


def _against(offsets: Iterable[int]) -> int:
    """Return the number of clocks that differ from ours."""
    return sum(abs(offset) > MAX_OFFSET_MS for offset in offsets)

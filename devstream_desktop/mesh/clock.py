"""Whether this node's clock can be believed. Pruning goes by it, and a clock 40 days ahead would erase the history."""

from __future__ import annotations

from statistics import median

MAX_OFFSET_MS = 600_000
"""Farther than this from the median of the peers' clocks, ours is in doubt."""
MAX_JUMP_MS = 3_600_000
"""A jump larger than this against the machine's steady clock puts it in doubt, until a peer agrees with it. (A laptop's sleep is none:
where the steady clock stops meanwhile, the first peer's clock clears the doubt.)"""


MAX_AWAY_MS = 3 * 86_400_000
"""A clock that is further than this past all that is known at a start is in doubt too, until a peer agrees with it: a machine may start
with any time at all. A holiday looks the same, but ends with the first peer; a weekend is shorter."""


class ClockWatch:
    """Compares the wall clock with the peers' and with the steady clock (both milliseconds)."""

    def __init__(self, last_known: int = 0) -> None:
        """`last_known`: the time (UTC ms) that the log proves to have come, 0 for none."""
        self._offsets: dict[str, int] = {}
        self._last: tuple[int, int] | None = None
        self._jumped = 0
        self._last_known = last_known

    def heard(self, device: str, offset: int) -> None:
        """A peer's clock was `offset` ahead of ours. It is kept when the peer leaves: a clock does not get right by losing its witness."""
        self._offsets[device] = offset
        if abs(offset) <= MAX_OFFSET_MS:
            self._jumped = 0

    @property
    def witnessed(self) -> bool:
        """Whether any peer has shown its clock."""
        return bool(self._offsets)

    def offset(self, device: str) -> int:
        """How far this peer's clock is ahead, 0 when it is unknown."""
        return self._offsets.get(device, 0)

    def tick(self, wall: int, steady: int) -> None:
        """Note the time; to be called every few seconds."""
        if self._last is not None:
            jump = (wall - self._last[0]) - (steady - self._last[1])
            self._offsets = {device: offset - jump for device, offset in self._offsets.items()}
            if abs(jump) > MAX_JUMP_MS:
                self._jumped = jump
        elif self._last_known and wall - self._last_known > MAX_AWAY_MS and not self._offsets:
            self._jumped = wall - self._last_known
        self._last = (wall, steady)

    def doubt(self) -> str:
        """Why the clock is not believed, one sentence; empty when it is."""
        if self._offsets:
            ours = -round(median(self._offsets.values()))
            if abs(ours) > MAX_OFFSET_MS:
                way = "ahead of" if ours > 0 else "behind"
                return f"this clock is {abs(ours) // 60_000} min {way} the team's; nothing is forgotten until it is set right"
            return ""
        if self._jumped:
            return f"this clock moved by {abs(self._jumped) // 60_000} min at once; nothing is forgotten until a peer confirms it"
        return ""

"""The mark up to which a person has seen everything."""

from __future__ import annotations

import msgspec

from devstream_desktop.stream.subject import Line


class Seen(msgspec.Struct, frozen=True):
    """Mark behind all that was seen, and the moment the desk began."""

    arrival: int = -1
    """Arrival number (`Line.arrival`); -1: nobody says, so nothing is new."""
    began: int = 0
    """UTC milliseconds: who comes to a team did not miss what was before them."""

    def is_new(self, line: Line) -> bool:
        """Tell whether a line came since."""
        return 0 <= self.arrival < line.arrival and line.received >= self.began

"""Moments as a person types them: `2d` for two days ago, `2026-11-22T18:30`."""

from __future__ import annotations

import re
from datetime import datetime

_AGO = re.compile(r"(\d{1,6})([smhdw])", re.IGNORECASE)
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


def parse_moment(text: str) -> int:
    """Return a moment in UTC milliseconds; a negative number is so long ago.

    Without a zone it is this machine's time. It is never 0: what came before 1970 is its beginning.

    Raises:
        ValueError: it is no time.
    """
    if ago := _AGO.fullmatch(text):
        return min(-1, -int(ago[1]) * _UNITS[ago[2].lower()])
    try:
        return max(1, round(datetime.fromisoformat(text).timestamp() * 1000))
    except (OverflowError, OSError):
        # The first and the last day of the calendar have no time elsewhere.
        raise ValueError(f"{text!r} is out of the calendar") from None

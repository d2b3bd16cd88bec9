"""Moments as a person types them: `2d` for two days ago, `yesterday`, `2026-11-22T18:30`."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta

from devstream_desktop.language import N_, _

_AGO = re.compile(r"(\d{1,6})([smhdw])", re.IGNORECASE)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_UNITS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


_DAYS = (N_("today"), N_("yesterday"))
_WEEKDAYS = (
    N_("monday"),
    N_("tuesday"),
    N_("wednesday"),
    N_("thursday"),
    N_("friday"),
    N_("saturday"),
    N_("sunday"),
)


def _today() -> date:
    return datetime.now().astimezone().date()


def _milliseconds(day: date, *, end: bool) -> int:
    """Return a day's first moment here, or its end; a day may have 23 hours."""
    first = datetime.combine(day + timedelta(days=1) if end else day, time()).astimezone()
    return max(1, round(first.timestamp() * 1000))


def _days_back(word: str) -> int | None:
    """Return how many days ago a named day was; None for another word."""
    for back, name in enumerate(_DAYS):
        if word in (name, _(name)):
            return back
    for weekday, name in enumerate(_WEEKDAYS):
        if word in (name, _(name)):
            return (_today().weekday() - weekday) % 7
    return None


def parse_moment(text: str, *, end: bool = False) -> int:
    """Return a moment in UTC milliseconds; a negative number is so long ago.

    `today`, `yesterday` and the name of a weekday are the last such day. A day is its first moment;
    with `end` it is the moment after it. Without a zone it is this machine's time. It is never 0:
    what came before 1970 is its beginning.

    Raises:
        ValueError: it is no time.
    """
    if ago := _AGO.fullmatch(text):
        return min(-1, -int(ago[1]) * _UNITS[ago[2].lower()])
    if (back := _days_back(text.lower())) is not None:
        return _milliseconds(_today() - timedelta(days=back), end=end)
    try:
        if _DAY.fullmatch(text):
            return _milliseconds(date.fromisoformat(text), end=end)
        return max(1, round(datetime.fromisoformat(text).timestamp() * 1000))
    except (OverflowError, OSError):
        # The first and the last day of the calendar have no time elsewhere.
        raise ValueError(f"{text!r} is out of the calendar") from None

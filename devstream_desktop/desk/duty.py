"""Hours of duty: when a person comes on duty by themselves, and when they go off.

Pure: the desk passes in the time and the moment up to which it has acted. Only the last begin or
end counts, so a machine that slept over three of them acts once, and what a person switches by hand
holds until the next one.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec

from devstream_desktop.language import N_
from devstream_desktop.stream.rules import DAYS, HOURS

_SPAN = N_("hours of this machine's clock, such as 08:00-18:30")
_Hours = Annotated[
    Annotated[str, msgspec.Meta(pattern=HOURS)] | None, msgspec.Meta(description=_SPAN)
]


class AtStart(StrEnum):
    """Effect of the beginning of the hours."""

    ON = "on"
    REMIND = "remind"
    NOTHING = "nothing"


class AtEnd(StrEnum):
    """Effect of the end of the hours."""

    OFF = "off"
    REMIND = "remind"
    NOTHING = "nothing"


class Week(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hours of each weekday; over midnight where the end is the earlier."""

    Mon: _Hours = None
    Tue: _Hours = None
    Wed: _Hours = None
    Thu: _Hours = None
    Fri: _Hours = None
    Sat: _Hours = None
    Sun: _Hours = None


class Duty(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The table `[duty]`. Without hours nothing happens by itself."""

    at_start: Annotated[AtStart, msgspec.Meta(description=N_("on, remind or nothing"))] = AtStart.ON
    at_end: Annotated[AtEnd, msgspec.Meta(description=N_("off, remind or nothing"))] = AtEnd.OFF
    hours: Week = msgspec.field(default_factory=Week)


class Turn(msgspec.Struct, frozen=True):
    """A begin or an end of hours."""

    at: int
    """UTC milliseconds."""
    begins: bool


def last_turn(hours: Week, now: int) -> Turn | None:
    """Return the last begin or end up to `now`, UTC milliseconds; None for none in a week.

    Where hours meet, as `22:00-06:00` and then `06:00-14:00`, duty goes on: there is no turn.
    """
    past = [turn for turn in _turns(hours, now) if turn.at <= now]
    return max(past, key=lambda turn: turn.at, default=None)


def next_end(hours: Week, now: int) -> int:
    """Return the end of the hours that hold at `now`, UTC milliseconds; 0 outside of all."""
    last = last_turn(hours, now)
    if last is None or not last.begins:
        return 0
    coming = [turn.at for turn in _turns(hours, now) if turn.at > now and not turn.begins]
    return min(coming, default=0)


def _turns(hours: Week, now: int) -> list[Turn]:
    """List the turns of some days around `now`."""
    spans = _spans(hours, datetime.fromtimestamp(now / 1000).astimezone().date())
    begins = [
        Turn(begin, begins=True)
        for begin, _ in spans
        if not any(other < begin <= end for other, end in spans)
    ]
    ends = [
        Turn(end, begins=False)
        for _, end in spans
        if not any(begin <= end < other for begin, other in spans)
    ]
    return [*begins, *ends]


def _spans(hours: Week, today: date) -> list[tuple[int, int]]:
    """List begins and ends around a day, UTC milliseconds."""
    found = []
    for distance in range(-8, 9):
        day = today + timedelta(days=distance)
        span: str | None = getattr(hours, DAYS[day.weekday()])
        if span is None:
            continue
        begin, end = (time.fromisoformat(part) for part in span.split("-"))
        # Over midnight, or a whole day.
        last = day if begin < end else day + timedelta(days=1)
        found.append((_moment(day, begin), _moment(last, end)))
    return found


def _moment(day: date, at: time) -> int:
    # Without a zone it is this machine's own, with the offset that it has on that day.
    return int(datetime.combine(day, at).timestamp() * 1000)

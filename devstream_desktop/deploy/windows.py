"""The hours of deploys, in a named time zone.

hours = "09:00-17:00"
days = ["mon", "tue", "wed", "thu"]
timezone = "Europe/Berlin"
freeze = [{ from = 2026-12-20, until = 2027-01-02, why = "the holidays" }]
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from devstream_desktop.config import FieldError
from devstream_desktop.control import plan_words
from devstream_desktop.stream.text import clean

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class Freeze:
    """A time without deploys, by the clock on the wall there."""

    start: datetime
    end: datetime
    why: str


@dataclass(frozen=True)
class Windows:
    """The hours and days of a target's deploys; by default all."""

    zone: ZoneInfo | None = None
    hours: tuple[int, int] | None = None
    """First minute of the day, and the first after it; past midnight where that is smaller."""
    days: frozenset[int] = frozenset(range(7))
    """Of the week, Monday is 0; the day on which the hours begin."""
    freezes: tuple[Freeze, ...] = ()

    def closed(self, now: int) -> str:
        """Return why nothing is deployed at `now` (UTC milliseconds); empty when it is open."""
        if self.zone is None:
            return ""
        local = datetime.fromtimestamp(now / 1000, self.zone).replace(tzinfo=None)
        for freeze in self.freezes:
            if freeze.start <= local < freeze.end:
                end = f"{freeze.end:%Y-%m-%d %H:%M}"
                return plan_words.FROZEN.format(time=end, zone=self.zone.key, reason=freeze.why)
        if self._within(local):
            return ""
        days = " ".join(name for at, name in enumerate(DAYS) if at in self.days)
        moment = f"{DAYS[local.weekday()]} {local:%H:%M}"
        if self.hours is None:
            return plan_words.CLOSED_DAY.format(days=days, zone=self.zone.key, time=moment)
        times = f"{days} {_clock(self.hours[0])}-{_clock(self.hours[1])}"
        closed = plan_words.CLOSED_HOURS
        return closed.format(days_and_hours=times, zone=self.zone.key, time=moment)

    def _within(self, local: datetime) -> bool:
        minute, day = local.hour * 60 + local.minute, local.weekday()
        if self.hours is None:
            return day in self.days
        start, end = self.hours
        if start < end:
            return day in self.days and start <= minute < end
        # Past midnight it is the day before that must be allowed.
        return (day in self.days and minute >= start) or (
            (day - 1) % 7 in self.days and minute < end
        )


def windows(
    timezone: str, hours: str, days: Sequence[str], freeze: Sequence[Mapping[str, str]]
) -> Windows:
    """Read the hours in which a target takes deploys.

    Raises:
        FieldError: one of them cannot be understood.

    """
    minutes = _hours(hours) if hours else None
    # Whose nine o'clock it is must not depend on the machine.
    if not timezone:
        key = "hours" if hours else "freeze" if freeze else "days"
        raise FieldError(f"{key} needs a timezone; as in Europe/Berlin", key)
    try:
        zone = ZoneInfo(timezone)
    # An unknown one is a KeyError; what is no name at all may be any of these.
    except (KeyError, ValueError, OSError):
        raise FieldError(
            f"{clean(timezone, 40)!r} is no time zone known here", "timezone"
        ) from None
    if not set(days) <= set(DAYS):
        raise FieldError(f"days must be a list of {', '.join(DAYS)}", "days")
    return Windows(
        zone,
        minutes,
        frozenset(DAYS.index(name) for name in days),
        tuple(_freeze(one) for one in freeze),
    )


def dated(written: Mapping[str, object]) -> Mapping[str, object]:
    """Write the dates of a table's `freeze` as text: TOML has a type of its own for them."""
    freezes = written.get("freeze")
    if not isinstance(freezes, list):
        return written
    texts = [
        {key: str(value) if isinstance(value, date) else value for key, value in one.items()}
        if isinstance(one, dict)
        else one
        for one in freezes
    ]
    return {**written, "freeze": texts}


def _hours(text: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(text)
    start, end = (int(match[1]) * 60 + int(match[2]), _minute(match[3])) if match else (0, 0)
    if start == end:
        raise FieldError('hours must be a time of day, as "09:00-17:00"', "hours")
    return start, end


def _freeze(written: Mapping[str, str]) -> Freeze:
    start = _moment(written.get("from", ""), end=False)
    end = _moment(written.get("until", ""), end=True)
    if set(written) != {"from", "until", "why"} or start is None or end is None or start >= end:
        raise FieldError(
            'each freeze must be {from = 2026-12-20, until = 2027-01-02, why = "…"}, a day or '
            '"2026-12-20 18:00", and end after it begins',
            "freeze",
        )
    return Freeze(start, end, clean(written["why"], 100))


def _moment(text: str, *, end: bool) -> datetime | None:
    """Return the moment of `2026-12-20` or `2026-12-20 18:00`; None when it is none.

    A day as the `end` is meant whole.
    """
    try:
        if _DATE.fullmatch(text):
            day = datetime.combine(date.fromisoformat(text), datetime.min.time())
            return day + timedelta(days=1) if end else day
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        return None
    # Its zone is the target's, and no other.
    return moment if moment.tzinfo is None else None


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    return int(hour) * 60 + int(minute)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"

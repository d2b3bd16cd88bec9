"""The look of a line: a shape, a word and a colour for its state, and its time in words."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from types import MappingProxyType

import msgspec
from PySide6.QtCore import QDate, QLocale

from devstream_desktop.desktop.widgets.marks import Shape
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import _, ngettext, pgettext
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.fact import is_note
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import (
    GREEN_STATES,
    RED_STATES,
    Kind,
    Severity,
    Transition,
    outcome,
)


class StateLook(msgspec.Struct, frozen=True):
    """A state as shape and word; the colour only supports them.

    The word is in the language of the desk.
    """

    shape: Shape
    word: str
    tone: Tone


_SHAPES: Mapping[Kind, tuple[Shape, Shape]] = MappingProxyType(
    {
        Kind.BUILD: (Shape.FAILED, Shape.PASSED),
        Kind.TEST: (Shape.FAILED, Shape.PASSED),
        Kind.DEPLOY: (Shape.FAILED, Shape.DEPLOYED),
        Kind.INCIDENT: (Shape.FIRING, Shape.FIXED),
        Kind.SOURCE: (Shape.SILENT, Shape.HEARD),
    }
)
"""Shapes of a kind's red and green states."""
_OTHERS: Mapping[str, tuple[Shape, Tone]] = MappingProxyType(
    {
        "running": (Shape.RUNNING, Tone.BLUE),
        "in_progress": (Shape.RUNNING, Tone.BLUE),
        "requested": (Shape.WAITING, Tone.BLUE),
        "queued": (Shape.WAITING, Tone.MUTED),
        "waiting": (Shape.WAITING, Tone.AMBER),
        "refused": (Shape.REFUSED, Tone.AMBER),
        "cancelled": (Shape.CANCELLED, Tone.MUTED),
        "inactive": (Shape.CANCELLED, Tone.MUTED),
        "force-pushed": (Shape.REWRITTEN, Tone.AMBER),
        "reset": (Shape.REWRITTEN, Tone.AMBER),
        "opened": (Shape.TICKET, Tone.VIOLET),
        "reopened": (Shape.TICKET, Tone.VIOLET),
        "closed": (Shape.CLOSED, Tone.MUTED),
        "claimed": (Shape.CLAIMED, Tone.ACCENT),
        "on": (Shape.CLAIMED, Tone.ACCENT),
    }
)
"""States that are neither red nor green."""
_PLAIN: Mapping[Kind, tuple[Shape, Tone]] = MappingProxyType(
    {
        Kind.CHANGE: (Shape.PUSHED, Tone.PLAIN),
        Kind.DUTY: (Shape.CLAIMED, Tone.MUTED),
        Kind.CLAIM: (Shape.CLAIMED, Tone.MUTED),
    }
)


def state_look(line: Line) -> StateLook:
    """Return the look of a line's transition, or else of its state.

    A row that is struck out shows no state, because its author is no longer believed.
    """
    if line.struck:
        return StateLook(Shape.STRUCK, _("struck out"), Tone.MUTED)
    return event_look(line.event, line.transition)


def event_look(event: Event, transition: Transition = Transition.NONE) -> StateLook:
    """Return the look of an event with its transition."""
    kind, state = event.kind, event.state
    if is_note(event):
        return StateLook(Shape.CLAIMED, _("noted"), Tone.PLAIN)
    word = _(outcome(kind, state, transition))
    if (kind, state) in RED_STATES:
        tone = Tone.AMBER if kind is Kind.SOURCE else Tone.RED
        return StateLook(_SHAPES[kind][0], word, tone)
    # A notice of a source that works: something was not read, its token ends.
    if kind is Kind.SOURCE and event.severity >= Severity.WARNING:
        return StateLook(_SHAPES[kind][0], _(event.severity.word), Tone.AMBER)
    if (kind, state) in GREEN_STATES:
        over = transition is Transition.FIXED and kind is not Kind.SOURCE
        return StateLook(Shape.FIXED if over else _SHAPES[kind][1], word, Tone.GREEN)
    shape, tone = _OTHERS.get(state) or _PLAIN.get(kind, (Shape.TEAM, Tone.MUTED))
    return StateLook(shape, word, tone)


def short_time(milliseconds: int, now: datetime) -> str:
    """Return a moment in local time, in the shortest clear form.

    `14:03:22` today, `yesterday 14:03`, `Mon 14:03` within a week, `12 Nov 14:03` within the year,
    else `12 Nov 2025`.

    Args:
        milliseconds: the moment, UTC.
        now: the time of reading.

    """
    when = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    days = (now.astimezone().date() - when.date()).days
    # A clock that is ahead makes tomorrow's times; those get the date as well.
    if days == 0:
        return f"{when:%H:%M:%S}"
    if days == 1:
        return _("yesterday {time}").format(time=f"{when:%H:%M}")
    if 1 < days < 7:
        return f"{_written(when, 'ddd')} {when:%H:%M}"
    if when.year == now.year:
        day = _written(when, pgettext("date", "d MMM"))
        return f"{day} {when:%H:%M}"
    return _written(when, pgettext("date", "d MMM yyyy"))


def day_text(day: date, today: date) -> str:
    """Return `Today, Sunday 29 November`, or a date."""
    if day.year != today.year and day != today - timedelta(days=1):
        return _written(day, pgettext("date", "dddd d MMMM yyyy"))
    full = _written(day, pgettext("date", "dddd d MMMM"))
    if day == today:
        return _("Today, {date}").format(date=full)
    if day == today - timedelta(days=1):
        return _("Yesterday, {date}").format(date=full)
    return full


def _written(day: date, form: str) -> str:
    """Write a day by the person's locale; `form` is one of `QLocale.toString`."""
    return QLocale().toString(QDate(day.year, day.month, day.day), form)


def clock_time(milliseconds: int) -> str:
    """Return local hours and minutes."""
    return time.strftime("%H:%M", time.localtime(milliseconds / 1000))


def coming_time(milliseconds: int, now: int) -> str:
    """Return a local time to come: `14:03`, or `Mon 14:03` on another day than `now`."""
    at = clock_time(milliseconds)
    day = datetime.fromtimestamp(milliseconds / 1000).astimezone().date()
    today = datetime.fromtimestamp(now / 1000).astimezone().date()
    return at if day == today else f"{_written(day, 'ddd')} {at}"


def duty_text(*, on: bool, until: int) -> str:
    """Return the duty of the person: `off duty`, `on duty`, `on duty until 18:00`.

    `until` is the end by their hours, UTC milliseconds; 0 for none.
    """
    if not on:
        return _("off duty")
    return _("on duty until {time}").format(time=clock_time(until)) if until else _("on duty")


def long_time(milliseconds: int) -> str:
    """Return local time in full: `Mon 23 Nov 2026, 14:03:22 CET`."""
    when = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    day = _written(when, pgettext("date", "ddd d MMM yyyy"))
    return f"{day}, {when:%H:%M:%S %Z}"


def people(count: int) -> str:
    """Return `1 person` or `4 people`."""
    return ngettext("{count} person", "{count} people", count).format(count=count)


def since(milliseconds: int, now: int) -> str:
    """Return the age of a moment, as short as can be: `now`, `12 min`, `5 h`, `2 d`."""
    minutes = max(0, now - milliseconds) // 60_000
    if minutes < 1:
        return pgettext("age", "now")
    if minutes < 90:
        return _("{count} min").format(count=minutes)
    if minutes < 48 * 60:
        return _("{count} h").format(count=minutes // 60)
    return _("{count} d").format(count=minutes // 1440)


def on_duty_text(people: Iterable[str], since_ms: Mapping[str, int], now: int) -> str:
    """Return people with the time for which they are on duty: `bo (3 h), chen (12 min)`."""
    named = _("{person} ({age})")
    return ", ".join(
        named.format(person=person, age=since(since_ms[person], now))
        if person in since_ms
        else person
        for person in people
    )


def ago(milliseconds: int, now: int) -> str:
    """Return how long ago a moment was, at most in days.

    `never`, `just now`, `4 min ago`, `2 h ago`, `3 days ago`. Both moments are UTC milliseconds; 0
    is never.
    """
    if not milliseconds:
        return _("never")
    past = timedelta(milliseconds=max(0, now - milliseconds))
    minutes = int(past.total_seconds() // 60)
    # The bounds keep two figures: 89 min, then 1 h; 47 h, then 2 days.
    if minutes < 1:
        return _("just now")
    if minutes < 90:
        return _("{count} min ago").format(count=minutes)
    if minutes < 48 * 60:
        return _("{count} h ago").format(count=minutes // 60)
    return _("{count} days ago").format(count=past.days)


def sentence(text: str) -> str:
    """Return `text` with a capital, for a window where it stands alone."""
    return text[:1].upper() + text[1:]

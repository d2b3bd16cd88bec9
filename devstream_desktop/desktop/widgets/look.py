"""The look of a line: a shape, a word and a colour for its state, and its time in words."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Kind, Transition, outcome


@dataclass(frozen=True)
class StateLook:
    """A state as shape and word; the colour only supports them."""

    glyph: str
    word: str
    tone: Tone

    @property
    def text(self) -> str:
        return f"{self.glyph} {self.word}"


_UNDER_WAY = frozenset({"running", "in_progress"})
_WAITING = frozenset({"queued", "waiting", "requested"})
_CALLED_OFF = frozenset({"cancelled", "refused", "inactive", "released"})


def state_look(line: Line) -> StateLook:
    """Return the look of a line's transition, or else of its state.

    A row that is struck out shows no state, because its author is no longer believed.
    """
    if line.struck:
        return StateLook("⊘", "struck out", Tone.MUTED)
    return event_look(line.event, line.transition)


def event_look(event: Event, transition: Transition = Transition.NONE) -> StateLook:
    """Return the look of an event with its transition."""
    kind, state = event.kind, event.state
    word = outcome(kind, state, transition)
    if (kind, state) in RED_STATES:
        return StateLook(
            "▲" if kind is Kind.INCIDENT else "✗",
            word,
            Tone.AMBER if kind is Kind.SOURCE else Tone.RED,
        )
    if (kind, state) in GREEN_STATES:
        return StateLook("✓", word, Tone.GREEN)
    if state in _UNDER_WAY:
        return StateLook("◐", word, Tone.BLUE)
    if state in _WAITING:
        return StateLook("○", word, Tone.BLUE if state == "requested" else Tone.MUTED)
    if state in _CALLED_OFF:
        return StateLook("⊘", word, Tone.AMBER if state == "refused" else Tone.MUTED)
    if kind is Kind.CHANGE:
        return StateLook(
            "◆", word, Tone.AMBER if state in ("force-pushed", "reset") else Tone.PLAIN
        )
    if kind is Kind.TICKET:
        return StateLook(
            "■" if state != "closed" else "□",
            word,
            Tone.VIOLET if state != "closed" else Tone.MUTED,
        )
    return StateLook("●" if state in ("on", "claimed") else "·", word, Tone.MUTED)


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
        return f"yesterday {when:%H:%M}"
    if 1 < days < 7:
        return f"{when:%a %H:%M}"
    if when.year == now.year:
        return f"{when.day} {when:%b %H:%M}"
    return f"{when.day} {when:%b %Y}"


def long_time(milliseconds: int) -> str:
    """Return local time in full: `Mon 23 Nov 2026, 14:03:22 CET`."""
    when = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return f"{when:%a} {when.day} {when:%b %Y, %H:%M:%S %Z}"


def people(count: int) -> str:
    """Return `1 person` or `4 people`."""
    return "1 person" if count == 1 else f"{count} people"


def ago(milliseconds: int, now: int) -> str:
    """Return how long ago a moment was, at most in days.

    `never`, `just now`, `4 min ago`, `2 h ago`, `3 days ago`. Both moments are UTC milliseconds; 0
    is never.
    """
    if not milliseconds:
        return "never"
    past = timedelta(milliseconds=max(0, now - milliseconds))
    minutes = int(past.total_seconds() // 60)
    # The bounds keep two figures: 89 min, then 1 h; 47 h, then 2 days.
    if minutes < 1:
        return "just now"
    if minutes < 90:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{past.days} days ago"


def sentence(text: str) -> str:
    """Return `text` with a capital, for a window where it stands alone."""
    return text[:1].upper() + text[1:]

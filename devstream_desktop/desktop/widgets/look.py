"""How a line looks: a shape, a word and a tone for its state, and its time as a person reads it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.stream.event import Event
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Kind, Transition


@dataclass(frozen=True)
class StateLook:
    """The shape and the word say it; the tone only helps."""

    glyph: str
    word: str
    tone: Tone

    @property
    def text(self) -> str:
        return f"{self.glyph} {self.word}"


_UNDER_WAY = frozenset({"running", "in_progress"})
_WAITING = frozenset({"queued", "waiting", "requested"})
_CALLED_OFF = frozenset({"cancelled", "refused", "inactive", "released"})
_SAID = frozenset({Transition.BROKEN, Transition.STILL_BROKEN, Transition.FIXED, Transition.REGRESSED})


def state_look(line: Line) -> StateLook:
    """The look of a line's state; its transition is the better word where there is one, and of what is struck out no state is told."""
    if line.struck:
        return StateLook("⊘", "struck out", Tone.MUTED)
    return event_look(line.event, line.transition)


def event_look(event: Event, transition: Transition = Transition.NONE) -> StateLook:
    """As `state_look`, of an event and what it means against its past."""
    kind, state = event.kind, event.state
    said = transition in _SAID and kind not in (Kind.TICKET, Kind.SOURCE)
    word = transition.value if said else state.replace("_", " ")
    if (kind, state) in RED_STATES:
        return StateLook("▲" if kind is Kind.INCIDENT else "✗", word, Tone.AMBER if kind is Kind.SOURCE else Tone.RED)
    if (kind, state) in GREEN_STATES:
        return StateLook("✓", word, Tone.GREEN)
    if state in _UNDER_WAY:
        return StateLook("◐", word, Tone.BLUE)
    if state in _WAITING:
        return StateLook("○", word, Tone.BLUE if state == "requested" else Tone.MUTED)
    if state in _CALLED_OFF:
        return StateLook("⊘", word, Tone.AMBER if state == "refused" else Tone.MUTED)
    if kind is Kind.CHANGE:
        return StateLook("◆", word, Tone.AMBER if state == "force-pushed" else Tone.PLAIN)
    if kind is Kind.TICKET:
        return StateLook("■" if state != "closed" else "□", word, Tone.VIOLET if state != "closed" else Tone.MUTED)
    return StateLook("●" if state in ("on", "claimed") else "·", word, Tone.MUTED)


def short_time(milliseconds: int, now: datetime) -> str:
    """Local time: `14:03:22` today, `yesterday 14:03`, `Mon 14:03` this week, `12 Nov 14:03` before, with the year when it is another."""
    when = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    days = (now.astimezone().date() - when.date()).days
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
    """Local time in full: `Mon 23 Nov 2026, 14:03:22 CET`."""
    when = datetime.fromtimestamp(milliseconds / 1000).astimezone()
    return f"{when:%a} {when.day} {when:%b %Y, %H:%M:%S %Z}"


def people(count: int) -> str:
    """`1 person`, `4 people`."""
    return "1 person" if count == 1 else f"{count} people"


def ago(milliseconds: int, now: int) -> str:
    """`never`, `just now`, `4 min ago`, `2 h ago`, `3 days ago`; both in UTC milliseconds."""
    if not milliseconds:
        return "never"
    past = timedelta(milliseconds=max(0, now - milliseconds))
    minutes = int(past.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 90:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{past.days} days ago"


def sentence(text: str) -> str:
    """`text` with a capital, as it stands alone in a window."""
    return text[:1].upper() + text[1:]

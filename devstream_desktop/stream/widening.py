"""Steps by which a critical thing finds somebody: who has seen it, and who is asked next.

Each desk takes them by itself, from what its history says, so nobody has to lead.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import IntEnum

from devstream_desktop.language import _, ngettext
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.thing import Thing
from devstream_desktop.stream.words import Severity

ENOUGH = 3
"""People whose sighting is published; in a large team the others would say nothing new."""
AGAIN_MS = 5 * 60_000
ALL_MS = 10 * 60_000
LATE_MS = 30 * 60_000
"""Nobody is told of an older one: whoever comes on duty gets the hand-over."""


class Step(IntEnum):
    """The people who are told of a thing."""

    NONE = 0
    """It is known that somebody looks, or it can wait."""
    DUTY = 1
    """Everybody on duty was told when it broke."""
    AGAIN = 2
    """Everybody on duty is told once more."""
    ALL = 3
    """People off duty are told too, if they allowed it."""


def is_critical(thing: Thing) -> bool:
    """Tell whether a thing is broken and cannot wait."""
    return thing.red and thing.severity is Severity.CRITICAL


def told_by(thing: Thing) -> Line:
    """Return the line that told the team of a critical thing."""
    # What was a warning at first is told anew with the line that calls it critical.
    return thing.since if thing.since.severity is Severity.CRITICAL else thing.line


def step_of(thing: Thing, now: int) -> Step:
    """Return the step that a thing is at; `now` is UTC milliseconds.

    The steps count from when the team was told: a thing may have begun long before.
    """
    told = told_by(thing)
    # What came in as history was told to nobody, so nobody is asked whether they saw it.
    if not is_critical(thing) or told.event.quiet or thing.claimed_by or thing.seen_by:
        return Step.NONE
    age = now - told.received
    if age < AGAIN_MS:
        return Step.DUTY
    return Step.AGAIN if age < ALL_MS else Step.ALL


def is_late(thing: Thing, now: int) -> bool:
    """Tell whether it is too late to ask who saw it."""
    return now - told_by(thing).received > LATE_MS


def seen_text(thing: Thing, on_duty: Collection[str], now: int) -> str:
    """Say who has seen a critical thing, or who is asked; empty where that is no question."""
    if not is_critical(thing):
        return ""
    if thing.seen_by:
        people = {*on_duty, *thing.seen_by}
        count, total = len(thing.seen_by), len(people)
        if ENOUGH <= count < total:
            form = _("{count} or more of {total} on duty have seen it")
        else:
            form = ngettext(
                "{count} of {total} on duty has seen it",
                "{count} of {total} on duty have seen it",
                count,
            )
        return form.format(count=count, total=total)
    # Of an old one it is not known: nobody may have said so in an earlier version.
    if is_late(thing, now):
        return ""
    return {
        Step.NONE: "",
        Step.DUTY: "",
        Step.AGAIN: _("nobody has seen it, all on duty are told again"),
        Step.ALL: _("nobody has seen it, those off duty are told too"),
    }[step_of(thing, now)]

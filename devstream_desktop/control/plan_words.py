"""Sentences of a plan: the executor says them in English, a desk in the person's language.

A node speaks English, and its sentences cross the network as text. Each stands here once, with
its places; `translated` finds the one that a text was made of.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from types import MappingProxyType

from devstream_desktop.language import N_, _

CHECK_ENDED: Mapping[str, str] = MappingProxyType(
    {
        "failed": N_("{name} failed at this commit"),
        "errored": N_("{name} errored at this commit"),
        "cancelled": N_("{name} cancelled at this commit"),
    }
)
"""By the state of the check."""
CHECK_UNDER_WAY: Mapping[str, str] = MappingProxyType(
    {"queued": N_("{name} is queued"), "running": N_("{name} is running")}
)
FORGE_ASKED = N_("{forge} was asked, for the stream does not tell all: {names}")
NO_CHECKS = N_("no build or test of this commit is known")
INCIDENT = N_("open: {line}")
BACKWARDS = (
    N_("this goes backwards: 1 commit goes away"),
    N_("this goes backwards: {count} commits go away"),
)
OLDER = N_("this commit is {age} older than what runs there")
OTHERS = (
    N_("others' work ships too, 1 commit: {people}"),
    N_("others' work ships too, {count} commits: {people}"),
)
UNKNOWN_THERE = N_("what runs on {environment} is not known")
UNKNOWN_COMMIT = N_("nothing is known of this commit but its hash")
EXECUTOR_AWAY = N_(
    "{person}'s device {device}, the executor of {target}, cannot be asked from here,"
    " so this is what the stream tells"
)
FROZEN = N_("frozen until {time} ({zone}): {reason}")
CLOSED_HOURS = N_("deploys are allowed {days_and_hours} ({zone}), and it is {time} there")
CLOSED_DAY = N_("deploys are allowed {days} at any hour ({zone}), and it is {time} there")
LOCKED = N_("{place} is locked by {person} for {age} now")
LOCKED_UNTIL = N_("{place} is locked by {person} for {age} now, {left} more")
LOCKED_WHY = N_("{place} is locked by {person} for {age} now: {reason}")
LOCKED_UNTIL_WHY = N_("{place} is locked by {person} for {age} now, {left} more: {reason}")
APPROVALS = N_("waits for the approval of {count} of {people}: {command}")
NEXT = N_("next, after {person}'s deploy of {commit}")
QUEUED = N_("number {number}, after {person}'s deploy of {commit}")

_MESSAGES = (
    *CHECK_ENDED.values(),
    *CHECK_UNDER_WAY.values(),
    FORGE_ASKED,
    NO_CHECKS,
    INCIDENT,
    *BACKWARDS,
    OLDER,
    *OTHERS,
    UNKNOWN_THERE,
    UNKNOWN_COMMIT,
    EXECUTOR_AWAY,
    FROZEN,
    # The narrower one first: the other fits it as well.
    CLOSED_DAY,
    CLOSED_HOURS,
    LOCKED_UNTIL_WHY,
    LOCKED_WHY,
    LOCKED_UNTIL,
    LOCKED,
    APPROVALS,
    NEXT,
    QUEUED,
)


def translated(text: str) -> str:
    """Say a sentence of a plan in this program's language; one that is not known stays."""
    for message in _MESSAGES:
        if (values := _values(message, text)) is not None:
            return _(message).format(**values)
    return text


def _values(message: str, text: str) -> dict[str, str] | None:
    """Return what stands in the places of a message; None where the text was not made of it."""
    values: dict[str, str] = {}
    name, place = "", 0
    for literal, field, _spec, _conversion in Formatter().parse(message):
        # Where a value holds these very words its end is a guess, and the whole is right anyway.
        at = text.find(literal, place + 1) if name else place
        if name and not literal:
            at = len(text)
        if at < 0 or not text.startswith(literal, at):
            return None
        if name:
            values[name] = text[place:at]
        name, place = field or "", at + len(literal)
    if name:
        values[name] = text[place:]
        place = len(text)
    return values if place == len(text) and all(values.values()) else None

"""Replay of past lines: how many would have popped up under other rules.

It asks the function that decides about popups, in the order and at the moments in which the lines
were written, for a desk that was there all the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from devstream_desktop.stream.attention import (
    Desk,
    Known,
    Recent,
    Severities,
    decide,
    is_end,
    popup_key,
)
from devstream_desktop.stream.rules import Attention
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import RED_STATES

DAYS = 7
"""Days that a preview looks back."""


@dataclass(frozen=True)
class Preview:
    """Effect of rules on past lines."""

    lines: int
    popups: int
    digest: int
    by_rule: tuple[int, ...]
    """Lines that pop up, or go into a digest, by each rule."""
    fixed: int = 0
    """Popups that no rule decides, as the result of one's own deploy."""
    partial: bool = False
    """There were more lines, older ones, than were looked at."""


def preview(
    lines: Iterable[Line], desk: Desk, *, wanted: Callable[[], bool] = lambda: True
) -> Preview | None:
    """Decide about lines, oldest first, as a desk on duty would have.

    Args:
        lines: In the order of their ids.
        desk: Person, aliases and rules count; it is on duty and unwatched.
        wanted: False ends the replay; then there is no preview.

    """
    recent, red, counts = Recent(), set[str](), dict.fromkeys(Attention, 0)
    severities = Severities()
    by_rule, fixed = [0] * len(desk.rules), 0
    there = Desk(person=desk.person, on_duty=True, rules=desk.rules, aliases=desk.aliases)
    for line in lines:
        if not wanted():
            return None
        key = popup_key(line)
        known = Known(shown_red=key in red, worse=severities.rises(line))
        found = decide(line, there, recent, line.received, known)
        counts[found.attention] += 1
        if found.attention is not Attention.QUIET:
            if found.rule is None:
                fixed += 1
            else:
                by_rule[found.rule] += 1
        if is_end(line):
            red.discard(key)
        elif found.attention is Attention.POPUP and _is_red(line):
            red.add(key)
    popups, digest = counts[Attention.POPUP], counts[Attention.DIGEST]
    return Preview(sum(counts.values()), popups, digest, tuple(by_rule), fixed)


def _is_red(line: Line) -> bool:
    return (line.event.kind, line.event.state) in RED_STATES

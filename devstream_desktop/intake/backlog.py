"""Backlog: what a source tells after it could not be read for a while.

A flood of old news is no news. What was over again by the time it is told is history, and where
much is left, one line says how much there is and names what is red now. docs/identity.md states the
rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from devstream_desktop.stream.event import Event, fact_key, make_event
from devstream_desktop.stream.fact import topic_of
from devstream_desktop.stream.line import render
from devstream_desktop.stream.subject import BACKLOG
from devstream_desktop.stream.words import GREEN_STATES, RED_STATES, Kind, Severity

BEHIND = 15 * 60_000
"""Milliseconds after which what is told is a backlog."""
FEW = 3
"""Lines that may each interrupt: a burst of the attention rules."""
NAMED = 60
"""Characters of each red line in the digest."""


def digested(
    news: Sequence[Event],
    *,
    source: str,
    since: int,
    now: int,
    was_red: Callable[[Event], bool],
) -> list[Event]:
    """Make history quiet, and add one line for many.

    Args:
        news: what nobody was told yet, the oldest first.
        source: its name.
        since: when the source was read last, UTC milliseconds.
        now: UTC milliseconds.
        was_red: tells whether the thing of an event was red before all of them.

    """
    last = {topic_of(event): event for event in news if not event.quiet}
    reddened = {topic_of(event) for event in news if _is_red(event)}
    told = [
        event if event.quiet or _is_news(event, last, reddened, was_red) else _quiet(event)
        for event in news
    ]
    loud = [event for event in told if not event.quiet]
    if len(loud) <= FEW:
        return told
    reds = [event for event in loud if _is_red(event)]
    # A broken production is too much for a word in a digest.
    worst = [event for event in reds if event.severity >= Severity.CRITICAL][-FEW:]
    rest = [event if event in worst else _quiet(event) for event in told]
    return [*rest, _digest(news, reds, source, since, now)]


def is_digest(event: Event) -> bool:
    """Tell whether an event is the one line for many."""
    return event.kind is Kind.SOURCE and event.subject.endswith(BACKLOG)


def _is_news(
    event: Event,
    last: dict[str, Event],
    reddened: set[str],
    was_red: Callable[[Event], bool],
) -> bool:
    """Tell whether an event changes what is true now."""
    topic = topic_of(event)
    if last.get(topic) is not event:
        return False
    # It broke and was mended while nobody looked.
    mended = (event.kind, event.state) in GREEN_STATES and topic in reddened
    return not mended or was_red(event)


def _digest(
    news: Sequence[Event], reds: Sequence[Event], source: str, since: int, now: int
) -> Event:
    names = [render(event, width=NAMED, service=False) for event in reds]
    room, said = 180, list[str]()
    for name in names:
        if sum(len(one) + 2 for one in said) + len(name) > room:
            break
        said.append(name)
    rest = f" and {len(names) - len(said)} more" if len(said) < len(names) else ""
    return make_event(
        kind=Kind.SOURCE,
        state="active",
        service=source,
        subject=f"source/{source}{BACKLOG}",
        number=str(since),
        key=fact_key(f"source/{source}", Kind.SOURCE, "backlog", str(since)),
        time=now,
        source=source,
        count=len(news),
        duration=max(0, now - since),
        reason=f"{', '.join(said)}{rest}",
        severity=max((event.severity for event in reds), default=Severity.INFO),
    )


def _is_red(event: Event) -> bool:
    return (event.kind, event.state) in RED_STATES


def _quiet(event: Event) -> Event:
    return msgspec.structs.replace(event, quiet=True)

"""Repeats: tell one that is news from a known fact.

A collector's key says what a thing came to. A thing can come to it again: a branch goes back to a
commit, a deployment fails once more. Then the key of the repeat holds the key of the fact that it
follows, which is the same on every node that knows that fact. docs/identity.md states the rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import takewhile
from typing import Protocol

import msgspec

from devstream_desktop.stream.event import Event, fact_key
from devstream_desktop.stream.fact import fact_id, run_of, work_of
from devstream_desktop.stream.subject import rank
from devstream_desktop.stream.words import Kind

_MINUTE = 60_000
_SKEW = 2 * _MINUTE
"""Clocks of two services that are kept agree better than this."""
_AN_EPOCH = 1_000_000_000_000
"""Orders from here on are times, UTC milliseconds, and not numbers."""


class KnownFacts(Protocol):
    """The stream's knowledge of a thing."""

    def knows(self, fact: bytes) -> bool:
        """Tell whether it has a fact of this identity (`stream.fact.fact_id`)."""
        ...

    def past(self, event: Event) -> Sequence[Event]:
        """Return the last reports on the thing of `event`, newest work first."""
        ...

    def told(self, fact: bytes) -> Event | None:
        """Return the event of a fact; None where it has none."""
        ...


class _When(Enum):
    AFTER = "after"
    BEFORE = "before"
    UNKNOWN = "unknown"


def news_of(event: Event, known: KnownFacts, received: int = 0) -> Event | None:
    """Return the event as it goes into the stream; None where the stream says it already.

    Args:
        event: as its collector made it.
        known: what the stream says.
        received: when the delivery came, UTC milliseconds; an event of that time says none of its
            own. 0 for what was seen at its time, by a poll or a script.

    """
    past = [one for one in known.past(event) if _says_outcome(one)]
    newest = past[0] if past else None
    if not known.knows(_fact(event)):
        if event.kind is Kind.INCIDENT:
            return _continued(event, past)
        if newest is None or event.kind is not Kind.CHANGE or not _says_outcome(event):
            return event
        return _placed(event, past, newest, received)
    if newest is None:
        return None
    if _outcome(newest) == _outcome(event):
        anew = _began_anew(event, newest) or _came_back(event, newest, received)
        return _repeated(event, newest) if anew else None
    last = next((one for one in past if _outcome(one) == _outcome(event)), None)
    when = _when(event, newest, last, received)
    if when is _When.BEFORE:
        return None
    repeat = _repeated(event, newest)
    if known.knows(_fact(repeat)):
        return None
    # Nobody can say whether it is one. A quiet line too many is better than a lost one.
    return msgspec.structs.replace(repeat, quiet=True) if when is _When.UNKNOWN else repeat


def is_return(event: Event, past: Sequence[Event], received: int) -> bool:
    """Tell whether a report without news announces a return too early.

    It leaves the thing where the newest of the `past` left it, and says that it came there another
    time.
    """
    newest = past[0] if past else None
    if newest is None or _outcome(event) != _outcome(newest) or not received:
        return False
    if event.time != received:
        return event.time > newest.time
    # A look that missed moves says of its own where it was before; this is the last of them.
    ways = {newest.previous, *(_outcome(one) for one in past[1:2])}
    return event.kind is Kind.CHANGE and _says_before(event) and event.previous not in ways


def precedes(event: Event, later: Event, received: int) -> bool:
    """Tell whether an event precedes the return `later`, which was heard first."""
    if _outcome(event) == _outcome(later):
        return False
    if event.kind is Kind.CHANGE and event.time == received:
        return later.previous == _outcome(event)
    return event.time < later.time


def _fact(event: Event) -> bytes:
    # Every collector gives one fact the same identity.
    return fact_id(event, "")


def _began_anew(event: Event, newest: Event) -> bool:
    """Tell whether a number was given again: a job that is made anew counts from one."""
    runs = event.kind in (Kind.BUILD, Kind.TEST) and newest.order > _AN_EPOCH
    return runs and event.order > newest.order + _MINUTE


def _came_back(event: Event, newest: Event, received: int) -> bool:
    """Tell whether a move leads back from where nobody saw the branch.

    The move that led there is on its way, and says when it was.
    """
    if event.kind is not Kind.CHANGE or not received or event.time in {0, received}:
        return False
    elsewhere = _says_before(event) and event.previous not in {newest.previous, _outcome(newest)}
    return elsewhere and event.time > newest.time


def _says_outcome(event: Event) -> bool:
    """Tell whether an event says where it leaves the thing; some merges name no commit."""
    return event.kind is not Kind.CHANGE or event.state == "deleted" or bool(event.revision)


def _outcome(event: Event) -> str:
    """Return the state of the thing after the event."""
    match event.kind:
        case Kind.CHANGE:
            return "" if event.state == "deleted" else event.revision
        case Kind.INCIDENT:
            return f"{event.state} {event.number}"
        case _:
            return event.state


def _says_before(event: Event) -> bool:
    """Tell whether a change says where its branch was before."""
    return bool(event.previous) or event.state == "created"


def _when(event: Event, newest: Event, last: Event | None, received: int) -> _When:
    """Judge whether a known state was reached again after `newest`.

    Otherwise the event is an old report of it. `last` is the latest report of that state.
    """
    said = event.time != received
    if said and last is not None and event.time <= last.time and not _moved_within(event, last):
        return _When.BEFORE
    if event.kind is Kind.CHANGE and _says_before(event):
        if event.previous == _outcome(newest):
            return _When.BEFORE if _is_late(event, newest, received) else _When.AFTER
        if not said:
            return _When.BEFORE
    if not said:
        return _When.UNKNOWN
    return _When.AFTER if event.time > newest.time else _When.BEFORE


def _moved_within(event: Event, last: Event) -> bool:
    """Tell whether two moves within one second came from different commits.

    Some forges report times in whole seconds.
    """
    return event.time == last.time and event.previous != last.previous


def _repeated(event: Event, newest: Event) -> Event:
    change = event.kind is Kind.CHANGE
    # The row of a move, not its key: one collector knows that it was forced, another does not.
    before = newest.number if change else newest.key
    key = fact_key(event.key, event.kind, "after", before)
    repeat = msgspec.structs.replace(event, key=key, order=_after(event, newest))
    return _in_a_row_of_its_own(repeat, newest) if change else repeat


def _in_a_row_of_its_own(event: Event, newest: Event) -> Event:
    """Give a branch's return to a commit a row of its own.

    It is that of the commit after the row of `newest`, however a collector calls the move.
    """
    mark = fact_key(newest.scope, Kind.CHANGE, newest.number)[:8]
    return msgspec.structs.replace(event, number=f"{event.number[:40]}~{mark}")


def _continued(event: Event, past: Sequence[Event]) -> Event:
    """Place a step of an alert after earlier ones.

    An alert that comes back may still say when it first began.
    """
    steps = [one for one in past if run_of(one) == run_of(event)]
    if not steps or event.time <= steps[0].time:
        return event
    lasting = list(takewhile(lambda one: one.state != event.state, steps))
    # It has lasted since it came back, and not since it first began.
    back = event.duration > 0 and lasting and len(lasting) < len(steps)
    duration = event.time - lasting[-1].time if back else event.duration
    return msgspec.structs.replace(event, order=_after(event, steps[0]), duration=duration)


def _placed(event: Event, past: Sequence[Event], newest: Event, received: int) -> Event | None:
    """Give a new change its place among those of its branch."""
    if _outcome(event) == _outcome(newest) and not _deletes_unseen(event, past):
        if rank(event.kind, event.state) <= rank(newest.kind, newest.state):
            return None
        # It says more of the same move, in its row.
        return msgspec.structs.replace(
            event, number=newest.number, order=max(event.order, work_of(newest))
        )
    if not _says_before(event):
        return event
    # Every creation follows a deletion, so only its time says which one: this, if it is later.
    dated = event.state == "created" and event.time != received
    dated = dated and event.time <= newest.time + _skew(event, newest, received)
    if event.previous == _outcome(newest) and not dated and not _is_late(event, newest, received):
        placed = msgspec.structs.replace(event, order=_after(event, newest))
        again = any(_outcome(one) == _outcome(event) for one in past)
        return _in_a_row_of_its_own(placed, newest) if again else placed
    if event.time == received:
        # A later move began where this one ends, so this report is late and belongs before it.
        later = [one for one in past if one.previous and one.previous == _outcome(event)]
        if later:
            place = min(work_of(one) for one in later) - 1
            return msgspec.structs.replace(event, order=max(1, place))
    return event


def _is_late(event: Event, newest: Event, received: int) -> bool:
    """Tell whether a move says that it came before the newest one.

    A branch that went round leads from where it is, too. Two services may have two clocks. A look
    is timed by this node's own, and looks again: it may have begun before a push that was heard
    while it went on.
    """
    late = event.time < newest.time - _skew(event, newest, received)
    return event.time not in {0, received} and late


def _skew(event: Event, newest: Event, received: int) -> int:
    return 0 if event.source == newest.source or not received else _SKEW


def _deletes_unseen(event: Event, past: Sequence[Event]) -> bool:
    """Tell whether a deleted branch had been made again without a report.

    A poll that missed some moves says of a deletion where it saw the branch last.
    """
    known = {one.revision for one in past} | {one.previous for one in past}
    return event.state == "deleted" and event.previous not in known


def _after(event: Event, newest: Event) -> int:
    """Return the order of an event after `newest`, whatever two clocks say."""
    place = work_of(newest)
    return event.order if work_of(event) > place else place + 1

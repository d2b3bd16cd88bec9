"""Events, or named reasons why there are none: what a delivery or an answer comes to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps

import msgspec

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_desktop.stream.event import Event, InvalidEventError
from devstream_desktop.stream.text import clean

Normalise = Callable[[Delivery, SourceInfo], Normalised]
Reader = Callable[[Delivery, SourceInfo], Event | tuple[Event, ...] | Normalised]
Maker = Callable[[], Event]
"""Makes the event of one fact, or raises `Dropped` or `InvalidEventError`."""


class Dropped(Exception):  # noqa: N818 - it is a verdict, not an error
    """A fact that makes no line; raised by readers and makers.

    `reason` is a short fixed name that is counted; `detail` may hold text from outside.
    """

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = clean(detail, 120)


def tolerant(read: Reader) -> Normalise:
    """Turn a function that may raise on bad input into a `normalise`."""

    @wraps(read)
    def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
        try:
            made = read(delivery, source)
        except Dropped as drop:
            return Normalised(dropped=drop.reason, detail=drop.detail)
        except InvalidEventError as error:
            return Normalised(dropped="invalid-event", detail=clean(str(error), 200))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Normalised(dropped="unexpected-shape", detail=clean(str(error), 200))
        if isinstance(made, Normalised):
            return made
        return Normalised((made,) if isinstance(made, Event) else made)

    return normalise


def gathered(makers: Iterable[Maker]) -> tuple[tuple[Event, ...], dict[str, int], str]:
    """Make what events can be made, and count the others.

    Returns the events, the number of others by reason, and the first detail.
    """
    events: list[Event] = []
    dropped: dict[str, int] = {}
    detail = ""
    for make in makers:
        try:
            events.append(make())
            continue
        except Dropped as drop:
            reason, said = drop.reason, drop.detail
        except InvalidEventError as error:
            reason, said = "invalid-event", str(error)
        dropped[reason] = dropped.get(reason, 0) + 1
        detail = detail or said
    return tuple(events), dropped, detail


def together(makers: Iterable[Maker], *, nothing: str) -> tuple[Event, ...]:
    """Make the events of a delivery that may hold several facts.

    Args:
        makers: one for each fact. One that makes no line does not hold up the others.
        nothing: the reason when there is no fact at all.

    Raises:
        Dropped: no fact makes a line; the reason is the first one's.

    """
    events, dropped, detail = gathered(makers)
    if not events:
        raise Dropped(next(iter(dropped), nothing), detail)
    return events

"""Events or named reasons: what a delivery or an answer comes to, however odd it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps

import msgspec

from devstream_collectors.contract import Delivery, Normalised, SourceInfo
from devstream_desktop.stream.event import Event, InvalidEventError
from devstream_desktop.stream.text import clean

Normalise = Callable[[Delivery, SourceInfo], Normalised]


class Dropped(Exception):  # noqa: N818 - it is a verdict, not an error
    """Raised inside a `tolerant` reader: the fact makes no line. `reason` is a short fixed name; `detail` may hold text from outside."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = clean(detail, 120)


def tolerant(read: Normalise) -> Normalise:
    """`read`, which may raise what decoding and `make_event` raise, or `Dropped`: each becomes a named drop."""

    @wraps(read)
    def normalise(delivery: Delivery, source: SourceInfo) -> Normalised:
        try:
            return read(delivery, source)
        except Dropped as drop:
            return Normalised(dropped=drop.reason, detail=drop.detail)
        except InvalidEventError as error:
            return Normalised(dropped="invalid-event", detail=clean(str(error), 200))
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            return Normalised(dropped="unexpected-shape", detail=clean(str(error), 200))

    return normalise


def gathered(
    makers: Iterable[Callable[[], Event]],
) -> tuple[tuple[Event, ...], dict[str, int], str]:
    """The events that can be made, why and how often others cannot, and the detail of the first that cannot."""
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


def together(makers: Iterable[Callable[[], Event]], *, nothing: str) -> Normalised:
    """One delivery's facts: the events there are, else the first reason why there are none (`nothing`, when it holds no fact).

    Raises:
        Dropped: there is no event.

    """
    events, dropped, detail = gathered(makers)
    if not events:
        raise Dropped(next(iter(dropped), nothing), detail)
    return Normalised(events)

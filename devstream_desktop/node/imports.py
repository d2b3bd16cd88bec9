"""History of another home, taken into the stream.

Told quietly and once, by this device, in the order in which it comes. Only what a collector may
tell is history: duty, claims, policies and requests are the word of their authors.
"""

from __future__ import annotations

import msgspec

from devstream_desktop.clock import now_ms
from devstream_desktop.control.errors import ControlError
from devstream_desktop.control.messages.imports import Import, Imported
from devstream_desktop.node.core import Node
from devstream_desktop.stream.event import Event, InvalidEventError, cleaned
from devstream_desktop.stream.fact import AuthorClass, author_class, fact_id
from devstream_desktop.stream.words import Kind

MAX_EVENTS = 500
"""In one request: what a person does meanwhile waits for no more."""


async def take_in(node: Node, request: Import) -> Imported:
    """Publish what is new of it.

    Raises:
        ControlError: it is too much at once, or this device is no collector.

    """
    if len(request.events) > MAX_EVENTS:
        raise ControlError(f"more than {MAX_EVENTS} events came in one request; send fewer")
    now = now_ms()
    history = [one for event in request.events if (one := _as_history(event, now)) is not None]
    # The history answers by key alone, so a file that is imported twice tells nothing twice.
    facts = {fact_id(one, node.device): one for one in history}
    new = [one for fact, one in facts.items() if not node.history.knows(fact)]
    await node.publish(new)
    unfit = len(request.events) - len(history)
    return Imported(taken=len(new), known=len(history) - len(new), unfit=unfit)


def _as_history(event: Event, now: int) -> Event | None:
    """Return what is published of an event; None where it cannot be history."""
    # An executor's answer is a deploy that was seen.
    seen = msgspec.structs.replace(
        event,
        quiet=True,
        request="",
        executor="",
        expires=0,
        action="",
        about="",
        parameters="",
        policy=0,
        override=False,
    )
    collected = author_class(seen.kind, seen.state) is AuthorClass.COLLECTOR
    if not collected or seen.kind is Kind.SOURCE or not 0 < seen.time <= now:
        return None
    try:
        return cleaned(seen)
    except InvalidEventError:
        return None

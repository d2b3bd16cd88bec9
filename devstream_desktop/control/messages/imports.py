"""Events of another home, taken in as history."""

from __future__ import annotations

from devstream_desktop.control.messages.base import Reply, Request
from devstream_desktop.stream.event import Event


class Imported(Reply, frozen=True, tag=True, kw_only=True):
    """Answer: how many events of an import were new, known, and no history."""

    taken: int
    known: int
    unfit: int


class Import(Request[Imported], frozen=True, tag=True, kw_only=True):
    """Take events of another home in as history; answered with `Imported` once durable."""

    events: tuple[Event, ...]

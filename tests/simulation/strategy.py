"""A way to lie: a small strategy with a seed, which a liar may have for all of its life.

Every entry of a liar is well signed, with its own key; nothing else about it need be true.
"""

from __future__ import annotations

import contextlib
import random
from typing import Protocol

from raw_feed import RawFeed, event

from devstream_desktop.mesh import wire
from devstream_desktop.mesh.wire import Place, Range, Record, SignedEntry
from devstream_desktop.stream.entry import FEED_BYTES, MAX_HLC, MalformedEntryError, parse_entry
from devstream_desktop.stream.event import (
    Event,
    InvalidEventError,
    decode_event,
    fact_key,
    make_event,
)
from devstream_desktop.stream.words import Kind

SERVICE, ENVIRONMENT = "shop", "production"
"""The target and the environment that the team deploys."""
HOUR, DAY = 3_600_000, 86_400_000
NUMBERS = (0, 1, 2, 100, 1 << 31, (1 << 53) + 1, MAX_HLC - 1, MAX_HLC)
"""The last is the largest that a message can carry."""


_OBSERVED = {
    Kind.CHANGE: ("pushed", "merged", "force-pushed"),
    Kind.BUILD: ("queued", "running", "succeeded", "failed"),
    Kind.TEST: ("succeeded", "failed"),
    Kind.DEPLOY: ("in_progress", "success", "failure", "inactive"),
    Kind.INCIDENT: ("firing", "resolved"),
    Kind.TICKET: ("opened", "closed"),
    Kind.SOURCE: ("silent", "active"),
}


def observed(rng: random.Random, number: int, time: int) -> Event:
    """Something that happens: anybody can foresee how the next is called."""
    kind = rng.choice(list(_OBSERVED))
    state = rng.choice(_OBSERVED[kind])
    environment = ENVIRONMENT if kind is Kind.DEPLOY else ""
    return make_event(
        kind=kind,
        state=state,
        service=SERVICE,
        subject=f"{kind}/shop/main",
        key=fact_key("shop", kind, str(number), state),
        time=time,
        number=str(number),
        environment=environment,
        actor=f"author {number}",
        title=f"{kind} {number} {state}",
    )


class Mouth(Protocol):
    """A liar as its strategies see it: in the simulation (liar.py), or with real sockets
    (hosts/lying_node.py).

    `others` stand for honest nodes; what they are is the mouth's own business.
    """

    rng: random.Random
    person: str
    device: str
    feed: RawFeed
    executor: str
    """The device that deploys are asked of."""
    lie_ms: int
    """The error of the clock that it tells its peers."""

    def now_ms(self) -> int:
        """The true time."""

    def new_feed(self) -> RawFeed:
        """Another of its own."""

    def author(
        self, payload: bytes, *, feed: RawFeed | None = None, **given: int | bytes | None
    ) -> SignedEntry:
        """An entry of its own, with anything in it."""

    def others(self) -> list[object]:
        """The nodes that it can speak to."""

    def spread(self, *entries: SignedEntry, to: list[object] | None = None) -> None:
        """Push these to some, or to all."""

    def ask(self, victim: object, request: wire.Request) -> None:
        """Make a request; the answer is not waited for."""

    def known(self) -> list[SignedEntry]:
        """The entries of honest members, as far as it heard them."""

    def members(self) -> list[tuple[str, str]]:
        """The person and device of each honest member."""

    def foresee(self) -> Event:
        """An event that a collector may tell next."""


class Strategy:
    """A way to lie. What is not overridden is the truth."""

    def __init__(self, liar: Mouth) -> None:
        self.liar, self.rng = liar, liar.rng

    def act(self) -> None:
        """Lie of oneself, when it is the liar's turn."""

    def records(self, records: list[Record]) -> list[Record]:
        return records

    def frozen(self, feeds: list[bytes]) -> list[bytes]:
        return feeds

    def entries(self, entries: list[SignedEntry]) -> list[SignedEntry]:
        return entries

    def hashes(self, content: bytes) -> bytes:
        """Of a digest or a summary."""
        return content

    def end(self, place: Place | None) -> Place | None:
        """The place where a page of records ends."""
        return place

    def wants(self, ranges: list[Range]) -> list[Range]:
        return ranges

    # What strategies share.

    def heard(self) -> list[Event]:
        """The latest words of honest members that it knows."""
        events = []
        for item in self.liar.known()[-40:]:
            with contextlib.suppress(InvalidEventError, MalformedEntryError):
                events.append(decode_event(parse_entry(item.body, item.signature).payload))
        return events

    def feeds(self) -> list[bytes]:
        """Feeds of others, and one of nobody."""
        return [parse_entry(item.body, item.signature).feed for item in self.liar.known()[-20:]] + [
            self.rng.randbytes(FEED_BYTES)
        ]

    def somebody(self) -> str:
        """Some honest person."""
        return self.rng.choice(self.liar.members())[0]

    def lie(self, kind: Kind, state: str, **fields: object) -> bytes:
        """A word in its own name, but for what is given."""
        return event(
            kind,
            state,
            **{"time": self.liar.now_ms(), "actor": self.liar.person, "title": "a lie"} | fields,
        )

"""The seam: what a broker offers, as the mesh sees it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

WAIT_S = 5.0
"""Seconds that a read waits for something new."""
MOST_BYTES = 512 * 1024
"""The largest message that a carrier takes or sends."""


Sent = Callable[[], None]
"""Called when a log has taken something."""


class BrokerError(Exception):
    """The broker is not there, or refuses; the message says which, for a person."""


class Message(NamedTuple):
    """Something in a log, as it came: unproven bytes under a number."""

    seq: int
    topic: str
    data: bytes


class Outgoing(NamedTuple):
    """Something to append."""

    topic: str
    data: bytes
    id: str
    """Name of the message: the broker drops repeats of it for a while.

    Empty: it drops none.
    """


class Receipt(NamedTuple):
    """The answer to an append, on the broker's disk."""

    seq: int
    repeated: bool
    """Nothing was appended: `seq` was given under the same id."""


@dataclass(frozen=True)
class Extent:
    """The numbers that a log holds now; some within may be gone."""

    made: str
    """Names this log; another one of the same name has another."""
    first: int
    last: int
    """Less than `first` when nothing is held."""
    since: int = 0
    """Time of the oldest message, UTC milliseconds; 0: nothing was dropped for its age or room."""


class Log(Protocol):
    """An append-only log at a broker. Numbers grow from 1.

    Raises:
        BrokerError: any of its methods.

    """

    async def extent(self) -> Extent:
        """Return what it holds."""

    async def read(self, first: int) -> Sequence[Message]:
        """Return the next messages from number `first` on, ascending.

        Waits up to `WAIT_S` for one, and then returns none.
        """

    async def at(self, seq: int) -> Message | None:
        """Return the message of a number; None when it is gone."""

    async def newest(self, topic: str) -> Message | None:
        """Return the last message of a topic; None when there is none."""

    async def append(self, messages: Sequence[Outgoing]) -> Sequence[Receipt]:
        """Append in this order. When it returns, all are on the broker's disk."""


class Broker(Protocol):
    """A broker that keeps the logs of one team."""

    @property
    def entries(self) -> Log:
        """The log of all entries. Its topics are feeds."""

    @property
    def papers(self) -> Log:
        """The log that keeps the newest message of each topic: policies and proofs."""

    async def open(self) -> None:
        """Connect; logs that are not there are made.

        Raises:
            BrokerError: it cannot be reached, or refuses.

        """

    async def close(self) -> None:
        """Let go of it."""

    async def say(self, site: str, word: bytes) -> None:
        """Say a short word to those of a site who are connected; it is kept nowhere.

        Raises:
            BrokerError: the connection is lost.

        """

    async def hear(self, site: str, on_word: Callable[[bytes], None]) -> Callable[[], None]:
        """Call `on_word` for what is said to a site, by whomever; returns the end of that.

        Raises:
            BrokerError: the connection is lost.

        """


async def append(log: Log, messages: Sequence[Outgoing]) -> None:
    """Append messages; when this returns, the log has exactly these bytes.

    Raises:
        BrokerError: it does not take them.

    """
    receipts = await log.append(messages)
    taken: list[Outgoing] = []
    for message, receipt in zip(messages, receipts, strict=True):
        if receipt.repeated:
            there = await log.at(receipt.seq)
            # Whoever may write to the log can have given our id to other bytes.
            if there is None or there.data != message.data or there.topic != message.topic:
                taken.append(message._replace(id=""))
    if taken:
        await log.append(taken)

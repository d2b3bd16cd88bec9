"""One stream of NATS JetStream, read by a short-lived consumer."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from devstream_desktop.mesh.carrier.broker import (
    MOST_BYTES,
    WAIT_S,
    BrokerError,
    Extent,
    Message,
    Outgoing,
    Receipt,
)
from devstream_desktop.mesh.carrier.nats.connection import Connection
from devstream_desktop.stream.entry import MAX_SEQ

if TYPE_CHECKING:
    from nats.js.client import JetStreamContext

SEND_S = 10.0
BATCH = 64
"""Messages asked for at once: at most 32 MiB, whatever somebody put there."""
SENT_AT_ONCE = 256
IDLE_S = 30.0
"""Seconds after which the server forgets a reader that went away."""


class NatsLog:
    """One stream.

    Args:
        connection: To its servers.
        name: The stream's.
        prefix: Begins the subject of each message.

    """

    def __init__(self, connection: Connection, name: str, prefix: str) -> None:
        self.name = name
        self.prefix = prefix
        self._connection = connection
        self._reader: JetStreamContext.PullSubscription | None = None
        self._consumer = ""
        self._next = 0
        """The number that the reader is at."""
        self._delivered = 0
        """Messages that the reader has brought."""
        self._silent = False
        """The last read brought nothing."""
        self._asked = 0.0
        """Time of the last read, `time.monotonic`."""
        self._oldest = (0, 0)
        """Number and time of the oldest message."""

    def forget(self) -> None:
        """Forget the reader of a connection that is over."""
        self._reader = None

    async def extent(self) -> Extent:
        """As `Log`."""
        async with self._connection.told():
            context = self._connection.context()
            info = await context.stream_info(self.name)
            first, last = max(1, info.state.first_seq), info.state.last_seq
            if last > MAX_SEQ:
                raise BrokerError("it numbers its messages as no server does")
            # Its server may have died, and then nobody answers: another reader is made.
            if self._silent and last >= self._next:
                self.forget()
            since = 0
            if first > 1 and info.state.messages:
                if self._oldest[0] != first:
                    stored = (await context.get_msg(self.name, first)).time
                    self._oldest = (first, round(stored.timestamp() * 1000) if stored else 0)
                since = self._oldest[1]
            return Extent(str(info.created), first, last, since)

    async def read(self, first: int) -> Sequence[Message]:
        """As `Log`."""
        async with self._connection.told():
            now = time.monotonic()
            forgotten = now - self._asked > IDLE_S / 2
            self._asked = now
            if self._reader is None or self._next != first or forgotten:
                await self._seek(first)
            reader = self._reader
            if reader is None:
                raise BrokerError("the connection was lost")
            self._silent = False
            try:
                found = await reader.fetch(BATCH, timeout=WAIT_S)
            except TimeoutError:
                self._silent = True
                self._connection.context()
                return []
            messages: list[Message] = []
            for one in found:
                place = one.metadata.sequence
                self._delivered += 1
                # The client drops what it has no room for.
                orderly = place.consumer == self._delivered and place.stream >= self._next
                if not orderly or place.stream > MAX_SEQ:
                    self.forget()
                    raise BrokerError("messages were lost on the way, and are read again")
                self._next = place.stream + 1
                messages.append(
                    Message(place.stream, one.subject.removeprefix(self.prefix), one.data)
                )
            return messages

    async def at(self, seq: int) -> Message | None:
        """As `Log`."""
        from nats.js.errors import NotFoundError

        async with self._connection.told():
            try:
                found = await self._connection.context().get_msg(self.name, seq)
            except NotFoundError:
                return None
            topic = (found.subject or "").removeprefix(self.prefix)
            return Message(seq, topic, found.data or b"")

    async def newest(self, topic: str) -> Message | None:
        """As `Log`."""
        from nats.js.errors import NotFoundError

        async with self._connection.told():
            context = self._connection.context()
            try:
                found = await context.get_last_msg(self.name, self.prefix + topic)
            except NotFoundError:
                return None
            return Message(found.seq or 0, topic, found.data or b"")

    async def append(self, messages: Sequence[Outgoing]) -> Sequence[Receipt]:
        """As `Log`."""
        receipts: list[Receipt] = []
        for at in range(0, len(messages), SENT_AT_ONCE):
            async with self._connection.told(), asyncio.timeout(SEND_S):
                context = self._connection.context()
                waiting = [
                    await context.publish_async(
                        self.prefix + one.topic,
                        one.data,
                        headers={"Nats-Msg-Id": one.id} if one.id else None,
                    )
                    for one in messages[at : at + SENT_AT_ONCE]
                ]
                for answer in await asyncio.gather(*waiting, return_exceptions=True):
                    if isinstance(answer, BaseException):
                        raise answer
                    receipts.append(Receipt(answer.seq, bool(answer.duplicate)))
        return receipts

    async def _seek(self, first: int) -> None:
        from nats.js import api

        context, before = self._connection.context(), self._reader
        self._reader = None
        if before is not None:
            with contextlib.suppress(Exception):
                await before.unsubscribe()
                await context.delete_consumer(self.name, self._consumer)
        config = api.ConsumerConfig(
            deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE,
            opt_start_seq=first,
            ack_policy=api.AckPolicy.NONE,
            inactive_threshold=IDLE_S,
            mem_storage=True,
            num_replicas=1,
        )
        self._reader = await context.pull_subscribe(
            "", stream=self.name, config=config, pending_bytes_limit=BATCH * (MOST_BYTES + 4096)
        )
        self._consumer, self._next, self._delivered = str(config.name), first, 0

"""A member with a genuine certificate and no scruples: it speaks the mesh's wire and signs what it
likes.

Nothing of what it sends goes through a check of the product: entries, events and messages are put
together from any values, also wrong ones. TLS and the framing of nng are the product's
(mesh/transport/), so that it is let in like everybody.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import raw_feed
from raw_feed import RawFeed, nested

from devstream_desktop.home import Home
from devstream_desktop.keys.device_key import DeviceKey
from devstream_desktop.keys.vault import Vault
from devstream_desktop.mesh import wire
from devstream_desktop.mesh.transport.callers import Caller, Callers
from devstream_desktop.mesh.transport.link import Credentials, Lane, Link, tls_config
from devstream_desktop.mesh.transport.listener import Listener
from devstream_desktop.stream.entry import HASH_BYTES, preamble
from devstream_desktop.stream.words import Kind
from devstream_desktop.team.team import Team

__all__ = [
    "INDEX",
    "Answers",
    "RawFeed",
    "RawLink",
    "RawMember",
    "event",
    "nested",
    "now_ms",
    "records",
    "shows",
]

INDEX = bytes(16)
Answer = wire.Reply | bytes | None
"""A reply, a frame of any bytes, or None to hang up."""
Answers = Mapping[type, Callable[[wire.Request], Answer | Awaitable[Answer]]]
"""The lies of a listener by type of request; all else it answers honestly."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def event(kind: Kind | str, state: str, **fields: object) -> bytes:
    """The payload of an event of now with any content (raw_feed.py)."""
    return raw_feed.event(kind, state, **{"time": now_ms()} | fields)


class RawLink:
    """A dialed link; every request is one call."""

    def __init__(self, link: Link) -> None:
        self.link = link

    async def ask(
        self, request: wire.Request | bytes, lane: Lane = Lane.OTHER, seconds: float = 10
    ) -> wire.Reply:
        """The reply to a request, or to a frame of any bytes.

        Raises:
            LinkError: it was cut off.

        """
        frame = request if isinstance(request, bytes) else wire.encode(request)
        asking = asyncio.create_task(self.link.call(frame, lane, seconds))
        lost = asyncio.create_task(self.link.lost.wait())
        await asyncio.wait((asking, lost), return_when=asyncio.FIRST_COMPLETED)
        lost.cancel()
        if not asking.done():  # cut off: no answer will come
            await self.link.close()
        return wire.decode_reply(await asking)

    async def push(self, *entries: wire.SignedEntry) -> wire.Reply:
        return await self.ask(wire.Push(list(entries), 0), Lane.PUSH)

    async def tail(self, lsn: int = 0, index: bytes = INDEX, wait_ms: int = 1000) -> wire.Reply:
        return await self.ask(
            wire.Tail(index, lsn, wait_ms, wire.BATCH_BYTES, 0), Lane.TAIL, wait_ms / 1000 + 10
        )


class RawMember:
    """One device of the team, in the attacker's hands.

    Args:
        team: The team's id.
        key: The device's key.
        credentials: A certificate for it, as the team's issuer gives to members.

    """

    def __init__(self, team: str, key: DeviceKey, credentials: Credentials) -> None:
        self.team = team
        self.key = key
        self.device = key.id
        self.heard: list[wire.Request] = []
        """The requests that it got as a listener."""
        self._credentials = credentials
        self._links: list[Link] = []
        self._listeners: list[Listener] = []

    @classmethod
    def of(cls, root: Path) -> tuple[RawMember, dict[str, str]]:
        """The member whose home is at `root`, and the person behind each device of its team."""
        home = Home(root)
        found = Team.load(home, Vault.open(home))
        own = Credentials(found.ca_pem, found.certificate.pem, found.certificate.key_pem)
        return cls(found.id, found.device, own), found.chain.current.persons

    def feed(self, epoch: int | bytes = 0) -> RawFeed:
        """A new feed; by its epoch one of as many as it likes."""
        return RawFeed(self.key.public, epoch, self.sign, now_ms)

    def sign(self, body: bytes) -> wire.SignedEntry:
        """Any bytes, signed as the body of an entry."""
        return wire.SignedEntry(body, self.key.sign(preamble(self.team) + body))

    def hello(self, **changed: object) -> wire.Hello:
        return msgspec.structs.replace(
            wire.Hello(wire.PROTOCOL, self.team, self.device, INDEX, 0, now_ms(), 0), **changed
        )

    async def dial(self, address: str, *, greet: bool = True, **changed: object) -> RawLink:
        """A link with the node at `address`; `changed` are fields of HELLO.

        Raises:
            LinkError: it was not let in.

        """
        link = Link(address, lambda _: None)
        raw = RawLink(link)
        try:
            await link.open(tls_config(self._credentials, server=False), 10)
            if greet:
                welcome = await raw.ask(self.hello(**changed))
                assert isinstance(welcome, wire.Welcome), welcome
        except BaseException:
            await link.close()
            raise
        self._links.append(link)
        return raw

    async def listen(self, answers: Answers | None = None, address: str = "127.0.0.1:0") -> str:
        """Be dialed.

        The address. `answers` are this member's lies; all else it answers as a node that holds
        nothing.
        """

        async def handle(_: Caller, frame: bytes) -> bytes | None:
            request = wire.decode_request(frame)
            self.heard.append(request)
            lie = (answers or {}).get(type(request))
            reply = lie(request) if lie is not None else self._honest(request)
            reply = await reply if isinstance(reply, Awaitable) else reply
            return reply if isinstance(reply, bytes | None) else wire.encode(reply)

        listener = Listener(
            handle=handle,
            gate=lambda _: None,
            callers=Callers(asyncio.Event()),
            on_refused=_nothing,
            on_stranger=_nothing,
        )
        self._listeners.append(listener)
        return await listener.open(address, self._credentials)

    async def close(self) -> None:
        links, self._links = self._links, []
        listeners, self._listeners = self._listeners, []
        await asyncio.gather(*(one.close() for one in (*links, *listeners)))

    async def _honest(self, request: wire.Request) -> wire.Reply:
        match request:
            case wire.Hello():
                return wire.Welcome(wire.PROTOCOL, self.team, self.device, INDEX, 0, now_ms(), [])
            case wire.Tail():
                await asyncio.sleep(min(request.wait / 1000, 0.5))
                return wire.News(INDEX, request.lsn, [], b"", request.policy, resync=False)
            case wire.Push():
                return wire.Pushed(len(request.entries), request.policy, resync=False)
            case wire.Digest():
                return wire.Records(INDEX, 0, [], [], [])
            case wire.Offer():
                return wire.Wants([], [])
            case wire.Fetch():
                return wire.Entries([])
            case wire.AskPeers():
                return wire.PeerList([])
            case wire.Proof():
                return wire.Proofs([])
            case wire.AskPolicy():
                return wire.Policies(request.version, [])


def records(*given: tuple[bytes, int]) -> list[wire.Record]:
    """The records of a liar: of each feed everything up to a number."""
    return [wire.Record(feed, 0, head, b"x" * HASH_BYTES, 1 << 62, []) for feed, head in given]


def shows(what: Sequence[wire.Record], frozen: Sequence[bytes] = ()) -> Answers:
    """Answers of a listener that says it holds `what`, of every bucket."""
    buckets = list(range(wire.BUCKETS))
    return {
        wire.Digest: lambda _: wire.Records(INDEX, len(what), buckets, list(what), list(frozen))
    }


def _nothing(*_: object) -> None:
    """Not looked at."""

"""The streams of a team at NATS servers: made, compared, and talked beside."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from devstream_desktop.mesh.carrier.broker import MOST_BYTES, BrokerError, Log
from devstream_desktop.mesh.carrier.nats.access import Access, missing_client
from devstream_desktop.mesh.carrier.nats.connection import Connection
from devstream_desktop.mesh.carrier.nats.log import NatsLog
from devstream_desktop.stream.entry import MAX_BODY, SIGNATURE_BYTES

if TYPE_CHECKING:
    from nats.aio.msg import Msg

REPEATS_S = 120
"""Seconds for which the server drops what comes again under one id."""
MOST_PAPERS = 64 * 1024 * 1024
MOST_WORDS = 256
"""Words said to a site that wait; more are dropped."""
_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_THAT_STREAM = 10060
"""JetStream's error code of a message that expects another stream."""


@dataclass(frozen=True)
class Wanted:
    """Configuration that the streams of a team should have."""

    seconds: int
    """Age at which an entry goes."""
    replicas: int = 1


def name_of(team: str) -> str:
    """Return a team's name in subjects and streams."""
    return team if _TOKEN.fullmatch(team) else hashlib.sha256(team.encode()).hexdigest()[:32]


class NatsBroker:
    """The streams of one team at NATS servers.

    Args:
        team: The team's id.
        access: Where, and as whom.
        wanted: How streams are made that are not there.

    """

    def __init__(self, team: str, access: Access, wanted: Wanted) -> None:
        name = name_of(team)
        self._wanted = wanted
        self._connection = Connection(access)
        self._said_to = f"devstream.{name}.site."
        self._entries = NatsLog(self._connection, f"devstream-{name}", f"devstream.{name}.feed.")
        self._papers = NatsLog(
            self._connection, f"devstream-{name}-papers", f"devstream.{name}.paper."
        )

    @property
    def entries(self) -> Log:
        """As `Broker`."""
        return self._entries

    @property
    def papers(self) -> Log:
        """As `Broker`."""
        return self._papers

    async def open(self) -> None:
        """As `Broker`."""
        if missing := missing_client():
            raise BrokerError(missing)
        await self._connection.open()
        await self._make_streams()

    async def close(self) -> None:
        """As `Broker`."""
        self._entries.forget()
        self._papers.forget()
        await self._connection.close()

    async def say(self, site: str, word: bytes) -> None:
        """As `Broker`."""
        async with self._connection.told():
            await self._connection.client().publish(self._said_to + site, word)

    async def hear(self, site: str, on_word: Callable[[bytes], None]) -> Callable[[], None]:
        """As `Broker`."""

        async def heard(message: Msg) -> None:
            on_word(message.data)

        async with self._connection.told():
            await self._connection.client().subscribe(
                self._said_to + site,
                cb=heard,
                pending_msgs_limit=MOST_WORDS,
                pending_bytes_limit=MOST_WORDS * 4096,
            )
        # It ends with the connection.
        return lambda: None

    async def remarks(self) -> list[str]:
        """Compare the streams with what is wanted; a sentence for each difference.

        Raises:
            BrokerError: they cannot be looked at.

        """
        async with self._connection.told():
            config = (await self._connection.context().stream_info(self._entries.name)).config
            found: list[str] = []
            # 0 is for ever.
            if config.max_age and config.max_age < self._wanted.seconds:
                days = f"{config.max_age / 86_400:g} days; the team keeps"
                found.append(
                    f"the stream {self._entries.name} keeps entries for {days}"
                    f" {self._wanted.seconds / 86_400:g}: raise its max-age"
                )
            if (config.num_replicas or 1) < self._wanted.replicas:
                found.append(
                    f"the stream {self._entries.name} has {config.num_replicas or 1} replicas,"
                    f" and {self._wanted.replicas} were asked for"
                )
            return found

    async def may_send(self, device: str) -> bool:
        """Tell whether this device may write its own feeds; nothing is stored."""
        try:
            async with asyncio.timeout(2.0):
                # A message for another stream is refused, and only after the rights were looked at.
                await self._connection.context().publish(
                    f"{self._entries.prefix}{device}.{'0' * 16}", b"", stream="none"
                )
        except TimeoutError:
            return False
        except Exception as error:  # noqa: BLE001 - the client's errors have no common base
            return getattr(error, "err_code", None) == _NOT_THAT_STREAM
        return False

    async def may_say(self, site: str) -> bool:
        """Tell whether this device hears at a site what it says there."""
        heard = asyncio.Event()
        with contextlib.suppress(BrokerError, TimeoutError):
            async with asyncio.timeout(2.0):
                end = await self.hear(site, lambda _: heard.set())
                await self.say(site, b"")
                await heard.wait()
                end()
        return heard.is_set()

    def subject_of(self, site: str) -> str:
        """Return the subject on which the nodes of a site talk."""
        return self._said_to + site

    def subjects_of(self, device: str) -> str:
        """Return the subjects of a device's feeds."""
        return f"{self._entries.prefix}{device}.>"

    async def _make_streams(self) -> None:
        from nats.js import api

        wanted, entries, papers = self._wanted, self._entries, self._papers
        same: dict[str, Any] = {
            "storage": api.StorageType.FILE,
            "num_replicas": wanted.replicas,
            "duplicate_window": min(REPEATS_S, wanted.seconds),
            "deny_purge": True,
        }
        await self._make_stream(
            api.StreamConfig(
                name=entries.name,
                subjects=[f"{entries.prefix}>"],
                max_age=wanted.seconds,
                max_msg_size=SIGNATURE_BYTES + MAX_BODY + 256,
                deny_delete=True,
                **same,
            )
        )
        await self._make_stream(
            api.StreamConfig(
                name=papers.name,
                subjects=[f"{papers.prefix}>"],
                max_msgs_per_subject=1,
                max_bytes=MOST_PAPERS,
                max_msg_size=MOST_BYTES + 256,
                **same,
            )
        )

    async def _make_stream(self, config: Any) -> None:
        from nats.js.errors import NotFoundError

        async with self._connection.told():
            try:
                await self._connection.context().stream_info(config.name)
            except NotFoundError:
                await self._connection.context().add_stream(config)

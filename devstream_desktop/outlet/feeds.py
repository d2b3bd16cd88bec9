"""Feeds of a node: the proof of who reads, and documents that are made when they are asked for."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from devstream_desktop.door.bucket import Bucket
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history.reader import Reader
from devstream_desktop.home import Home
from devstream_desktop.outlet import config
from devstream_desktop.outlet.config import Outlet, OutletError
from devstream_desktop.outlet.selection import latest
from devstream_desktop.sealed_list import Vault
from devstream_desktop.stream.query import Query

LINES = 100
LOOK_SECONDS = 2.0
"""Seconds between two looks at the outlets, however often anybody asks."""
FRESH_SECONDS = 2.0
"""Seconds for which a document is as good as new.

More than one, so that no two documents have one Last-Modified.
"""
READS_A_MINUTE, READS_AT_ONCE = 30, 60
"""Of one feed. A reader asks every few minutes; a team has one or a few."""
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Document:
    """A feed as it was at a moment."""

    body: bytes
    etag: str
    changed: int
    """Time since which it is this one, UTC seconds."""


@dataclass
class Feed:
    """A feed that is served, and how it is read. The counts are since the node started."""

    outlet: Outlet
    query: Query
    token: bytes
    reads: int = 0
    refused: int = 0
    """Reads with a wrong token, or too many at once."""
    seen: int = 0
    """Time of the last read, UTC milliseconds; 0: never."""
    trouble: str = ""
    document: Document | None = None
    fresh_until: float = 0.0
    """By the steady clock."""
    bucket: Bucket = field(
        default_factory=lambda: Bucket(READS_A_MINUTE / 60, READS_AT_ONCE, time.monotonic())
    )
    making: asyncio.Lock = field(default_factory=asyncio.Lock)


class Feeds:
    """The feeds of a home. Lives in one loop.

    Args:
        home: whose outlets and history.
        vault: seals their tokens.
        team: the name of the team.
        now: UTC milliseconds.

    """

    def __init__(self, home: Home, vault: Vault, team: str, now: Callable[[], int]) -> None:
        self._home = home
        self._vault = vault
        self._team = team
        self._now = now
        self._feeds: dict[str, Feed] = {}
        self.troubles: dict[str, str] = {}
        """The reasons why feeds are not served, by name."""
        self._looked = -LOOK_SECONDS
        self._looking = asyncio.Lock()
        # Nobody can prove a name that is no feed: its token is made here and never shown.
        self._decoy = secrets.token_bytes(32)

    async def named(self, name: str, token: str) -> Feed | None:
        """Return the feed of a name to whoever has its token."""
        await self.look()
        feed = self._feeds.get(name)
        known = feed.token if feed is not None else self._decoy
        if hmac.compare_digest(known, token.encode("utf-8", "surrogatepass")):
            return feed
        if feed is not None:
            feed.refused += 1
        return None

    def get(self, name: str) -> Feed | None:
        """Return the feed of a name, without any proof."""
        return self._feeds.get(name)

    def allows(self, feed: Feed) -> bool:
        """Take one read from the rate of a feed; False where it has none left."""
        allowed = feed.bucket.grant(1, time.monotonic())
        feed.refused += not allowed
        return allowed

    async def read(self, feed: Feed) -> Document:
        """Return a feed's document, and count the read.

        Raises:
            HistoryError: the history cannot be read now.

        """
        # One at a time: who comes meanwhile takes what the first one has made.
        async with feed.making:
            if feed.document is None or time.monotonic() >= feed.fresh_until:
                try:
                    body = await asyncio.to_thread(self._make, feed)
                except DevstreamError as error:
                    feed.trouble = str(error)
                    raise
                feed.fresh_until = time.monotonic() + FRESH_SECONDS
                etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
                if feed.document is None or feed.document.etag != etag:
                    feed.document = Document(body, etag, self._now() // 1000)
        feed.trouble = ""
        feed.reads += 1
        feed.seen = self._now()
        return feed.document

    def _make(self, feed: Feed) -> bytes:
        # With an XML library, which a node without feeds does not need.
        from devstream_desktop.outlet import atom

        with Reader(self._home.history) as reader:
            lines = latest(reader, feed.query, LINES)
        return atom.feed(feed.outlet, self._team, lines)

    async def look(self) -> None:
        """Follow the outlets that there are, if that was some time ago."""
        if time.monotonic() < self._looked + LOOK_SECONDS:
            return
        async with self._looking:
            if time.monotonic() < self._looked + LOOK_SECONDS:
                return
            try:
                listed = await asyncio.to_thread(config.outlets(self._home).load)
            except DevstreamError as error:
                # The sender says so in `status`; what is served goes on.
                _LOG.debug("%s", error)
                listed = [feed.outlet for feed in self._feeds.values()]
            feeds, before, self.troubles = dict[str, Feed](), self.troubles, {}
            for outlet in (one for one in listed if one.is_feed):
                known = self._feeds.get(outlet.name)
                if known is not None and known.outlet == outlet:
                    feeds[outlet.name] = known
                    continue
                try:
                    feeds[outlet.name] = await asyncio.to_thread(self._open, outlet)
                except (DevstreamError, OSError) as error:
                    self.troubles[outlet.name] = str(error)
                    if self.troubles[outlet.name] != before.get(outlet.name):
                        _LOG.warning("feed %s: %s", outlet.name, error)
            self._feeds = feeds
            self._looked = time.monotonic()

    def _open(self, outlet: Outlet) -> Feed:
        target = config.target_of(self._home, self._vault, outlet.name)
        # An empty token would be everybody's.
        if not target.key:
            raise OutletError(f"the feed {outlet.name} has no token; remove and add it again")
        return Feed(outlet, config.query_of(outlet), target.key.encode())

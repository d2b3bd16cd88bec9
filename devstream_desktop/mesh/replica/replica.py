"""A node's copy of every feed: its parts, put together. Pure: time is passed in, nothing waits."""

from __future__ import annotations

from dataclasses import replace

from devstream_desktop.mesh.replica.admission import Admission
from devstream_desktop.mesh.replica.author_table import AuthorTable
from devstream_desktop.mesh.replica.catalogue import Catalogue
from devstream_desktop.mesh.replica.expiry import PRUNE_CHUNK, Expiry
from devstream_desktop.mesh.replica.feeds import Feeds
from devstream_desktop.mesh.replica.identity import Identity
from devstream_desktop.mesh.replica.own_feed import OwnFeed
from devstream_desktop.mesh.replica.rules import Rules
from devstream_desktop.mesh.replica.shortfall import Shortfall
from devstream_desktop.mesh.replica.signatures import Signatures
from devstream_desktop.mesh.replica.store import LogStore
from devstream_desktop.mesh.replica.wants import Wants


class Replica:
    """One node's replica of every feed.

    Args:
        store: The log.
        identity: This device.
        authors: The team's rules about authors.
        retention_ms: Age at which entries expire, by their own stamps.

    """

    def __init__(
        self, *, store: LogStore, identity: Identity, authors: AuthorTable, retention_ms: int
    ) -> None:
        key = identity.key
        self.feeds = Feeds(store)
        self.catalogue = Catalogue(self.feeds)
        self.expiry = Expiry(self.feeds, retention_ms)
        self.signatures = Signatures(identity, store)
        self.own = OwnFeed(self.feeds, self.expiry, self.signatures, key)
        self._admission = Admission(self.feeds, key, authors)
        self.wants = Wants(self.feeds, self.own, self._admission)
        self.rules = Rules(
            feeds=self.feeds,
            expiry=self.expiry,
            own=self.own,
            signatures=self.signatures,
            admission=self._admission,
            authors=authors,
        )

    def shortfall(self, now: int) -> Shortfall:
        """Everything that is lacking of the known feeds, by reason."""
        return replace(self.feeds.shortfall(now), crowded=self._admission.crowded())

    def prune(self, now: int, limit: int = PRUNE_CHUNK) -> int:
        """Delete about `limit` expired rows; returns how many.

        0 means that none are left.
        """
        return self.expiry.prune(now, self.own.feed, limit)

    def policy_changed(self) -> bool:
        """Ask again for what was refused so far; True when there was anything."""
        again = [state for state in self.feeds.states() if state.refused]
        # The author table is another, so what is wanted is as well.
        self.feeds.revision += 1
        for state in again:
            state.refused = []
            # Known only for its refused numbers.
            if not state.head and not state.holds and not state.frozen:
                self.feeds.let_go(state)
        return self._admission.policy_changed() or bool(again)

"""Comparison of all that two nodes hold, in pages: one message holds some thousand feeds."""

from __future__ import annotations

import time

from devstream_desktop.mesh.wire import MalformedMessageError, Place

MAX_PAGES = 256
"""A million feeds: more than the largest team may have (`MAX_FEEDS` for each device)."""
QUIET_S = 60.0
"""Pause before two summaries that comparing could not level.

Floors, held back and refused entries may differ for good.
"""


class Comparison:
    """The place of both sides in showing each other their records.

    Each page begins where the one before ended. So what levels or grows meanwhile is neither left
    out nor begun with again. It is over when both have shown all.
    """

    def __init__(self) -> None:
        self.theirs: Place | None = None
        """The end of the peer's last page."""
        self.mine: Place | None = None
        """The end of ours."""
        self.buckets: list[int] = []
        """The buckets that differed at the beginning."""
        self.pages = 0
        self._shown = [False, False]

    @property
    def over(self) -> bool:
        """True when both have shown all."""
        return all(self._shown)

    @property
    def all_theirs(self) -> bool:
        """True when the peer has shown all it has."""
        return self._shown[0]

    @property
    def all_mine(self) -> bool:
        """True when we have shown all we have."""
        return self._shown[1]

    def saw(self, end: Place | None) -> None:
        """Note the end of a peer's page, None for its last.

        Raises:
            MalformedMessageError: it goes back, or the pages have no end.

        """
        self.pages += 1
        # A peer that lies could otherwise keep us comparing for ever.
        if end is not None and self.theirs is not None and _key(end) <= _key(self.theirs):
            raise MalformedMessageError("pages that go back")
        # The peer says when it is done, so somebody has to count.
        if self.pages > MAX_PAGES:
            raise MalformedMessageError("more feeds than a team can have")
        self.theirs, self._shown[0] = end, end is None

    def showed(self, end: Place | None) -> None:
        """Note the end of a page of ours, None for the last."""
        self.mine, self._shown[1] = end, end is None


class Divergence:
    """Summaries of two quiet nodes: when they differ, comparing may level them."""

    def __init__(self) -> None:
        self._mine = self._theirs = b""
        """The pair of summaries that comparing has not levelled; theirs is empty until seen."""
        self._since = 0.0
        self._unequal = 0
        """The count of quiet heartbeats in a row that differed."""

    def explained(self, mine: bytes) -> None:
        """Note that all was compared and nothing is left to send."""
        self._mine, self._theirs, self._since = mine, b"", time.monotonic()

    def seen(self, mine: bytes, theirs: bytes, *, quiet: bool) -> bool:
        """Look at both summaries; True when it is time to compare."""
        # News is on its way, so a difference says nothing yet.
        if theirs == mine or not quiet:
            self._unequal = 0
            return False
        self._unequal += 1
        known = self._mine == mine and self._theirs in (b"", theirs)
        if known and time.monotonic() - self._since < QUIET_S:
            self._theirs = theirs
            return False
        # Twice, because the first may only be on its way.
        return self._unequal >= 2


def _key(place: Place) -> tuple[int, bytes]:
    return (-place.hlc, place.feed)

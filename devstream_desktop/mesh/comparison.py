"""Comparing all that two nodes hold, in pages: a message holds some thousand feeds, and there may be more."""

from __future__ import annotations

from devstream_desktop.mesh.wire import MalformedMessageError, Place

MAX_PAGES = 256
"""A million feeds: more than the largest team may have (rules.MAX_FEEDS for each device)."""


class Comparison:
    """Where the two sides are in showing each other what they hold. It is over when both have shown all.

    Each page begins where the one before ended, so what levels or grows meanwhile is neither left out nor begun with again.
    """

    def __init__(self) -> None:
        self.theirs: Place | None = None
        """Where the peer's last page ended."""
        self.mine: Place | None = None
        """Where ours did."""
        self.buckets: list[int] = []
        """Those that differed at the beginning."""
        self.pages = 0
        self._shown = [False, False]

    @property
    def over(self) -> bool:
        """Whether all was compared."""
        return all(self._shown)

    @property
    def all_theirs(self) -> bool:
        """Whether the peer has shown all it has."""
        return self._shown[0]

    @property
    def all_mine(self) -> bool:
        """Whether we have."""
        return self._shown[1]

    def saw(self, end: Place | None) -> None:
        """The peer has shown a page that ends here, None for the last.

        Raises:
            MalformedMessageError: it goes back, or has no end.

        """
        self.pages += 1
        if end is not None and self.theirs is not None and (-end.hlc, end.feed) <= (-self.theirs.hlc, self.theirs.feed):
            raise MalformedMessageError("pages that go back")
        if self.pages > MAX_PAGES:
            raise MalformedMessageError("more feeds than a team can have")
        self.theirs, self._shown[0] = end, end is None

    def showed(self, end: Place | None) -> None:
        """We have shown a page that ends here, None for the last."""
        self.mine, self._shown[1] = end, end is None

"""Admission of feeds: which may be known at all, so that nobody fills every log with new ones."""

from __future__ import annotations

from devstream_desktop.mesh.replica.author_table import AuthorTable
from devstream_desktop.mesh.replica.feeds import Feeds
from devstream_desktop.stream.entry import KEY_BYTES

MAX_FEEDS = 256
"""Feeds kept of one device.

An honest one begins another after a restored backup, a lost database or a clock that was ahead, and
the oldest are forgotten 60 days after their last entry: that allows four new ones a day.
"""


class Admission:
    """Judges feeds by their author, and by how many that one has.

    Args:
        feeds: The known feeds.
        key: This device's public key. Its own feeds have no limit.
        authors: The team's rules.

    """

    def __init__(self, feeds: Feeds, key: bytes, authors: AuthorTable) -> None:
        self._feeds = feeds
        self._key = key
        self._authors = authors
        self._turned_away = False
        """Something of a foreign key was passed over. By the next policy it may be a member's."""
        self._crowded: set[bytes] = set()
        """Authors of whom surplus feeds were passed over."""

    def refusal(self, feed: bytes, begun: int = 0) -> str | None:
        """Return the reason to keep nothing of a feed; None where there is none.

        Not even the fact that it exists is kept then. `begun`: further feeds of its author that are
        about to be known.
        """
        author = feed[:KEY_BYTES]
        # Anybody can invent keys. Of foreign ones not even a note is kept.
        if not self._authors.is_author(author):
            self._turned_away = True
            return "its author is not in the team"
        full = self._feeds.count_of(author) + begun >= MAX_FEEDS
        # Known feeds go on, and a device never refuses its own.
        if full and feed not in self._feeds and author != self._key:
            self._crowded.add(author)
            return f"its device has begun more than {MAX_FEEDS} feeds"
        return None

    def crowded(self) -> tuple[bytes, ...]:
        """Return the authors who still have as many feeds as are kept."""
        count = self._feeds.count_of
        # A feed may have been forgotten since, and then there is a place again.
        self._crowded = {author for author in self._crowded if count(author) >= MAX_FEEDS}
        return tuple(self._crowded)

    def policy_changed(self) -> bool:
        """Begin anew; True when feeds were turned away that the new policy may admit."""
        turned_away, self._turned_away = self._turned_away, False
        return turned_away

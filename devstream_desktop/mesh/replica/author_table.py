"""The team's rules about authors, as far as replication asks for them."""

from __future__ import annotations

from typing import Protocol

from devstream_desktop.stream.entry import Entry


class AuthorTable(Protocol):
    """The author table of the current policy. All is called on the loop, and must be short."""

    def is_author(self, key: bytes) -> bool:
        """Return True for the key of a present or former member device.

        Of other keys nothing is kept, not even a note that there was something. Otherwise anybody
        who invents keys could fill every log.
        """

    def ended(self, feed: bytes) -> tuple[int, bytes] | None:
        """Return the number and hash of a revoked author's last valid entry.

        The number is 0 where nothing of the feed is accepted any more. None: the feed goes on.
        """

    def refusal(self, entry: Entry) -> str | None:
        """Return the reason to reject an entry; None where its author may write it.

        An entry of an unknown version is judged by its author alone.
        """

"""Branches that the stream has elsewhere than their repository."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from devstream_collectors.contract import SourceInfo
from devstream_collectors.kit.branches import Moved
from devstream_collectors.sources.git import change_event
from devstream_desktop.intake.occurrence import KnownFacts
from devstream_desktop.stream.event import InvalidEventError

MOST = 100
"""Branches that are compared in one look."""


class StrayBranches:
    """Finds branches of a repository that the stream has elsewhere.

    A report that came late, or was lost, may be its last word. At the second look the stream has
    had the time to hear of what the first one saw.

    Args:
        info: The source.
        scope: Of the repository's changes.
        known: The stream; None where nothing is compared.

    """

    def __init__(self, info: SourceInfo, scope: str, known: KnownFacts | None) -> None:
        self._info = info
        self._scope = scope
        self._known = known
        self._doubts: dict[str, tuple[str, str]] = {}
        """Branches that the stream had elsewhere at the last look: the commit, and its fact."""

    def look(self, branches: Mapping[str, str], names: Iterable[str], now: int) -> list[Moved]:
        """Return the moves from the stream's place of branches to their own.

        Args:
            branches: The commit of each branch that there is.
            names: Branches that should be there.
            now: UTC milliseconds.

        """
        if self._known is None:
            return []
        doubts: dict[str, tuple[str, str]] = {}
        strays: list[Moved] = []
        for name in sorted({*branches, *names})[:MOST]:
            # The stream is asked with an event of the branch; a name that makes none is set aside
            # elsewhere.
            with suppress(InvalidEventError):
                move = Moved(name, "", name)
                probe = change_event(
                    self._info, self._scope, move, forced=False, count=0, head=None, now=now
                )
                past = self._known.past(probe)
                newest = next((one for one in past if one.revision or one.state == "deleted"), None)
                head = branches.get(name, "")
                if newest is None or newest.revision == head:
                    continue
                doubts[name] = (head, newest.key)
                if self._doubts.get(name) == doubts[name]:
                    strays.append(Moved(name, newest.revision, head))
        self._doubts = doubts
        return strays

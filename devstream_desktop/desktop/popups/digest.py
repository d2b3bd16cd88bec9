"""The digest of lines that a burst holds back: it names the first reds and counts the rest.

It keeps counts and two lines, so its cost is the same however many lines there are.
"""

from __future__ import annotations

from collections import Counter

from devstream_desktop.language import ngettext
from devstream_desktop.stream.line import headline
from devstream_desktop.stream.subject import Line
from devstream_desktop.stream.words import RED_STATES, Kind

NAMED = 2
"""Reds that a digest names."""
_COUNTED = (Kind.CHANGE, Kind.DEPLOY, Kind.TICKET, Kind.INCIDENT)
"""Kinds that a digest counts each by itself, in their order."""


class Tally:
    """Lines by number and kind, and the first reds among them."""

    def __init__(self) -> None:
        self.count = 0
        self.named: list[Line] = []
        self._reds = 0
        self._kinds: Counter[Kind | None] = Counter()

    def add(self, line: Line) -> None:
        """Count a line."""
        self.count += 1
        event = line.event
        if (event.kind, event.state) not in RED_STATES:
            self._kinds[event.kind if event.kind in _COUNTED else None] += 1
            return
        self._reds += 1
        if len(self.named) < NAMED:
            self.named.append(line)

    def join(self, later: Tally) -> None:
        """Count what came later as well."""
        self.count += later.count
        self.named += later.named[: NAMED - len(self.named)]
        self._reds += later._reds
        self._kinds += later._kinds

    def text(self) -> str:
        """Name the reds and count the others: `billing: CI failed on main; 5 commits`."""
        named = [headline(line.event, line.transition) for line in self.named]
        failures = self._reds - len(named)
        counted = [_failures_text(failures)] if failures else []
        kinds = ((kind, self._kinds[kind]) for kind in (*_COUNTED, None))
        counted += [_count_text(kind, count) for kind, count in kinds if count]
        return "; ".join(part for part in (*named, ", ".join(counted)) if part)


class Digest:
    """Lines that are held back: those that the popup on the screen tells, and later ones."""

    def __init__(self) -> None:
        self._told, self._untold = Tally(), Tally()

    def add(self, line: Line) -> None:
        """Hold a line back."""
        self._untold.add(line)

    def tell(self) -> Tally:
        """Return all that is held, which a popup tells from now on."""
        self._told.join(self._untold)
        self._untold = Tally()
        return self._told

    def drop_told(self) -> None:
        """Let go of what was told; what came since is still to be told."""
        self._told = Tally()

    def clear(self) -> None:
        """Let go of everything."""
        self._told, self._untold = Tally(), Tally()


def _failures_text(count: int) -> str:
    return ngettext("{count} more failure", "{count} more failures", count).format(count=count)


def _count_text(kind: Kind | None, count: int) -> str:
    match kind:
        case Kind.CHANGE:
            text = ngettext("{count} commit", "{count} commits", count)
        case Kind.DEPLOY:
            text = ngettext("{count} deploy", "{count} deploys", count)
        case Kind.TICKET:
            text = ngettext("{count} ticket", "{count} tickets", count)
        case Kind.INCIDENT:
            text = ngettext("{count} incident", "{count} incidents", count)
        case _:
            text = ngettext("{count} other", "{count} others", count)
    return text.format(count=count)

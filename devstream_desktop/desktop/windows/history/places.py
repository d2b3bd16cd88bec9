"""The entries of the pane at the left: each a search, with the number of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import msgspec

from devstream_desktop.desk.preferences import Search
from devstream_desktop.desktop.widgets.look import state_look
from devstream_desktop.desktop.widgets.marks import Shape
from devstream_desktop.desktop.widgets.theme import Tone
from devstream_desktop.language import N_, _
from devstream_desktop.stream.completion import quoted
from devstream_desktop.stream.thing import Thing

_MOST = 99
"""Counts above it are shown as `99+`."""


class Place(msgspec.Struct, frozen=True):
    """One entry: a name, the search behind it, and how many rows it has."""

    name: str
    query: str | None
    """None for a heading, and for the entry that saves."""
    count: int | None = None
    shape: Shape | None = None
    tone: Tone = Tone.PLAIN
    saved: int | None = None
    """Number of a saved search, from 0."""
    saves: bool = False
    """It saves the search that is shown."""

    @property
    def heading(self) -> bool:
        return self.query is None and not self.saves

    @property
    def counted(self) -> str:
        """The count as it is shown; empty for none."""
        if not self.count:
            return ""
        return f"{_MOST}+" if self.count > _MOST else str(self.count)


_VIEWS = (
    (N_("Everything"), ""),
    (N_("Production"), "env:production"),
    (N_("Deploys"), "kind:deploy"),
    (N_("Changes"), "kind:change"),
    (N_("Tickets"), "kind:ticket"),
)


def places(
    services: Sequence[str],
    red: Sequence[Thing],
    names: frozenset[str],
    new: int = 0,
    saved: Sequence[Place] = (),
) -> list[Place]:
    """Return all entries, from the top.

    Args:
        services: Services of the history.
        red: What is red now.
        names: The person's names, folded.
        new: How many lines came since they looked.
        saved: Entries of the saved searches.

    """
    unclaimed = sum(not thing.claimed_by for thing in red)
    mine = sum(thing.is_mine(names) for thing in red)
    loud = Tone.RED if red else Tone.PLAIN
    found = [
        Place(_("Red now"), "is:red", len(red), Shape.FIRING if red else None, loud),
        Place(_("Unclaimed"), "is:red -is:claimed", unclaimed),
        Place(_("Mine"), "is:mine", mine),
        Place(_("Unseen"), "is:unseen", new),
        Place(_("Views"), None),
        *(Place(_(name), query) for name, query in _VIEWS),
        # Above the services, which are many.
        *saved,
    ]
    if services:
        found.append(Place(_("Services"), None))
        found += [_service(name, red) for name in services]
    return found


def _service(name: str, red: Sequence[Thing]) -> Place:
    worst = next((thing for thing in red if thing.service == name), None)
    if worst is None:
        return Place(name, service_query(name))
    look = state_look(worst.line)
    return Place(name, service_query(name), shape=look.shape, tone=look.tone)


def service_query(name: str) -> str:
    """Return the search for one service; a name with spaces is quoted."""
    return f"service:{quoted(name)}"


def saved_places(kept: Sequence[Search], counts: Sequence[int], *, saves: bool) -> list[Place]:
    """Return the saved searches, and the entry that saves; nothing where there are none."""
    found = [
        Place(search.name, search.query, count, saved=at)
        for at, (search, count) in enumerate(zip_longest(kept, counts[: len(kept)]))
    ]
    if saves:
        found.append(Place(_("Save this search…"), None, tone=Tone.MUTED, saves=True))
    return [Place(_("Saved"), None), *found] if found else []

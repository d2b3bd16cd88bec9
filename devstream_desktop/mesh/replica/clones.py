"""Detection of cloned devices: two machines that write under one device key.

A copied home or machine image ends up in two feeds sooner or later. A number that both use freezes
the feed, and each goes on under an epoch of its own. An honest device never returns to a feed that
it has left, so two feeds of one device that grew side by side are two machines. All of it is read
from the log: every node sees it, linked with them or not.
"""

from __future__ import annotations

from devstream_desktop.mesh.replica.feeds import Feeds
from devstream_desktop.mesh.replica.own_feed import FUTURE_MS
from devstream_desktop.stream.entry import device_id, hlc_time

LATELY_MS = 86_400_000
"""A clone that has written nothing for a day is likely gone."""
SIDE_BY_SIDE_MS = FUTURE_MS
"""The longest overlap in time of two feeds of an honest device.

A device that lost its database may write this much behind its own last stamp, which a peer's clock
had pulled ahead.
"""


def living_twice(feeds: Feeds, now: int) -> dict[str, int]:
    """Devices that two machines write for.

    With each the last stamp of the second machine, UTC milliseconds.
    """
    heads: dict[bytes, list[tuple[int, bytes, int]]] = {}
    for state in feeds.states():
        # A frozen feed was left by both machines.
        if state.runs and state.head_entry is not None and not state.frozen:
            head = hlc_time(state.head_entry.hlc)
            if head > now - LATELY_MS:
                heads.setdefault(state.author, []).append((head, state.feed, state.runs[0][0]))
    found: dict[str, int] = {}
    for author, several in heads.items():
        if len(several) > 1:
            # The second newest feed shows when the other machine wrote last.
            last, *_ = sorted(several, reverse=True)[1]
            spans = [
                (hlc_time(first.hlc), head)
                for head, feed, seq in several
                if (first := feeds.store.entry(feed, seq)) is not None
            ]
            if _side_by_side(spans):
                found[device_id(author)] = last
    return found


def _side_by_side(spans: list[tuple[int, int]]) -> bool:
    """Return True when two of these spans overlap more than clocks explain."""
    until = 0
    for first, last in sorted(spans):
        if until and min(until, last) - first > SIDE_BY_SIDE_MS:
            return True
        until = max(until, last)
    return False

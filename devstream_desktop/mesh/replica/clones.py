"""Finds devices that live twice: a copied home, or the image of a whole machine, that writes beside its original under the same key.

Copies are sooner or later in two feeds: what they write under one number freezes it, and each goes on under an epoch of its own. An
honest device never returns to a feed that it has left, so two feeds of one device that grew side by side are two machines. All of it is
read from the log, so every node sees it, whether or not it is linked with them.
"""

from __future__ import annotations

from devstream_desktop.mesh.replica.feeds import Holdings
from devstream_desktop.mesh.replica.own_feed import FUTURE_MS
from devstream_desktop.stream.entry import device_id, hlc_time

LATELY_MS = 86_400_000
"""A copy that has written nothing for a day is likely gone."""
SIDE_BY_SIDE_MS = FUTURE_MS
"""A device that lost its database may write this much behind its own last stamp, which a peer's clock had pulled ahead."""


def living_twice(holdings: Holdings, now: int) -> dict[str, int]:
    """The devices of which two machines write, and when the second of them wrote last; all UTC milliseconds."""
    heads: dict[bytes, list[tuple[int, bytes, int]]] = {}
    for state in holdings.states():
        if state.runs and state.head_entry is not None and not state.frozen:
            head = hlc_time(state.head_entry.hlc)
            if head > now - LATELY_MS:
                heads.setdefault(state.author, []).append((head, state.feed, state.runs[0][0]))
    found: dict[str, int] = {}
    for author, feeds in heads.items():
        if len(feeds) > 1:
            last, *_ = sorted(feeds, reverse=True)[1]
            spans = [(hlc_time(first.hlc), head) for head, feed, seq in feeds if (first := holdings.store.entry(feed, seq)) is not None]
            if _side_by_side(spans):
                found[device_id(author)] = last
    return found


def _side_by_side(spans: list[tuple[int, int]]) -> bool:
    """Whether two of these times, each from a first to a last, overlap by more than clocks can explain."""
    until = 0
    for first, last in sorted(spans):
        if until and min(until, last) - first > SIDE_BY_SIDE_MS:
            return True
        until = max(until, last)
    return False

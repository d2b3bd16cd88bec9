"""Which entries of a run are genuine, and which two entries prove that a number was used twice.

The hash chain makes a signature vouch for everything before it, so a run costs one signature check and a hash an entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from devstream_desktop.stream.entry import Entry

MAX_BAD = 3
"""Wrong signatures looked at in one run before the rest is dropped; a check costs 0.1 ms, so this bounds what a liar can make us do."""


def genuine(
    run: Sequence[Entry], above: Callable[[Entry], Entry | None], signed: Callable[[Entry], bool]
) -> tuple[list[tuple[Entry, bool]], int]:
    """The genuine entries of one feed's `run` and how many were not.

    Args:
        run: Entries of one feed by ascending number, each number once.
        above: The genuine entry already held right after the given one, if any.
        signed: Whether the entry's own signature is right.

    Returns:
        The genuine entries, ascending, each with whether its own signature was checked; and the count of the others.

    """
    found: list[tuple[Entry, bool]] = []
    bad = 0
    after: Entry | None = None
    for entry in reversed(run):
        link = after if after is not None and after.seq == entry.seq + 1 else above(entry)
        if link is not None and link.prev == entry.hash:
            found.append((entry, False))
        elif bad < MAX_BAD and signed(entry):
            found.append((entry, True))
        else:
            bad += 1
            continue
        after = entry
    found.reverse()
    return found, bad


def before_end(
    found: Sequence[tuple[Entry, bool]], end: tuple[int, bytes], above: Callable[[Entry], Entry | None]
) -> tuple[list[tuple[Entry, bool]], list[int], int]:
    """What the hash chain leads to from the end of a feed. Whoever stole the key signs what he likes, but cannot meet a known hash.

    Args:
        found: Genuine entries of the feed, ascending.
        end: Number and hash of its last entry.
        above: The entry already held right after the given one, if any.

    Returns:
        Those of `found` that are proven, the numbers of those beyond the end, and how many were left out.

    """
    last, last_hash = end
    good: list[tuple[Entry, bool]] = []
    for entry, verified in reversed(found):
        after = good[-1][0] if good and good[-1][0].seq == entry.seq + 1 else above(entry)
        known = last_hash if entry.seq == last else after.prev if after is not None and entry.seq < last else b""
        if entry.hash == known:
            good.append((entry, verified))
    good.reverse()
    return good, [entry.seq for entry, _ in found if entry.seq > last], len(found) - len(good)


def contradict(one: Entry, other: Entry) -> bool:
    """Whether no honest device could have written both: one number twice, a clock that ran back, or a broken chain."""
    if one.feed != other.feed or one.hash == other.hash:
        return False
    if one.seq == other.seq:
        return True
    low, high = (one, other) if one.seq < other.seq else (other, one)
    return low.hlc >= high.hlc or (high.seq == low.seq + 1 and high.prev != low.hash)

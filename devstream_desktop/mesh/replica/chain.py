"""Proofs about runs of entries: genuine ones, contradicting ones, and the end of a revoked feed.

The hash chain lets one signature prove everything before it. A run then costs one signature check,
and one hash for each entry.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from devstream_desktop.mesh.replica import intervals
from devstream_desktop.mesh.replica.intervals import Ranges
from devstream_desktop.stream.entry import Entry, contradict

MAX_BAD = 3
"""Wrong signatures checked in one run before the rest is dropped.

A check costs 0.1 ms; this bounds the work that a liar can cause.
"""


class Checked(NamedTuple):
    """A genuine entry."""

    entry: Entry
    verified: bool
    """Its own signature was checked, not only the hash chain."""


Rivals = tuple[Entry, Entry]
"""Two entries of one feed that cannot both be honest: first the one held here."""
Lookup = Callable[[int], Entry | None]
"""Finds the held entry of a feed with this number."""


def genuine(
    run: Sequence[Entry], above: Callable[[Entry], Entry | None], signed: Callable[[Entry], bool]
) -> tuple[list[Checked], int]:
    """Find the genuine entries of one feed's `run`, and count the others.

    Args:
        run: Entries of one feed by ascending number, each number once.
        above: The genuine entry already held right after the given one, if any.
        signed: Verifies an entry's own signature.

    Returns:
        The genuine entries, ascending, and the count of the others.

    """
    found: list[Checked] = []
    bad = 0
    after: Entry | None = None
    for entry in reversed(run):
        link = after if after is not None and after.seq == entry.seq + 1 else above(entry)
        # The next entry names this one's hash, so its proof is this one's as well.
        if link is not None and link.prev == entry.hash:
            found.append(Checked(entry, verified=False))
        elif bad < MAX_BAD and signed(entry):
            found.append(Checked(entry, verified=True))
        else:
            bad += 1
            continue
        after = entry
    found.reverse()
    return found, bad


def before_end(
    found: Sequence[Checked],
    end: tuple[int, bytes],
    above: Callable[[Entry], Entry | None],
) -> tuple[list[Checked], list[int], int]:
    """Find the entries that the end of a revoked feed proves.

    Whoever stole the key can sign anything, but cannot make an entry with a known hash.

    Args:
        found: Genuine entries of the feed, ascending.
        end: Number and hash of its last entry.
        above: The entry already held right after the given one, if any.

    Returns:
        The proven ones of `found`, the numbers beyond the end, and how many were left out.

    """
    last, last_hash = end
    good: list[Checked] = []
    for entry, verified in reversed(found):
        after = good[-1][0] if good and good[-1][0].seq == entry.seq + 1 else above(entry)
        inner = after.prev if after is not None and entry.seq < last else b""
        known = last_hash if entry.seq == last else inner
        # A hash cannot be forged; a signature by a stolen key can.
        if entry.hash == known:
            good.append(Checked(entry, verified))
    good.reverse()
    beyond = [entry.seq for entry, _ in found if entry.seq > last]
    return good, beyond, len(found) - len(good)


def agreeing(
    found: Sequence[Checked], runs: Ranges, tip: Entry | None, at: Lookup
) -> tuple[list[Checked], list[Rivals]]:
    """Find the entries that contradict neither each other nor their held neighbours.

    Args:
        found: Genuine entries of one feed, ascending, none of them held.
        runs: The numbers held of the feed.
        tip: The last expired entry of the feed.
        at: Looks up a held entry.

    Returns:
        The agreeing entries, ascending, and the pairs that contradict each other.

    """
    good: list[Checked] = []
    rivals: list[Rivals] = []
    previous: Entry | None = None
    for item in found:
        entry = item.entry
        before = previous
        if previous is None or previous.seq != entry.seq - 1:
            low = intervals.below(runs, entry.seq)
            if low is not None and (previous is None or low > previous.seq):
                before = at(low)
            elif previous is None:
                before = tip
        if before is not None and contradict(before, entry):
            rivals.append((before, entry))
        else:
            good.append(item)
            previous = entry
    # Only the last of each run has a held neighbour above it. The others' neighbour is the next
    # entry of the batch, which was compared in the loop above.
    for index, (entry, _) in enumerate(good):
        if index + 1 == len(good) or good[index + 1].entry.seq != entry.seq + 1:
            high = intervals.above(runs, entry.seq)
            after = at(high) if high is not None else None
            if after is not None and contradict(entry, after):
                rivals.append((after, entry))
    return good, rivals


def provable(
    good: Sequence[Checked], runs: Ranges, signed: Callable[[Entry], bool]
) -> tuple[list[Checked], int]:
    """Find the entries that this log can prove, count the rest.

    An entry that only the next one proved needs its own signature when that one is not kept.
    """
    kept: list[Checked] = []
    bad = 0
    for entry, verified in reversed(good):
        follows = kept and kept[-1].entry.seq == entry.seq + 1
        follows = follows or intervals.contains(runs, entry.seq + 1)
        if verified or follows:
            kept.append(Checked(entry, verified))
        elif signed(entry):
            kept.append(Checked(entry, verified=True))
        else:
            bad += 1
    kept.reverse()
    return kept, bad

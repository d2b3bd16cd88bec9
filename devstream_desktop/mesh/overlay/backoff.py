"""Back-off between dials to one address: how long to wait after each end."""

from __future__ import annotations

import random

BACKOFF_MIN_MS, BACKOFF_MAX_MS = 1000, 60_000
REFUSED_MIN_MS = 4000
"""The first back-off after a refusal.

The peer may not have heard of us yet. Ask it soon again, but not as soon as one that was lost.
"""
STEADY_MS = 10_000
"""Life of a link that proves something.

From a peer that accepts and cuts off, one backs off as from one that is not there.
"""
RETURN_MS = 1500
LATELY_MS = 3_600_000
"""The longest back-off for an hour after a steady link broke.

So the peer is used within five seconds of its return. Within a dial TCP asks again every 4 s or
sooner, and a dial that nobody answers costs next to nothing.
"""
FLAPPING_MS = 8000
"""The same for a peer that answers and breaks off again.

Within seconds, as on the edge of a radio network.
"""
FULL_MIN_MS, FULL_MAX_MS = 60_000, 600_000
"""Back-off from a full peer, which named others.

The one that everybody was given by hand would spend its time refusing.
"""


def pause(failures: int, least: int, most: int, rng: random.Random) -> int:
    """Milliseconds until the next dial: doubled with each failure, and with jitter.

    So a team does not come back in one instant.
    """
    return round(min(most, least << min(failures - 1, 10)) * rng.uniform(0.5, 1.0))


def bounds(*, lately: bool, was_up: bool, refused: bool, full: bool) -> tuple[int, int]:
    """Return the shortest and the longest pause after a link ended.

    Args:
        lately: A steady link with this address broke within the hour.
        was_up: The link was up before it ended.
        refused: The peer does not want it.
        full: The peer has too many callers.

    """
    if full:
        return FULL_MIN_MS, FULL_MAX_MS
    least = REFUSED_MIN_MS if refused else BACKOFF_MIN_MS
    # A peer that was there an hour ago is likely to come back at any moment.
    if not lately:
        return least, BACKOFF_MAX_MS
    return least, FLAPPING_MS if was_up else RETURN_MS

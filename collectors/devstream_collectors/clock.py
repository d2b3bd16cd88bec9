"""When a source says something happened, and whether that is too long ago for a popup."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

LATE = 24 * 3600 * 1000
"""Milliseconds. Senders retry for days (Rollbar: 16); what is older than this is stored and shown, quietly."""
_AHEAD = 5 * 60 * 1000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ZONE = re.compile(r" ([+-]\d\d:?\d\d)$")


def milliseconds(text: str | None) -> int:
    """UTC milliseconds of an ISO 8601 time, or of GitLab's `2027-01-15 08:00:00 UTC` and `... +0200`; 0 when it is none."""
    try:
        moment = datetime.fromisoformat(_ZONE.sub(r"\1", text or "").replace(" UTC", "+00:00"))
    except ValueError:
        return 0
    try:
        return max(0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND)
    except (OverflowError, ValueError):
        return 0


def moment(said: int, received: int) -> tuple[int, bool]:
    """The time of an event and whether it is late, from what the source said (0: nothing) and when it came in.

    A source whose clock is ahead of ours does not get to write into the future.
    """
    if said <= 0 or said > received + _AHEAD:
        return received, False
    return said, received - said > LATE

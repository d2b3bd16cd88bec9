"""Values as services write them: an id that is a number here and a text there, a time in seconds or in ISO form, a person or an address.

A field that is read through these may hold any of it, or be null; a real payload is never refused for how it spells a value.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ZONE = re.compile(r" ([+-]\d\d:?\d\d)$")

Loose = object
"""A field that is declared so takes every JSON value; what these functions cannot read says nothing."""
_SECONDS_END = 100_000_000_000
"""A number below this is of seconds (until the year 5138), above it of milliseconds."""


def word(value: Loose) -> str:
    """The value as text: empty for what is no text and no number (true and false name nothing)."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else str(value)
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


def first(*values: Loose) -> str:
    """The first of these that says something."""
    return next((text for text in map(word, values) if text), "")


def when(value: Loose) -> int:
    """UTC milliseconds of an ISO 8601 time, or of a number of seconds or milliseconds; 0 when it is none."""
    if isinstance(value, str):
        plain = value.strip()
        digits = plain.replace(".", "", 1)
        if not (digits.isascii() and digits.isdigit()):
            return milliseconds(plain)
        value = float(plain)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value < 1 << 60:
        return 0
    return int(value if value >= _SECONDS_END else value * 1000)


def iso(moment: int) -> str:
    """A time of UTC milliseconds as services write it: `2027-01-15T08:00:00.000Z`."""
    return f"{datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H:%M:%S}.{moment % 1000:03}Z"


def whole(value: Loose) -> int:
    """The value as a count, 0 when it is none."""
    text = word(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def milliseconds(text: str | None) -> int:
    """UTC milliseconds of an ISO 8601 time, or of GitLab's `2027-01-15 08:00:00 UTC` and `... +0200`; 0 when it is none."""
    try:
        moment = datetime.fromisoformat(_ZONE.sub(r"\1", text or "").replace(" UTC", "+00:00"))
    except ValueError:
        return 0
    try:
        return max(
            0, ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - _EPOCH) // _MILLISECOND
        )
    except (OverflowError, ValueError):
        return 0


def sha(text: str | None) -> str:
    """A commit hash; empty for the all-zero hash that stands for nothing."""
    return text if text and text.strip("0") else ""


def person(*names: Loose) -> str:
    """The first of these names that is one; of a mail address or `Ana <ana@example.org>` only what is no address."""
    for name in names:
        plain = word(name).split("<", 1)[0].strip().split("@", 1)[0].strip()
        if plain:
            return plain
    return ""

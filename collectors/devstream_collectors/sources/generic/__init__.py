"""Anything that posts JSON, by a team's own rules (rules.py): the way in for senders that no module knows."""

from __future__ import annotations

from devstream_collectors.sources.generic.webhook import COLLECTOR, check, normalise, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "sample",
]

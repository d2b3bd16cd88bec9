"""Linear: issues that are opened, closed (completed or cancelled) or reopened, by webhook or from its GraphQL API."""

from __future__ import annotations

from devstream_collectors.sources.linear.poll import parse, requests
from devstream_collectors.sources.linear.webhook import COLLECTOR, check, normalise, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

"""PagerDuty: incidents that are triggered, resolved or opened again, by webhook (V3, and the older V2 and V1) or from its API."""

from __future__ import annotations

from devstream_collectors.sources.pagerduty.poll import parse, requests
from devstream_collectors.sources.pagerduty.webhook import COLLECTOR, normalise, sample

__all__ = [
    "COLLECTOR",
    "normalise",
    "parse",
    "requests",
    "sample",
]

"""Sentry: issues that are new, back or resolved, alert rules and metric alerts, by webhook of an integration or from its API."""

from __future__ import annotations

from devstream_collectors.sources.sentry.poll import parse, requests
from devstream_collectors.sources.sentry.webhook import COLLECTOR, check, normalise, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

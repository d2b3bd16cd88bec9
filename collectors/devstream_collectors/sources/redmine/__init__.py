"""Redmine: issues that are opened, closed or reopened, by the webhooks of Redmine 7, by those of the older plugin, or from its API."""

from __future__ import annotations

from devstream_collectors.sources.redmine.poll import parse, requests
from devstream_collectors.sources.redmine.webhook import COLLECTOR, normalise, sample

__all__ = [
    "COLLECTOR",
    "normalise",
    "parse",
    "requests",
    "sample",
]

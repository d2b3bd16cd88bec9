"""Buildkite: builds become events, by its webhooks or from its REST API."""

from __future__ import annotations

from devstream_collectors.sources.buildkite.poll import parse, requests
from devstream_collectors.sources.buildkite.webhook import COLLECTOR, normalise, sample

__all__ = [
    "COLLECTOR",
    "normalise",
    "parse",
    "requests",
    "sample",
]

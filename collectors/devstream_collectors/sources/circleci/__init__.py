"""CircleCI: workflows become events, by its outbound webhooks or from its API."""

from __future__ import annotations

from devstream_collectors.sources.circleci.poll import parse, requests
from devstream_collectors.sources.circleci.webhook import COLLECTOR, check, normalise, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

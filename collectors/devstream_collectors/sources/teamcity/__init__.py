"""TeamCity: builds become events, by its own webhooks, by those of the tcWebHooks plugin, or from its REST API."""

from __future__ import annotations

from devstream_collectors.sources.teamcity.poll import parse, requests
from devstream_collectors.sources.teamcity.webhook import COLLECTOR, check, normalise, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

"""Jenkins: builds become events, as the Notification plugin posts them or as the API has them."""

from __future__ import annotations

from devstream_collectors.sources.jenkins.poll import parse, requests
from devstream_collectors.sources.jenkins.webhook import COLLECTOR, normalise, sample

__all__ = [
    "COLLECTOR",
    "normalise",
    "parse",
    "requests",
    "sample",
]

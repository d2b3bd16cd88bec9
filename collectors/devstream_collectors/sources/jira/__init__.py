"""Jira: issues that are opened, closed or reopened, by webhook or from its API, Cloud and Data Center."""

from __future__ import annotations

from devstream_collectors.sources.jira.poll import parse, requests
from devstream_collectors.sources.jira.webhook import COLLECTOR, check, normalise, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

"""Azure DevOps, Services and Server: pushes, completed pull requests, builds, releases and work items become events."""

from __future__ import annotations

from devstream_collectors.sources.azuredevops.poll import parse, requests
from devstream_collectors.sources.azuredevops.webhook import COLLECTOR, check, normalise, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

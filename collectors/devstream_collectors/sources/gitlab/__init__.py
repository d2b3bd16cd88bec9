"""GitLab: pushes, merged merge requests, pipelines, deployments and issues become events, by webhook or from its API."""

from __future__ import annotations

from devstream_collectors.sources.gitlab.poll import parse, requests
from devstream_collectors.sources.gitlab.webhook import COLLECTOR, check, normalise, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

"""Gitea, Forgejo and Gogs: pushes, merged pull requests, runs of Actions and issues become events."""

from __future__ import annotations

from devstream_collectors.sources.gitea.poll import parse, requests
from devstream_collectors.sources.gitea.webhook import COLLECTOR, check, normalise, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

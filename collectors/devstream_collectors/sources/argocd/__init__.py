"""Argo CD: what it syncs, and whether that is healthy, by its notifications or from its API."""

from __future__ import annotations

from devstream_collectors.sources.argocd.webhook import COLLECTOR, normalise, parse, requests, sample

__all__ = [
    "COLLECTOR",
    "normalise",
    "parse",
    "requests",
    "sample",
]

"""Bitbucket, Cloud and Data Center: pushes, merged pull requests, builds (by commit status) and issues become events."""

from __future__ import annotations

from devstream_collectors.sources.bitbucket.webhook import (
    COLLECTOR,
    check,
    normalise,
    parse,
    requests,
    sample,
)

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

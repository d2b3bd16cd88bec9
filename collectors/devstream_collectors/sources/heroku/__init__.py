"""Heroku: releases and builds of apps, by webhook or from its API."""

from __future__ import annotations

from devstream_collectors.sources.heroku.webhook import COLLECTOR, check, normalise, parse, requests, sample

__all__ = [
    "COLLECTOR",
    "check",
    "normalise",
    "parse",
    "requests",
    "sample",
]

"""CloudEvents over HTTP, one by one or many at once: of what they carry, CDEvents make lines."""

from __future__ import annotations

from devstream_collectors.sources.cloudevents.webhook import COLLECTOR, normalise, sample

__all__ = [
    "COLLECTOR",
    "normalise",
    "sample",
]

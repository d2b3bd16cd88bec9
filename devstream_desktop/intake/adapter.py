"""Finds the collector modules that are installed: by entry point, so a team can add its own by installing a package."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from types import ModuleType
from typing import TypeGuard

from devstream_collectors.contract import SignatureScheme, WebhookCollector
from devstream_desktop.errors import DevstreamError

GROUP = "devstream.collectors"


class NoCollectorError(DevstreamError):
    """No installed collector has that name, or it is broken; the message says which there are."""


def collector_names() -> list[str]:
    """The types of source that are installed."""
    return sorted({point.name for point in entry_points(group=GROUP)})


@cache
def webhook_collector(name: str) -> WebhookCollector:
    """The webhook collector called `name`. Imports it, so it blocks the first time.

    Raises:
        NoCollectorError: there is none, or it does not import or lacks a part.

    """
    found = [point for point in entry_points(group=GROUP) if point.name == name]
    if not found:
        raise NoCollectorError(f"there is no collector {name!r}; installed: {', '.join(collector_names()) or 'none'}")
    try:
        module: object = found[0].load()
    except Exception as error:
        raise NoCollectorError(f"the collector {name!r} ({found[0].value}) cannot be imported: {error}") from error
    if not _is_webhook_collector(module):
        raise NoCollectorError(f"the collector {name!r} ({found[0].value}) takes no webhooks")
    return module


def _is_webhook_collector(module: object) -> TypeGuard[WebhookCollector]:
    return (
        isinstance(module, ModuleType)
        and isinstance(getattr(module, "SIGNATURE", None), SignatureScheme)
        and all(isinstance(getattr(module, name, None), str) for name in ("EVENT_HEADER", "DELIVERY_HEADER"))
        and all(callable(getattr(module, name, None)) for name in ("normalise", "sample"))
    )

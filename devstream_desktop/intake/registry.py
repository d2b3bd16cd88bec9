"""Registry of installed collectors, found by entry point.

A team adds a collector of its own by installing a package.
"""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, TypeGuard

from devstream_collectors.contract import (
    CertifiedCollector,
    Collector,
    CollectorModule,
    PollCollector,
    SourceInfo,
    TailCollector,
    WebhookCollector,
)
from devstream_desktop.errors import DevstreamError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

GROUP = "devstream.collectors"
EXTRA = "pip install 'devstream[collector]'"
_LIBRARIES = ("starlette", "uvicorn", "httptools", "httpx2", "jmespath", "defusedxml", "re2")
"""The extra's, by the names that they are imported by (pyproject.toml)."""


class NoCollectorError(DevstreamError):
    """A collector is missing, broken, or cannot do what is asked.

    The message lists the installed ones.
    """


def missing_libraries() -> tuple[str, ...]:
    """Name what an intake needs and this installation lacks. Git alone needs none of it."""
    return tuple(name for name in _LIBRARIES if find_spec(name) is None)


@cache
def installed() -> EntryPoints:
    """Return the entry points of the collectors found at the last look."""
    # Late, because the library brings one for mail along; most nodes have no source.
    from importlib.metadata import entry_points

    return entry_points(group=GROUP)


def collector_names() -> list[str]:
    """Return the types of source that are installed, each once."""
    return list(names_of_collectors())


def names_of_collectors() -> dict[str, list[str]]:
    """Return each installed type once, with its second names; in order of name.

    A second name, which is found but not listed, is one that is not its module's.
    """
    found: dict[str, list[str]] = {}
    for point in sorted(installed(), key=lambda point: point.name):
        own = point.value.rpartition(".")[2] == point.name
        found.setdefault(point.value, []).insert(0 if own else 1, point.name)
    return dict(sorted((first, others) for first, *others in found.values()))


@cache
def collector_module(name: str) -> CollectorModule:
    """Import the collector called `name`. Blocks the first time.

    Raises:
        NoCollectorError: there is none, or it does not import or lacks a part.

    """
    found = [point for point in installed() if point.name == name]
    if not found:
        # It may have been installed since.
        installed.cache_clear()
        found = [point for point in installed() if point.name == name]
    if not found:
        raise NoCollectorError(
            f"there is no collector {name!r}; installed: {', '.join(collector_names()) or 'none'}"
        )
    try:
        module: object = found[0].load()
    except ModuleNotFoundError as error:
        raise NoCollectorError(
            f"a source of type {name} needs {error.name}, which is not installed: {EXTRA}"
        ) from error
    except Exception as error:
        # Another team's package may raise anything while it is imported.
        raise NoCollectorError(
            f"the collector {name!r} ({found[0].value}) cannot be imported: {error}"
        ) from error
    if not _is_collector(module):
        raise NoCollectorError(
            f"the collector {name!r} ({found[0].value}) has no COLLECTOR that says what it is"
        )
    about = module.COLLECTOR
    # Checked here once, so that callers need not ask for each function before they use it.
    needed = (
        (("normalise", "sample") if about.webhook else ())
        + (("requests", "parse") if about.poll else ())
        + (("read",) if about.tail else ())
        + (("signed", "confirmation") if about.webhook and about.webhook.certified else ())
    )
    lacking = [part for part in needed if not callable(getattr(module, part, None))]
    if lacking:
        raise NoCollectorError(
            f"the collector {name!r} ({found[0].value}) lacks {', '.join(lacking)}"
        )
    return module


def webhook_collector(name: str) -> WebhookCollector:
    """Import the collector called `name`, which takes webhooks.

    Raises:
        NoCollectorError: as `collector_module`, or it takes none.

    """
    module = collector_module(name)
    if not _takes_webhooks(module):
        raise NoCollectorError(f"the collector {name!r} takes no webhooks")
    return module


def poll_collector(name: str) -> PollCollector:
    """Import the collector called `name`, which polls its service.

    Raises:
        NoCollectorError: as `collector_module`, or it cannot.

    """
    module = collector_module(name)
    if not _polls(module):
        raise NoCollectorError(f"the collector {name!r} cannot poll; its service must post to us")
    return module


def tail_collector(name: str) -> TailCollector:
    """Import the collector called `name`, which reads a file's lines.

    Raises:
        NoCollectorError: as `collector_module`, or it reads none.

    """
    module = collector_module(name)
    if not _reads_files(module):
        raise NoCollectorError(f"the collector {name!r} reads no file")
    return module


def is_repository(name: str) -> bool:
    """Tell whether sources of type `name` are git repositories; False when it is not installed."""
    try:
        return collector_module(name).COLLECTOR.git is not None
    except NoCollectorError:
        return False


def check_options(name: str, source: SourceInfo) -> None:
    """Let the collector check a source's options.

    Raises:
        NoCollectorError: as `collector_module`.
        ValueError: an option is wrong; the message is a sentence.

    """
    # Optional, so it is looked for here and not demanded of every collector.
    check: object = getattr(collector_module(name), "check", None)
    if callable(check):
        check(source)


def is_certified(module: WebhookCollector) -> TypeGuard[CertifiedCollector]:
    """Tell whether the sender signs its deliveries with a certificate."""
    return module.COLLECTOR.webhook is not None and module.COLLECTOR.webhook.certified is not None


def _is_collector(module: object) -> TypeGuard[CollectorModule]:
    return isinstance(module, ModuleType) and isinstance(
        getattr(module, "COLLECTOR", None), Collector
    )


def _takes_webhooks(module: CollectorModule) -> TypeGuard[WebhookCollector]:
    return module.COLLECTOR.webhook is not None


def _polls(module: CollectorModule) -> TypeGuard[PollCollector]:
    return module.COLLECTOR.poll is not None


def _reads_files(module: CollectorModule) -> TypeGuard[TailCollector]:
    return module.COLLECTOR.tail is not None

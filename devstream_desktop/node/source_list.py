"""The sources of a home: from a request to a source, and the list of them where no node runs."""

from __future__ import annotations

import re
from pathlib import Path

from devstream_collectors.contract import Collector
from devstream_desktop.control.messages.sources import GitSource, Source
from devstream_desktop.control.messages.status import SourceStatus
from devstream_desktop.home import Home
from devstream_desktop.intake.config import source_file as files
from devstream_desktop.intake.config.names import SourcesError, absolute_url
from devstream_desktop.intake.config.source_toml import check_source
from devstream_desktop.intake.registry import (
    EXTRA,
    NoCollectorError,
    collector_module,
    missing_libraries,
    names_of_collectors,
)


def type_names() -> dict[str, list[str]]:
    """List the types of source that can be added, with second names."""
    return names_of_collectors()


def title(kind: str) -> str:
    """Return the title of a type; one that is broken says so."""
    try:
        return describe(kind).title
    except NoCollectorError as error:
        return str(error)


def describe(kind: str) -> Collector:
    """Give the declaration of a type's collector.

    Raises:
        NoCollectorError: there is none of that type, or it is broken.
    """
    return collector_module(kind).COLLECTOR


def check(source: Source) -> None:
    """Check a new source as the list of sources does.

    Raises:
        SourcesError: it is not right, or cannot be listened to here; the message says why.

    """
    check_source(source)
    missing = () if isinstance(source, GitSource) else missing_libraries()
    if missing:
        what = f"what listens to sources is not installed here (no {', '.join(missing)})"
        raise SourcesError(f"{what}: {EXTRA}, then add the source again")


def absolute_location(location: str) -> str:
    """Make a repository's path absolute, for a node in another folder."""
    return absolute_url(location, Path.cwd())


def sources(home: Home) -> tuple[SourceStatus, ...]:
    """Return the sources of a home, none of which is listened to."""
    return tuple(
        SourceStatus(
            name=source.name,
            type=source.type,
            location=source.where,
            state="stopped",
            branches=source.branches,
        )
        for source in files.load_sources(home.sources)
    )


def follow_repository(home: Home, folder: Path) -> str:
    """Make the git repository around `folder` a source, once.

    It fills in its newest commits. Returns its name, empty when there is none.
    """
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
    if root is None:
        return ""
    try:
        known = files.load_sources(home.sources)
    except SourcesError as error:
        import logging

        # The intake says the same in `status`; a first start must not fail for it.
        logging.getLogger(__name__).warning("%s", error)
        return ""
    if any(isinstance(source, GitSource) and source.url == str(root) for source in known):
        return ""
    taken = {source.name for source in known}
    base = re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-")[:32] or "repository"
    name = next(
        candidate
        for candidate in (base, *(f"{base}-{number}" for number in range(2, 1000)))
        if candidate not in taken
    )
    files.save_sources(
        home.sources,
        [*known, GitSource(name=name, url=str(root), service=root.name[:60], backfill=True)],
    )
    return name

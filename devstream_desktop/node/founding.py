"""What a first start makes: a team of one that follows the repository it stands in. And where the history of a team that was left goes."""

from __future__ import annotations

import getpass
import logging
import re
from pathlib import Path

from devstream_desktop.home import Home
from devstream_desktop.intake.source_types import GitSource, SourcesError
from devstream_desktop.intake.sources import load_sources, save_sources
from devstream_desktop.team.team import Team
from devstream_desktop.team.vault import Vault

_log = logging.getLogger(__name__)


def found_solo(home: Home, vault: Vault) -> Team:
    """A team of one, named after the person who runs it, who may deploy everything that this node offers."""
    person = _login_name()
    return Team.create(home, vault, f"{person}'s desk", person, solo=True)


def follow_repository(home: Home, folder: Path) -> str:
    """Make the git repository around `folder` a source, once, filling in its newest commits; returns its name, empty when there is none."""
    root = next((place for place in (folder, *folder.parents) if (place / ".git").exists()), None)
    if root is None:
        return ""
    try:
        known = load_sources(home.sources)
    except SourcesError as error:
        # The intake says the same in `status`; a first start must not fail for it.
        _log.warning("%s", error)
        return ""
    if any(isinstance(source, GitSource) and source.url == str(root) for source in known):
        return ""
    taken = {source.name for source in known}
    base = re.sub(r"[^a-z0-9]+", "-", root.name.lower()).strip("-")[:32] or "repository"
    name = next(candidate for candidate in (base, *(f"{base}-{number}" for number in range(2, 1000))) if candidate not in taken)
    save_sources(home.sources, [*known, GitSource(name=name, url=str(root), service=root.name[:60], backfill=True)])
    return name


def set_history_aside(home: Home, label: str) -> None:
    """Keep the history of a team that was left beside the new one: its events are signed for that team and mean nothing here."""
    for suffix in ("", "-wal", "-shm"):
        file = home.history.with_name(home.history.name + suffix)
        if file.exists():
            file.replace(home.root / f"history-{label}.sqlite{suffix}")
    home.feed_mirror.unlink(missing_ok=True)


def _login_name() -> str:
    try:
        name = getpass.getuser()
    except (OSError, KeyError):
        name = "me"
    return re.sub(r"[^\w.-]+", "-", name).strip("-") or "me"

"""Contents of a backup: which files of a home are in it, and the list that describes them.

A backup is a tar archive, compressed by gzip. Its last member is the list, `backup.json`; the
others are files of the home under their own names. Neither the key that opens the secrets is in
it, nor what a node makes anew: logs, clones of repositories, sockets, how far a carrier is.
`feed.json` is left out too: without it a restored node surely begins a new feed, and uses no number
twice.

Settings that are links, as of a program that manages files, are saved as what they lead to.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec

from devstream_desktop.deploy import database as deploys
from devstream_desktop.desk import store as desk
from devstream_desktop.errors import DevstreamError
from devstream_desktop.history import archive
from devstream_desktop.history.database import SCHEMA_VERSION
from devstream_desktop.home import Home
from devstream_desktop.intake import store as intake

FORMAT = 1
LIST = "backup.json"
VERSIONS = {
    "intake.sqlite": intake.VERSION,
    "deploy.sqlite": deploys.VERSION,
    "deploy-archive.sqlite": archive.VERSION,
    "desk.sqlite": desk.VERSION,
    "history.sqlite": SCHEMA_VERSION,
}
"""Version that is written of each database, in the order of copying.

The history comes last. What another database calls done is in it then; what it calls waiting may
be in it too, and is known when it is published again.
"""
_PLAIN = re.compile(
    r"(settings|sources|targets|desk)\.toml|carriers\.json"
    r"|outlets\.json|outlet-[\w.-]{1,60}\.json"
    r"|(ports|peers)\.json"
    r"|team/[\w.-]{1,100}"
    r"|secrets/([\w.-]{1,100}/)?[\w.-]{1,100}\.sealed"
    r"|deploy-logs/[\w.-]{1,100}\.log",
    re.ASCII,
)
_LINKED = re.compile(r"[a-z]+\.toml", re.ASCII)
"""Files that a person writes, and may keep elsewhere."""
_LONGEST = 100
"""Characters of a name: a longer one needs a header of its own in an archive."""
_NEVER = re.compile(r"\.\.|\.unreadable$|\.damaged-|\.new$")


class BackupError(DevstreamError):
    """A backup cannot be made or restored; the sentence says why and what to do."""


class Saved(msgspec.Struct, frozen=True):
    """One file of a backup."""

    name: Annotated[str, msgspec.Meta(max_length=300)]
    size: int
    digest: str
    """SHA-256 of its content, in hexadecimal digits."""


class Manifest(msgspec.Struct, frozen=True):
    """The list of a backup."""

    format: int
    devstream: str
    """Version of the devstream that made it."""
    made: Annotated[int, msgspec.Meta(ge=0, lt=4_102_444_800_000)]
    """UTC milliseconds, before the year 2100."""
    person: str
    team: str
    device: str
    versions: dict[str, int]
    """Version of each database."""
    files: list[Saved]


def belongs(name: str) -> bool:
    """Tell whether a backup holds files of this name."""
    if len(name) > _LONGEST or _NEVER.search(name):
        return False
    return name in VERSIONS or _PLAIN.fullmatch(name) is not None


def plain_files(home: Home) -> Iterator[str]:
    """Yield the names of the home's files that are no database."""
    for path in sorted(home.root.rglob("*")):
        name = path.relative_to(home.root).as_posix()
        if name in VERSIONS or not belongs(name):
            continue
        if _LINKED.fullmatch(name) if path.is_symlink() else path.is_file():
            yield name


def occupied(home: Home) -> str:
    """Name a file of the home that a restored one would replace; empty for a fresh home."""
    databases = (name for name in VERSIONS if Path(home.root, name).exists())
    # Another file of the team would stay beside the restored ones.
    of_team = (f"team/{path.name}" for path in home.team.glob("*"))
    return next(databases, "") or next(plain_files(home), "") or next(of_team, "")

"""The file of a home that says whose it is: `team/team.json`. It holds no key and no proof."""

from __future__ import annotations

import msgspec

from devstream_desktop.home import Home


class TeamFile(msgspec.Struct, frozen=True):
    """Content of the file."""

    format: int
    person: str
    solo: bool
    """The team of one that a first start founds by itself."""
    peers: tuple[str, ...] = ()
    """Addresses that the invite named, HOST:PORT."""


def read_team_file(home: Home) -> TeamFile:
    """Read the file.

    Raises:
        FileNotFoundError: this home is in no team.
        OSError, ValueError, RecursionError: it cannot be read.

    """
    return msgspec.json.decode((home.team / "team.json").read_bytes(), type=TeamFile)

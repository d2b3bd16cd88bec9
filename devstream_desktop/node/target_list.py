"""The targets of a home, for the command that writes them."""

from __future__ import annotations

from collections.abc import Mapping

from devstream_desktop.deploy import target_file
from devstream_desktop.home import Home


def add_target(home: Home, name: str, environment: str, settings: Mapping[str, object]) -> None:
    """Write a target into the home's targets.toml; a node that runs offers it within seconds.

    Raises:
        TargetsError: it is there already, the entry or the file holds a mistake, or it cannot be
            written; nothing was.

    """
    target_file.add_target(home.targets, name, environment, settings)

"""Options of one run of a node."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Options of one run of a node; empty where the settings decide."""

    listen: str = ""
    peers: tuple[str, ...] = ()
    discovery: bool = True
    intake: str = ""
    metrics: str = ""
    solo: bool = False
    """Found a team of one where there is no team yet."""
    follow: Path | None = None
    """The folder whose git repository a team of one follows."""

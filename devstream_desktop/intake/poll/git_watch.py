"""Watch on a local repository: its files show that it may have changed.

So a quiet repository costs no process.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from devstream_desktop.intake.poll.git_commands import GitError, git

MAX_FILES = 5000
"""Branch files that are looked at. Beyond that git is always asked."""


class RefWatch:
    """Compares a repository's branch files with those of the last look."""

    def __init__(self, repository: Path) -> None:
        self._repository = repository
        self._folder: Path | None = None
        self._last: tuple[object, ...] | None = None

    async def changed(self) -> bool:
        """Tell whether git should be asked: a file changed, or is unreadable."""
        if self._folder is None:
            try:
                path = await git(
                    "rev-parse",
                    "--path-format=absolute",
                    "--git-common-dir",
                    folder=self._repository,
                )
            except GitError:
                return True
            self._folder = Path(path.rstrip("\n"))
        now = await asyncio.to_thread(_look, self._folder)
        # None counts as changed: too many files, or none that can be read.
        before, self._last = self._last, now
        return now is None or now != before

    def forget(self) -> None:
        """Count as changed at the next call."""
        self._last = None


def _look(folder: Path) -> tuple[object, ...] | None:
    found: list[tuple[object, ...]] = []
    try:
        places = [folder / "HEAD", folder / "packed-refs", folder / "reftable" / "tables.list"]
        for parent, _, files in os.walk(folder / "refs" / "heads"):
            places += [Path(parent) / name for name in files if not name.endswith(".lock")]
            if len(places) > MAX_FILES:
                return None
        for place in sorted(places):
            try:
                status = place.stat()
            except FileNotFoundError:
                continue
            # git replaces these files: a new one has another inode, even in one tick of the clock.
            found.append((str(place), status.st_ino, status.st_mtime_ns, status.st_size))
    except OSError:
        return None
    return tuple(found)

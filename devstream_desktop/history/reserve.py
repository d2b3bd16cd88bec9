"""Reserve of eight MiB on the disk of a history.

When a write finds no room the ballast is let go: the node can prune, note what it must and stop
cleanly, and takes nothing new until there is room for the ballast again. Peers keep what was not
taken; it comes when the disk has room.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from devstream_desktop.control.node_words import DISK_FULL
from devstream_desktop.history.database import HistoryFullError

BALLAST_BYTES = 8 << 20
LEAST_BYTES = 256 << 10
"""Free bytes for new entries, where there was never a ballast."""


class Reserve:
    """Knows whether the disk of a history is full."""

    def __init__(self, history: Path) -> None:
        self._folder = history.parent
        self._ballast = history.with_name("ballast")
        self._needed = LEAST_BYTES
        self.full = False

    @property
    def trouble(self) -> str:
        """One sentence for a person while the disk is full, else empty."""
        if not self.full:
            return ""
        return DISK_FULL.format(folder=self._folder)

    def keep(self) -> bool:
        """Fill the ballast where there is room for twice as much.

        Tells whether the disk has room for new entries.
        """
        if not self._held():
            try:
                free = shutil.disk_usage(self._folder).free
                # Not the last room: others need some too.
                if free >= 2 * BALLAST_BYTES:
                    self._fill()
                elif self.full and free < self._needed:
                    return False
            except OSError:
                self._let_go()
                return False
        self.full = False
        return True

    def give(self) -> None:
        """Let the ballast go: a write found the disk full."""
        if self._let_go():
            self._needed = 2 * BALLAST_BYTES
        self.full = True

    def require(self) -> None:
        """Pass where there is room for new entries.

        Raises:
            HistoryFullError: the disk is full, as far as is known.

        """
        if self.full and not self.keep():
            raise HistoryFullError(self.trouble)

    def _held(self) -> bool:
        try:
            return self._ballast.stat().st_size >= BALLAST_BYTES
        except OSError:
            return False

    def _fill(self) -> None:
        with os.fdopen(
            os.open(self._ballast, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb"
        ) as file:
            if sys.platform in ("win32", "darwin"):
                # Random, because a file system may keep zeros in no room at all.
                file.write(os.urandom(BALLAST_BYTES))
            else:
                os.posix_fallocate(file.fileno(), 0, BALLAST_BYTES)

    def _let_go(self) -> bool:
        """Remove the ballast; tells whether there was one."""
        try:
            self._ballast.unlink()
        except OSError:
            return False
        return True

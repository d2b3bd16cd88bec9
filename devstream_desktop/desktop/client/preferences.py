"""The preferences in force: they follow their file, and windows change it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from devstream_desktop.desk.preferences import Preferences, PreferencesError, load_preferences
from devstream_desktop.desktop.client.background import Background

if TYPE_CHECKING:
    from devstream_desktop.desk.preferences_file import Change

_LOOK_MS = 2_000


class LivePreferences(QObject):
    """Follows `desk.toml`. A file with a mistake changes nothing but `mistake`."""

    changed = Signal()
    """Preferences or `mistake` changed."""

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self._read: tuple[int, int] | None = None
        self._writer = Background("preferences", self)
        self.current = Preferences()
        self.mistake = ""
        """The reason why the file is not in force, as a sentence; empty when it is."""
        self.look()
        timer = QTimer(self, interval=_LOOK_MS)
        timer.timeout.connect(self.look)
        timer.start()

    def look(self) -> None:
        """Read the file, if it is another than before."""
        stamp = self._stamp()
        if stamp == self._read:
            return
        self._read = stamp
        try:
            self.current, self.mistake = load_preferences(self.path), ""
        except PreferencesError as error:
            self.mistake = str(error)
        self.changed.emit()

    def edit(self, change: Change, refuse: Callable[[str], None], *, owner: QObject) -> None:
        """Write a change into the file; it counts as soon as it is written.

        `refuse` takes the reason why nothing was changed, unless `owner` is deleted by then.
        """
        # Late, as few days change anything.
        from devstream_desktop.desk.preferences_file import edit_preferences

        self._writer.run(
            lambda: edit_preferences(self.path, change),
            lambda _: self.look(),
            refuse=refuse,
            owner=owner,
        )

    def close(self) -> None:
        """Finish what is to be written."""
        self._writer.close(finish=True)

    def _stamp(self) -> tuple[int, int]:
        # A file that is gone is the usual preferences, and has a stamp of its own.
        try:
            found = self.path.stat()
        except OSError:
            return (0, 0)
        return found.st_mtime_ns, found.st_size

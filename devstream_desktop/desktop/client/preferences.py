"""The preferences in force, read again when their file changes."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from devstream_desktop.desk.preferences import Preferences, PreferencesError, load_preferences

_LOOK_MS = 2_000


class LivePreferences(QObject):
    """Follows `desk.toml`. A file with a mistake changes nothing but `mistake`."""

    changed = Signal()
    """Preferences or `mistake` changed."""

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._read: tuple[int, int] | None = None
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
            self.current, self.mistake = load_preferences(self._path), ""
        except PreferencesError as error:
            self.mistake = str(error)
        self.changed.emit()

    def _stamp(self) -> tuple[int, int]:
        # A file that is gone is the usual preferences, and has a stamp of its own.
        try:
            found = self._path.stat()
        except OSError:
            return (0, 0)
        return found.st_mtime_ns, found.st_size

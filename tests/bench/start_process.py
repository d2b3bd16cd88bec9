"""A start of the desk, or of a bare tray, offscreen; prints its figures as one line of JSON.

python start_process.py [HOME]
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"


def bare() -> tuple[float, float]:
    """Show a tray icon with a menu of one entry."""
    from PySide6.QtGui import QIcon, QPixmap
    from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

    application = QApplication([])
    picture = QPixmap(22, 22)
    picture.fill()
    icon, menu = QSystemTrayIcon(QIcon(picture)), QMenu()
    menu.addAction("Quit")
    icon.setContextMenu(menu)
    icon.show()
    application.processEvents()
    shown = time.process_time()
    return shown, shown


def desk(home: Path) -> tuple[float, float]:
    """Run the app until its window shows the history's first page."""
    # The app before Qt, as the command does: it prepares the import of Qt.
    from devstream_desktop.desktop import start  # isort: split
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from devstream_desktop.desktop.tray.tray import Tray
    from devstream_desktop.home import Home

    times: list[float] = []

    class Timed(start.Start):
        """The start, which opens the window and ends."""

        def load(self) -> None:
            times.append(time.process_time())
            self.menu.history_chosen.emit()
            super().load()
            self._look = QTimer(self, interval=5)
            self._look.timeout.connect(self._end)
            self._look.start()

        def _end(self) -> None:
            window = self.app and self.app._window
            if window and window.browser.model.rowCount():
                times.append(time.process_time())
                self._look.stop()
                QApplication.exit()

    start.Start = Timed
    # No screen takes the icon here, and without one the window would open at once.
    Tray.hosted = property(lambda _: True)  # type: ignore[assignment]
    assert start.run(Home(home), start_node=False) == 0
    tray, window = times
    return tray, window


def main() -> None:
    # As the command does; a bare tray leaves it to Python.
    if len(sys.argv) > 1:
        gc.disable()
    tray, filled = desk(Path(sys.argv[1])) if len(sys.argv) > 1 else bare()
    # The figures are taken: what is imported from here on counts no more.
    import msgspec
    from memory import unique_memory
    from start import Started

    said = Started(tray * 1000, filled * 1000, unique_memory())
    sys.stdout.write(msgspec.json.encode(said).decode() + "\n")


if __name__ == "__main__":
    main()

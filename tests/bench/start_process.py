"""A start of the desk, or of a bare tray, offscreen; prints its figures as one line of JSON.

python start_process.py [HOME]
"""

from __future__ import annotations

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
    """Show the desk's tray icon, then its window with the history's first page."""
    from PySide6.QtCore import QEventLoop
    from PySide6.QtWidgets import QApplication

    from devstream_desktop.desk.store import OPENED
    from devstream_desktop.desktop.app import App
    from devstream_desktop.desktop.tray.tray import Tray
    from devstream_desktop.desktop.widgets.icons import Mark, icon
    from devstream_desktop.home import Home

    application = QApplication([])
    application.setWindowIcon(icon(Mark.APP))
    at = Home(home)
    at.create()
    # No screen takes the icon here, and a first start would open the window at once.
    Tray.hosted = property(lambda _: True)  # type: ignore[assignment]
    app = App(at, start_node=False, node_command=None)
    app.store.note(OPENED)
    app.begin()
    application.processEvents()
    tray = time.process_time()
    app.show_history()
    while not (app._window and app._window.browser.model.rowCount()):
        application.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
    filled = time.process_time()
    app.end()
    return tray, filled


def main() -> None:
    tray, filled = desk(Path(sys.argv[1])) if len(sys.argv) > 1 else bare()
    # The figures are taken: what is imported from here on counts no more.
    import msgspec
    from memory import unique_memory
    from start import Started

    said = Started(tray * 1000, filled * 1000, unique_memory())
    sys.stdout.write(msgspec.json.encode(said).decode() + "\n")


if __name__ == "__main__":
    main()

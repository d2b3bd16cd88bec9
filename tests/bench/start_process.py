"""A start of the desk, or of a bare tray, offscreen; prints its figures as one line of JSON.

    python start_process.py [HOME [node]]

With `node` it starts the home's node too, as `devstream` does, and waits until that answers.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"


def bare() -> dict[str, float]:
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
    return {"tray": shown, "window": shown, **_memory()}


def desk(home: Path, *, node: bool) -> dict[str, float]:
    """Run the app until its window shows the history's first page."""
    # The app before Qt, as the command does: it prepares the import of Qt.
    from devstream_desktop.desktop import start  # isort: split
    from PySide6.QtCore import QTimer
    from PySide6.QtWidgets import QApplication

    from devstream_desktop.desktop.tray.tray import Tray
    from devstream_desktop.home import Home
    from devstream_desktop.program import node_command

    found: dict[str, float] = {}

    class Timed(start.Start):
        """The start, which opens the window and ends."""

        def load(self) -> None:
            found["tray"] = time.process_time()
            self.menu.history_chosen.emit()
            super().load()
            self._look = QTimer(self, interval=5)
            self._look.timeout.connect(self._end)
            self._look.start()

        def _end(self) -> None:
            window = self.app and self.app._window
            if not window or not window.browser.model.rowCount():
                return
            found.setdefault("window", time.process_time())
            if self.app and (self.app.state.ready or not node):
                self._look.stop()
                found.update(_memory())
                QApplication.exit()

    start.Start = Timed
    # No screen takes the icon here, and without one the window would open at once.
    Tray.hosted = property(lambda _: True)  # type: ignore[assignment]
    command = node_command(home, "--no-discovery", "--listen", "127.0.0.1:0")
    assert start.run(Home(home), start_node=node, node_command=command) == 0
    return found


def _memory() -> dict[str, int]:
    """Take memory; what is imported from here on counts no more."""
    import psutil

    own = psutil.Process()
    nodes = own.children(recursive=True)
    uss = [int(one.memory_full_info().uss) for one in (own, *nodes)]
    return {"memory": uss[0], "with_node": sum(uss)}


def main() -> None:
    home = sys.argv[1:2]
    if home:
        # As the command does.
        gc.disable()
    found = desk(Path(home[0]), node=sys.argv[2:] == ["node"]) if home else bare()
    for time_ in ("tray", "window"):
        found[time_] *= 1000
    import json

    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()

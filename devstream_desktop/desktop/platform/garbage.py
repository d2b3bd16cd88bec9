"""Collection of Python's garbage, on the GUI thread only.

Python collects on whichever thread allocates. There an object of Qt that is part of a cycle would
be deleted by another thread than its own: its timers go on, and now and then the process ends
with a fault in memory. Qt forbids it (https://doc.qt.io/qt-6/threads-qobject.html).
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

_LOOK_MS = 1_000


class GarbageCollector(QObject):
    """Collects garbage in Python's place, at most once a second."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._settled = False
        timer = QTimer(self, interval=_LOOK_MS)
        timer.timeout.connect(self.look)
        timer.start()

    def look(self) -> None:
        """Collect the oldest generation that is due."""
        if not self._settled:
            # Modules and classes stay as long as the app; looking through them takes 50 ms.
            gc.collect()
            gc.freeze()
            self._settled = True
            return
        counts, limits = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if counts[generation] > limits[generation]:
                gc.collect(generation)
                return

    def close(self) -> None:
        """Leave it to Python again."""
        gc.unfreeze()
        gc.enable()

"""Start the real app, and tell the test where its buttons and fields are: `seen_desk.py HOME FILE`.

The file is JSON, written over and over: of each that is shown and can be used, its name with the
place of its middle on the screen; and the name of what has the focus. It starts no node.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget

from devstream_desktop.desktop import app, start
from devstream_desktop.home import Home

PLACES = Path(sys.argv[2])


class SeenApp(app.App):
    """The app, whose widgets a test sees."""

    def begin(self) -> None:
        super().begin()
        self._look = QTimer(self, interval=50)
        self._look.timeout.connect(_tell)
        self._look.start()


def _tell() -> None:
    shown = [one for one in QApplication.topLevelWidgets() if one.isVisible()]
    places = {
        _name(one): list(one.mapToGlobal(one.rect().center()).toTuple())
        for window in shown
        for kind in (QAbstractButton, QLineEdit)
        for one in window.findChildren(kind)
        if one.isVisible() and one.isEnabled() and _name(one)
    }
    new = PLACES.with_suffix(".new")
    focus = QApplication.focusWidget()
    # What has no name has a number, so that a step of the focus is seen.
    named = (_name(focus) or str(id(focus))) if focus is not None else ""
    new.write_text(json.dumps({"places": places, "focus": named}), encoding="utf-8")
    new.replace(PLACES)


def _name(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text.replace("&", "")


if __name__ == "__main__":
    app.App = SeenApp  # type: ignore[misc]
    sys.exit(start.run(Home(Path(sys.argv[1])), start_node=False))

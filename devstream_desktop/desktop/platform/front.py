"""Windows in front of the others."""

from __future__ import annotations

from PySide6.QtCore import QProcessEnvironment, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QWidget


def bring_to_front(window: QWidget) -> None:
    """Show a window in front of the others, with the keyboard."""
    # Wayland raises a window only with the token of the click that asked for it, and mako and older
    # GNOME send none. A window that is shown anew is in front.
    if window.isVisible() and not window.isActiveWindow() and _needs_a_token():
        window.hide()
    window.setWindowState(window.windowState() & ~Qt.WindowState.WindowMinimized)
    window.show()
    window.raise_()
    window.activateWindow()


def _needs_a_token() -> bool:
    if not QGuiApplication.platformName().startswith("wayland"):
        return False
    # Qt sets and unsets it behind Python's back.
    return not QProcessEnvironment.systemEnvironment().contains("XDG_ACTIVATION_TOKEN")

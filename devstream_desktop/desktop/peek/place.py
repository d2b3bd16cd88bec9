"""The place of the peek on the screen."""

from __future__ import annotations

from PySide6.QtCore import QPoint, QRect, QSize
from PySide6.QtGui import QCursor, QGuiApplication

GAP = 8
"""Pixels between the peek, the icon and the edges of the screen."""


def anchor(icon: QRect) -> QPoint | None:
    """Return the point where the icon was clicked; None where the platform tells none.

    `icon` is what the tray says of its icon, which may be empty.
    """
    # A Wayland client learns neither; its compositor chooses the place.
    if QGuiApplication.platformName().startswith("wayland"):
        return None
    # An icon that a panel draws for us has no geometry, but the pointer is on it.
    return icon.center() if icon.isValid() and not icon.isEmpty() else QCursor.pos()


def place(at: QPoint, size: QSize, screen: QRect) -> QPoint:
    """Return the corner of a window of `size` at a point: whole on the screen, beside the point.

    `screen` is the room without panels. Below the point in the upper half of the screen, else
    above it.
    """
    below = at.y() < screen.center().y()
    top = at.y() + GAP if below else at.y() - GAP - size.height()
    left = at.x() - size.width() // 2
    right, bottom = screen.right() + 1 - GAP, screen.bottom() + 1 - GAP
    return QPoint(
        max(screen.left() + GAP, min(left, right - size.width())),
        max(screen.top() + GAP, min(top, bottom - size.height())),
    )

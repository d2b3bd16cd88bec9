"""The surface of the peek: frameless, at the icon, and gone when its focus leaves."""

from __future__ import annotations

import math
import time

from PySide6.QtCore import QEvent, QRect, QRectF, Qt, QTimer
from PySide6.QtGui import (
    QGuiApplication,
    QKeyEvent,
    QPainter,
    QPainterPath,
    QPaintEvent,
    QPalette,
    QPen,
    QRegion,
    QResizeEvent,
)
from PySide6.QtWidgets import QApplication, QDialog

from devstream_desktop.desktop.peek.place import anchor, place
from devstream_desktop.desktop.widgets.theme import mix

_RADIUS = 10
_SAME_CLICK = 0.3
"""Seconds in which a click that took the focus reaches the icon."""


class Surface(QDialog):
    """A rounded window above the others; clicks on the icon open and close it.

    A dialog, because a screen reader takes a bare widget for no window at all.
    """

    def __init__(self) -> None:
        flags = Qt.WindowType.Tool | Qt.WindowType.FramelessWindowHint
        super().__init__(None, flags | Qt.WindowType.WindowStaysOnTopHint)
        self._opened_at = self._left_at = -math.inf
        self._focused = False
        # Without a compositor the corners of a see-through window are black; there it is cut.
        self._cut = QGuiApplication.platformName() == "xcb"
        self.setAttribute(Qt.WidgetAttribute.WA_TranslucentBackground, on=not self._cut)

    def click(self, icon: QRect) -> bool:
        """Open or close at a click on the tray's icon.

        Returns true for the second click of a double one, which wants the window.
        """
        now = time.monotonic()
        if now - self._opened_at < QApplication.doubleClickInterval() / 1000:
            self.close()
            return True
        if self.isVisible():
            self.close()
        elif now - self._left_at > _SAME_CLICK:
            self.show_at(icon)
        return False

    def show_at(self, icon: QRect) -> None:
        """Show it at the tray's icon."""
        self._opened_at = time.monotonic()
        self._focused = False
        at = anchor(icon)
        if at is not None:
            screen = QGuiApplication.screenAt(at) or QGuiApplication.primaryScreen()
            self.move(place(at, self.size(), screen.availableGeometry()))
        self.show()
        self.raise_()
        self.activateWindow()

    def end(self) -> None:
        """Close by one of its own keys; a click soon after is a first one."""
        self._opened_at = -math.inf
        self.close()

    def changeEvent(self, event: QEvent) -> None:
        """Close when the focus leaves for another window."""
        super().changeEvent(event)
        if event.type() != QEvent.Type.ActivationChange:
            return
        if self.isActiveWindow():
            self._focused = True
        elif self._focused:
            # One of its own menus takes the focus as well, where it is a window.
            QTimer.singleShot(0, self, self._leave)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Close with Esc."""
        if event.key() == Qt.Key.Key_Escape:
            self.end()
        else:
            super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the corners, where they cannot be see-through."""
        super().resizeEvent(event)
        if self._cut:
            self.setMask(QRegion(self._outline(0).toFillPolygon().toPolygon()))

    def paintEvent(self, _: QPaintEvent) -> None:
        """Paint the surface and its border."""
        palette = self.palette()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        window = palette.color(QPalette.ColorRole.Window)
        text = palette.color(QPalette.ColorRole.WindowText)
        painter.setPen(QPen(mix(text, window, 0.25), 1))
        painter.setBrush(window)
        painter.drawPath(self._outline(0.5))

    def _outline(self, inset: float) -> QPainterPath:
        path = QPainterPath()
        inside = QRectF(self.rect()).adjusted(inset, inset, -inset, -inset)
        path.addRoundedRect(inside, _RADIUS, _RADIUS)
        return path

    def _leave(self) -> None:
        # Opened again meanwhile, it waits for a focus that it has not had yet.
        left = self._focused and not self.isActiveWindow()
        if left and self.isVisible() and QApplication.activePopupWidget() is None:
            self._left_at = time.monotonic()
            self.close()

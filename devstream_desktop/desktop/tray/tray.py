"""The icon in the tray.

It is made again when a tray host appears, because Qt never finds a host that came later.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRect, QTimer, Signal
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from devstream_desktop.desktop.widgets.icons import MANY, Mark, badged_icon
from devstream_desktop.desktop.widgets.plain import popup_text

if TYPE_CHECKING:
    from devstream_desktop.desktop.platform.session_bus import Body, SessionBus

_WATCHER = "org.kde.StatusNotifierWatcher"
_LOOK_AGAIN_MS = 5_000
_GONE_MS = 5_000
"""Milliseconds after which a panel that only starts anew is back."""


class Tray(QObject):
    """The icon, its tooltip and its menu, while there is a tray."""

    clicked = Signal()
    balloon_clicked = Signal()

    def __init__(self, menu: QMenu, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._menu = menu
        self._mark = Mark.OFFLINE
        self._count = 0
        self._tooltip = "devstream"
        self._icon: QSystemTrayIcon | None = None
        self._hosted = False
        self._search = QTimer(self, interval=_LOOK_AGAIN_MS)
        self._search.timeout.connect(self._look_again)
        self._create()

    def follow(self, bus: SessionBus) -> None:
        """Hear of a tray that appears later."""
        bus.heard.connect(self._heard)
        bus.listen(interface="org.freedesktop.DBus", member="NameOwnerChanged", argument=_WATCHER)
        # One may have come between the icon and this.
        self._look_again()

    @property
    def hosted(self) -> bool:
        """True when a tray shows the icon; Qt's own `isVisible` is true even without one."""
        return self._hosted

    @property
    def icon(self) -> QSystemTrayIcon | None:
        return self._icon

    @property
    def place(self) -> QRect:
        """The place of the icon on the screen; empty where the tray does not tell."""
        return self._icon.geometry() if self._icon is not None else QRect()

    def show_state(self, mark: Mark, tooltip: str, unseen: int = 0) -> None:
        """Show an icon with a number, and a tooltip; the same ones again send nothing."""
        text, count = popup_text(tooltip), min(unseen, MANY)
        # Each change is a message on the bus and a redraw of the panel.
        if (mark, text, count) == (self._mark, self._tooltip, self._count):
            return
        self._mark, self._tooltip, self._count = mark, text, count
        if self._icon is not None:
            self._icon.setIcon(badged_icon(mark, count))
            self._icon.setToolTip(text)

    def close(self) -> None:
        """Remove the icon."""
        self._search.stop()
        self._drop()

    def _create(self) -> None:
        # Qt binds an icon to the host of the moment in which it is made.
        self._drop()
        self._hosted = QSystemTrayIcon.isSystemTrayAvailable()
        tray = QSystemTrayIcon(badged_icon(self._mark, self._count), self)
        tray.setToolTip(self._tooltip)
        tray.setContextMenu(self._menu)
        tray.activated.connect(self._activated)
        tray.messageClicked.connect(self.balloon_clicked)
        tray.show()
        self._icon = tray
        # Where a host announces itself by other means than D-Bus, only looking finds it.
        if self._hosted:
            self._search.stop()
        else:
            self._search.start()

    def _drop(self) -> None:
        if self._icon is not None:
            self._icon.hide()
            self._icon.deleteLater()
            self._icon = None

    def _heard(self, interface: str, member: str, body: Body) -> None:
        # NameOwnerChanged has name, old owner, new owner; no new owner means that the host left.
        if (
            interface == "org.freedesktop.DBus"
            and member == "NameOwnerChanged"
            and body[:1] == (_WATCHER,)
            and len(body) > 2
        ):
            if body[2]:
                # Qt has to notice the host first.
                QTimer.singleShot(200, self, self._look_again)
            else:
                QTimer.singleShot(_GONE_MS, self, self._look_if_gone)

    def _look_if_gone(self) -> None:
        if self._hosted and not QSystemTrayIcon.isSystemTrayAvailable():
            self._hosted = False
            self._search.start()

    def _look_again(self) -> None:
        if not self._hosted and QSystemTrayIcon.isSystemTrayAvailable():
            self._create()

    def _activated(self, reason: QSystemTrayIcon.ActivationReason) -> None:
        # The panel opens the menu itself on a right click, and macOS on any.
        reasons = QSystemTrayIcon.ActivationReason
        if reason in (reasons.Trigger, reasons.DoubleClick) and sys.platform != "darwin":
            self.clicked.emit()

"""Popups by the tray icon, where there is no notification server to speak to: no actions, nothing replaced, one at a time."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QSystemTrayIcon

from devstream_desktop.desktop.popups.notifier import Notice, Urgency
from devstream_desktop.desktop.widgets.text import popup_text

_SHOWN_MS = 8_000


class BalloonNotifier(QObject):
    """Shows popups through the tray icon there is at the moment; see `base.Notifier`. It is never told that one closed."""

    activated = Signal(str, str)
    closed = Signal(str)

    def __init__(self, tray: Callable[[], QSystemTrayIcon | None], parent: QObject | None = None) -> None:
        """`tray` gives the icon, which is made anew when the desktop's tray comes back."""
        super().__init__(parent)
        self._tray = tray
        self._last = ""

    def clicked(self) -> None:
        """The balloon was clicked; it does not say which, so it is the last."""
        if self._last:
            self.activated.emit(self._last, "default")

    def show_notice(self, notice: Notice) -> None:
        """Show it over whatever is shown."""
        tray = self._tray()
        if tray is None:
            return
        self._last = notice.key
        icon = QSystemTrayIcon.MessageIcon.Critical if notice.urgency is Urgency.CRITICAL else QSystemTrayIcon.MessageIcon.Information
        tray.showMessage(popup_text(notice.summary), popup_text(notice.body), icon, _SHOWN_MS)

"""Popups as the tray icon's balloon, where there is no notification server.

A balloon has no actions, is never replaced, and is shown alone.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QSystemTrayIcon

from devstream_desktop.desktop.popups.notifier import Notice, Urgency
from devstream_desktop.desktop.widgets.plain import popup_text

_SHOWN_MS = 8_000


class BalloonNotifier(QObject):
    """A `Notifier` by the tray icon; it never learns that a balloon closed."""

    activated = Signal(str, str)
    closed = Signal(str)

    def __init__(
        self, tray: Callable[[], QSystemTrayIcon | None], parent: QObject | None = None
    ) -> None:
        """Show popups by the icon that `tray` returns; it may change or be missing."""
        super().__init__(parent)
        self._tray = tray
        self._last = ""

    def clicked(self) -> None:
        """Report a click; Qt does not say on which balloon, so it is the last one."""
        if self._last:
            self.activated.emit(self._last, "default")

    def show_notice(self, notice: Notice) -> None:
        """Show the popup in place of any other."""
        tray = self._tray()
        if tray is None:
            return
        self._last = notice.key
        icon = (
            QSystemTrayIcon.MessageIcon.Critical
            if notice.urgency is Urgency.CRITICAL
            else QSystemTrayIcon.MessageIcon.Information
        )
        tray.showMessage(popup_text(notice.summary), popup_text(notice.body), icon, _SHOWN_MS)

    def withdraw(self, key: str) -> None:
        """Forget the popup; Qt cannot take a balloon off the screen."""
        if self._last == key:
            self._last = ""

    def withdraw_all(self) -> None:
        """Forget the last popup; its balloon goes with the icon."""
        self._last = ""

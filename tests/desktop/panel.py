"""A desktop that a test can look into, on a session bus of the test's own.

It is tray host, notification server and menu client. Only this desktop is false: the item, the
menu and the popups are what a real panel would get over D-Bus.
"""

from __future__ import annotations

import asyncio

from dbus_fast import Message, MessageType
from desktop_bus import DesktopBus
from panel_services import Note, Notifications, Watcher


class Panel(DesktopBus):
    """A panel and a notification server, in a thread of their own."""

    def __init__(self, address: str, *, tray: bool = True, notifications: bool = True) -> None:
        super().__init__(address)
        self._tray, self._notify = tray, notifications
        self._sender = ""
        self._holding = False
        self.held = 0
        """The popups that were taken and not answered."""

    @property
    def items(self) -> list[str]:
        return self.watcher.items

    @property
    def notes(self) -> list[Note]:
        return self.notifications.notes

    @property
    def closed(self) -> list[int]:
        return self.notifications.closed

    def invoke(self, note: Note, action: str) -> None:
        """Click an action of a popup."""
        self._loop.call_soon_threadsafe(self.notifications.ActionInvoked, note.id, action)

    def hold_answers(self) -> None:
        """Answer no popup from now on."""
        self._holding = True

    def dismiss(self, note: Note) -> None:
        self._loop.call_soon_threadsafe(self.notifications.NotificationClosed, note.id, 2)

    def restart_notifications(self) -> None:
        """Another notification server takes the place of the first; it knows no actions."""
        self._do(self._restart_notifications())

    def own_tray(self) -> None:
        """The panel comes up now."""
        self._do(self._own_tray())

    async def _start(self) -> None:
        await super()._start()
        self.watcher = Watcher(lambda: self._sender)
        self.notifications = Notifications()

        def peek(message: Message) -> bool:
            # The service interface hides who called, and the watcher needs it.
            if message.message_type is MessageType.METHOD_CALL:
                self._sender = message.sender or ""
            held = self._holding and message.member == "Notify"
            self.held += held
            return held

        self._bus.add_message_handler(peek)
        if self._tray:
            await self._own_tray()
        if self._notify:
            self._bus.export("/org/freedesktop/Notifications", self.notifications)
            await self._bus.request_name("org.freedesktop.Notifications")

    async def _restart_notifications(self) -> None:
        await self._bus.release_name("org.freedesktop.Notifications")
        self._bus.unexport("/org/freedesktop/Notifications")
        self.notifications = Notifications(name="another", caps=("body",))
        self._bus.export("/org/freedesktop/Notifications", self.notifications)
        await self._bus.request_name("org.freedesktop.Notifications")
        # What the desk asks the new server comes before what the test does next.
        await asyncio.sleep(0.2)

    async def _own_tray(self) -> None:
        self._bus.export("/StatusNotifierWatcher", self.watcher)
        await self._bus.request_name("org.kde.StatusNotifierWatcher")
        self.watcher.StatusNotifierHostRegistered()
